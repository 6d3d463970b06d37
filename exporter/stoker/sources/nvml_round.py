"""One look at all GPUs while it is under way, and the order in which they are told."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stoker.sources.nvml_lost import HungError
from stoker.sources.nvml_values import Gpu

if TYPE_CHECKING:
    from stoker.sources.nvml_lost import EndedError


@dataclass(slots=True)
class Round:
    """See the module.

    Attributes:
        now: when it began, by the gate's clock.
        begun: the same in monotonic seconds of the machine.
        failures: what went wrong, one line each.
        paused: devices that are left out.
        until: monotonic seconds of the machine at which it has to be over; infinite before the first answer of the first look.
        read: what each device said.
        system: what the child said of the machine.
        count: how many devices the driver sees.
        replaced: whether a child was lost through no call of its own and another one asked.
    """

    now: float
    begun: float
    failures: list[str]
    paused: set[int]
    until: float
    read: dict[int, Gpu] = field(default_factory=dict)
    system: dict[str, Any] = field(default_factory=dict)
    count: int = 0
    replaced: bool = False

    def cut_short(self, lost: HungError | EndedError, fair: float) -> bool:
        """Whether a device's call was ended only because the look was over, after less than `fair` seconds."""
        return (
            isinstance(lost, HungError) and lost.index >= 0 and lost.seconds < fair and time.monotonic() >= self.until
        )


def by_index(gpu: Gpu) -> tuple[int, str]:
    """What GPUs are sorted by."""
    return (index_of(gpu), gpu.uuid)


def index_of(gpu: Gpu) -> int:
    """NVML's index of a GPU; behind all of them where it is not known."""
    return int(gpu.gpu) if gpu.gpu.isdigit() else 1 << 30
