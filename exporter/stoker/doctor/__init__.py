"""Examines a machine and says what works here, what does not, and what to do. Starts and changes nothing."""

from stoker.doctor.finding import Finding, State

__all__ = ["Finding", "State"]
