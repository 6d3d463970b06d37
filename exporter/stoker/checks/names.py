"""Names keep to the field's forms: recorded series are `level:metric:operation`, alerts are CamelCase."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stoker.documents import Text

if TYPE_CHECKING:
    from stoker.checks.view import View
    from stoker.documents import Position, Problems

_ALERT = re.compile(r"[A-Z][a-z0-9]+([A-Z][a-z0-9]*)+\Z")
_RECORDING = re.compile(r"[a-z0-9_]+:[a-z0-9_]+:[a-z0-9_]+\Z")


def check(view: View, problems: Problems) -> None:
    """See the module."""
    for name, alert in view.pack.alerts.items():
        if not _ALERT.match(name):
            problems.add(
                _where(name, alert.at.position), "name", f"{name} is no alert name", "as in GpuTemperatureHigh"
            )
        if alert.severity is None and alert.levels is None:
            problems.add(alert.at.position, "severity", f"{name} has neither severity nor levels", "severity: warning")
        for severity in alert.levels or {}:
            if severity not in ("critical", "warning", "info", "none"):
                where = severity.position if isinstance(severity, Text) else alert.at.value("levels")
                problems.add(
                    where, "severity", f"{name}: {severity} is no severity", "one of critical, warning, info, none"
                )
    for name, recording in view.pack.recordings.items():
        if not _RECORDING.match(name):
            right = "as in instance:stoker_gpu_utilization_ratio:avg1h"
            problems.add(_where(name, recording.at.position), "name", f"{name} is not level:metric:operation", right)


def _where(name: str, fallback: Position) -> Position:
    return name.position if isinstance(name, Text) else fallback
