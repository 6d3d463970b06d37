"""Stoker: a Prometheus exporter and alert pack for machines that train and serve AI models."""

__version__ = "0.1.0"
