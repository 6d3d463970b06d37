"""The spec: data only, read through importlib.resources."""
