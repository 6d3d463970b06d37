"""What a collector is: it declares its metrics and reads them once when asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from stoker.metrics import Sample

if TYPE_CHECKING:
    from stoker.metrics import Desc


@dataclass(slots=True)
class Reading:
    """What one run of a collector gave.

    Attributes:
        samples: everything that could be read.
        failures: one line for each item that could not be read although it should have been (`mount /data: ...`);
            any failure makes `stoker_collector_success` 0, and the samples of the other items are served all the same.
        stuck: seconds for which something that was asked for has not answered, though the run goes on without it; 0 when all has.
    """

    samples: list[Sample] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    stuck: float = 0.0


class Collector(Protocol):
    """One thing that is measured.

    `collect` runs in a background thread that the schedule owns; it may block and may be abandoned when it does not return
    before the deadline. It never keeps a lock that another collector needs. It raises SourceError when
    nothing at all could be read, and UnavailableError when the machine does not have the thing (a normal state: said once, no failure).
    """

    @property
    def name(self) -> str:
        """The label `collector`: `host_disk`, `gpu_memory`, …."""

    @property
    def descs(self) -> tuple[Desc, ...]:
        """Every metric that `collect` may give."""

    def collect(self) -> Reading:
        """Read once."""
