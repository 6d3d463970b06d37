"""From a checked Pack to files: rules, tests, dashboards, routing, runbooks, reference."""
