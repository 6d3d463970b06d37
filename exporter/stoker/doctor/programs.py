"""Looks for the programs with which the generated files are proved."""

from __future__ import annotations

from stoker.doctor.finding import Finding, State
from stoker.errors import UnavailableError
from stoker.sources.programs import find


def tools() -> Finding:
    """Promtool and amtool: only `stoker check --all` calls them."""
    missing = []
    for name in ("promtool", "amtool"):
        try:
            find(name)
        except UnavailableError:
            missing.append(name)
    if missing:
        says = f"{' and '.join(missing)} not found: `stoker check --all` needs {'them' if len(missing) > 1 else 'it'}"
        return Finding(
            "tools", State.ABSENT, says, "Debian's packages prometheus and prometheus-alertmanager bring them"
        )
    return Finding("tools", State.OK, "promtool and amtool are here")
