"""NVML's events of critical errors (XID), in the child: registered once for each device, looked for without waiting.

An event has no time of its own. It happened after the look before the one that found it, so that each is told with both times. Events go
into a pipe of their own as soon as they are found: a call that hangs afterwards, and the end of this process, cost none of them. A line:
    {"gpu": "0", "uuid": "GPU-...", "xid": 79, "since": 1800000000.5, "when": 1800000001.5, "lost": 0}
"""

from __future__ import annotations

import ctypes
import json
import os
import time
from typing import Any

import pynvml

from stoker.sources.nvml_calls import NO_DEVICE, Nvml, Refused

_TURN = 256
"""Events of one look; what is left comes with the next one."""


class EventWatch:
    """The events of all devices that were added.

    Args:
        nvml: makes the calls.
        output: descriptor of the pipe, which does not block: what has no room is counted and told with the next event.
    """

    def __init__(self, nvml: Nvml, output: int) -> None:
        self._nvml = nvml
        self._output = output
        self._set: Any = None
        self._failed = False
        self._devices: dict[int | None, tuple[int, str]] = {}
        self._added: dict[str, bool] = {}
        self._failures: set[tuple[str, str]] = set()
        self._since = 0.0
        self._lost = 0

    def begin(self) -> None:
        """Look from now on; a library that has no events is asked once."""
        if self._set is not None or self._failed:
            self.look()
            return
        try:
            self._set = self._nvml.ask(NO_DEVICE, "nvmlEventSetCreate")
        except Refused as refused:
            self._failed = True
            self._note(refused)
        self._since = time.time()

    def end(self) -> None:
        """Look no more; the set is left to the end of this process, since freeing it might hang as looking did."""
        self._set = None
        self._devices.clear()
        self._added.clear()

    def add(self, index: int, uuid: str, handle: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - a handle of pynvml's
        """Register a device, unless it is; what went wrong, by call and error. One that has no events is asked once."""
        if self._set is None:
            return []
        self._devices[_number(handle)] = (index, uuid)
        if uuid in self._added:
            return []
        types = pynvml.nvmlEventTypeXidCriticalError
        try:
            self._nvml.ask(index, "nvmlDeviceRegisterEvents", handle, types, self._set)
        except Refused as refused:
            if refused.error not in ("NOT_SUPPORTED", "FUNCTION_NOT_FOUND"):
                return [(refused.call, refused.error)]
            self._added[uuid] = False
        else:
            self._added[uuid] = True
        return []

    def watches(self, uuid: str) -> bool:
        """Whether events of this device come."""
        return self._set is not None and self._added.get(uuid, False)

    def look(self) -> None:
        """Tell the events that have come."""
        if self._set is None:
            return
        for _ in range(_TURN):
            try:
                event = self._nvml.ask(NO_DEVICE, "nvmlEventSetWait_v2", self._set, 0)
            except Refused as refused:
                if refused.error != "TIMEOUT":
                    self._note(refused)
                self._since = time.time()
                return
            if event.eventType & pynvml.nvmlEventTypeXidCriticalError:
                self._tell(event)

    def failures(self) -> list[tuple[str, str]]:
        """What went wrong since the last time and concerned no device, by call and error."""
        failures, self._failures = sorted(self._failures), set()
        return failures

    def _note(self, refused: Refused) -> None:
        if refused.error not in ("NOT_SUPPORTED", "FUNCTION_NOT_FOUND"):
            self._failures.add((refused.call, refused.error))

    def _tell(self, event: Any) -> None:  # noqa: ANN401 - an event of pynvml's
        index, uuid = self._devices.get(_number(event.device)) or self._asked(event.device)
        now = time.time()
        told = {"gpu": "" if index < 0 else str(index), "uuid": uuid, "xid": int(event.eventData)}
        told |= {"since": min(self._since, now), "when": now, "lost": self._lost}
        try:
            os.write(self._output, json.dumps(told, separators=(",", ":")).encode() + b"\n")
        except OSError:  # nobody has read for long, or nobody is there any more
            self._lost += 1
        else:
            self._lost = 0

    def _asked(self, handle: Any) -> tuple[int, str]:  # noqa: ANN401 - a handle of pynvml's
        """Index and uuid of a device that NVML names with a handle that it did not give before."""
        try:
            return NO_DEVICE, str(self._nvml.ask(NO_DEVICE, "nvmlDeviceGetUUID", handle))
        except Refused:
            return NO_DEVICE, ""


def _number(handle: Any) -> int | None:  # noqa: ANN401 - a handle of pynvml's
    return ctypes.cast(handle, ctypes.c_void_p).value
