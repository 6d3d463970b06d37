"""Answers over HTTP: the exposition, health, reload and the status page."""
