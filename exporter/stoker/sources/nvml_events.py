"""The parent's end of the pipe of NVML's events; it outlives the children that write into it.

A child writes each event whole and never waits, and whoever reads never waits: what comes is never mixed, and a child that hangs holds nobody.
"""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from typing import NamedTuple

EVENT_CALLS = frozenset({"nvmlEventSetCreate", "nvmlDeviceRegisterEvents", "nvmlEventSetWait_v2"})
"""The readings do not need these, so that one of them which hangs costs the events and no device."""
_CHUNK = 1 << 16


class XidEvent(NamedTuple):
    """An XID that NVML told.

    Attributes:
        gpu: NVML's index; empty where it is not known.
        uuid: of the GPU; empty where NVML did not tell.
        xid: the code.
        since, when: seconds since the epoch between which it happened.
        lost: events before it that had no room.
    """

    gpu: str
    uuid: str
    xid: str
    since: float
    when: float
    lost: int


class EventPipe:
    """See the module. Any thread may read or close."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: tuple[int, int] | None = None
        self._rest = b""

    def writer(self) -> int:
        """The descriptor for a child, made when first asked for.

        Raises:
            OSError: there are no descriptors left.
        """
        with self._lock:
            if self._ends is None:
                self._ends = os.pipe()
                for descriptor in self._ends:
                    os.set_blocking(descriptor, False)
            return self._ends[1]

    def take(self) -> list[XidEvent]:
        """What has come since the last time; after the close, what had come before it."""
        with self._lock:
            self._read()
            *lines, self._rest = self._rest.split(b"\n")
            return [_event(line) for line in lines]

    def close(self) -> None:
        """Let go of both ends."""
        with self._lock:
            self._read()
            ends, self._ends = self._ends, None
            for descriptor in ends or ():
                os.close(descriptor)

    def _read(self) -> None:
        if self._ends is not None:
            with suppress(BlockingIOError):
                while data := os.read(self._ends[0], _CHUNK):
                    self._rest += data


def _event(line: bytes) -> XidEvent:
    told = json.loads(line)
    return XidEvent(told["gpu"], told["uuid"], str(told["xid"]), told["since"], told["when"], told["lost"])
