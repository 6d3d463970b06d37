"""Everything that is measured on the machine: one file for each thing, one Collector in each."""
