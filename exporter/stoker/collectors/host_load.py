"""The load averages."""

from __future__ import annotations

import os
from dataclasses import dataclass

from stoker.collectors.collector import Reading
from stoker.metrics import Desc, Kind, Sample

LOADS = tuple(
    Desc(f"stoker_host_load{minutes}", Kind.GAUGE, f"Mean number of runnable or blocked tasks over {minutes} minutes")
    for minutes in (1, 5, 15)
)


@dataclass(slots=True)
class HostLoad:
    """Load over 1, 5 and 15 minutes."""

    name: str = "host_load"
    descs: tuple[Desc, ...] = LOADS

    def collect(self) -> Reading:
        """Read once."""
        return Reading([Sample(desc, (), load) for desc, load in zip(LOADS, os.getloadavg(), strict=True)])
