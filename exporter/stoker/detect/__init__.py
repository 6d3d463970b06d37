"""What has to be computed from reports of a run, one detector in each file."""
