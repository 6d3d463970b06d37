"""The kernel's log device: one stream of records, each with its own time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stoker.logs.origin import Origin
from stoker.sources.kernel import KernelLog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stoker.logs.engine_totals import StreamReading
    from stoker.logs.origin import Intake


class Kernel(Origin):
    """See the module.

    Args:
        path: of the device.
        clock: seconds since the epoch.
    """

    def __init__(self, path: str, clock: Callable[[], float]) -> None:
        self._log = KernelLog(path, clock)
        self._reading: StreamReading | None = None
        self._lost = 0

    def turn(self, intake: Intake, steady: float, stopping: Callable[[], bool]) -> None:  # noqa: ARG002 - a turn is short
        """See Origin."""
        if self._reading is None:
            self._reading = intake.open(str(intake.settings.name), "", False)  # noqa: FBT003 - as Intake has it
        for record in self._log.turn():
            # as dmesg prints it: how far reports are apart tells whether they are about the same error
            text = b"[%12.6f] %b\n" % (record.uptime, record.text)
            intake.record(self._reading, text, record.when, record.old)
        if self._log.lost > self._lost:
            intake.lose("overwritten", self._log.lost - self._lost)
            self._lost = self._log.lost
        self.behind = self._log.behind

    def state(self) -> dict[str, Any]:
        """See Origin."""
        return {"kernel": self._log.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """See Origin."""
        if "kernel" in state:
            self._log.restore(state["kernel"])

    def close(self) -> None:
        """See Origin."""
        self._log.close()
