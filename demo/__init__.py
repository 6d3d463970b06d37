"""The demonstration behind `make up`: real servers, a real small training run, and the mail about what went wrong."""
