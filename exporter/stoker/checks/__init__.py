"""What must hold between spec, catalogue and formats; one check in each file."""
