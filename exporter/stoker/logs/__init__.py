"""From bytes of a log to observations and from observations to series."""
