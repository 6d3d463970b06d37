"""What a user may set: stoker.yaml, then the environment, then flags."""
