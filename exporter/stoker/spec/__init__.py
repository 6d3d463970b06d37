"""The spec as typed values: metrics, log formats, recording rules, alerts, dashboards and routes."""
