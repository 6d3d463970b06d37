"""The child process that speaks with NVML: a request on stdin, plain values on stdout, one JSON line each.

Handles never leave this process. It ends when stdin ends, or after an answer with `fatal`. Between two requests it looks for events about
once a second; they have a pipe of their own, see nvml_watch.

Answers to a request `{"skip": [index, ...], "watch": [index, ...], "events": true}`, in this order:
    {"driver": "590.48.01", "cuda": "13.1", "count": 8, "errors": [["nvmlEventSetWait_v2", "UNKNOWN"]]}
     or {"fatal": ["nvmlInit", "DRIVER_NOT_LOADED"]}
    {"registered": 0, "uuid": "GPU-...", "watched": true, "errors": []}   for each device that is to be watched though it is skipped
    {"index": 0, "uuid": "GPU-...", "pci": "0000:91:00.0", "static": {...}, "values": {...}, "links": [...], "instances": [...],
     "errors": [["nvmlDeviceGetPowerUsage", "UNKNOWN"]], "watched": true}   for each device that is not skipped
    {"end": true}
"""

from __future__ import annotations

import json
import mmap
import os
import select
import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

from stoker.sources.nvml_calls import ANNOUNCEMENT, NO_DEVICE, Nvml, Refused, text
from stoker.sources.nvml_device import Device
from stoker.sources.nvml_watch import EventWatch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CHUNK = 1 << 16
_EVENTS_EVERY = 1.0
"""Seconds between two looks for events."""


class Child:
    """Answers requests."""

    def __init__(self, nvml: Nvml, output: TextIO, events: EventWatch) -> None:
        self._nvml = nvml
        self._output = output
        self._events = events
        self._devices: dict[int, Device] = {}
        self._system: dict[str, str] | None = None
        self._driver = ""

    def answer(self, skip: frozenset[int], watch: Sequence[int], *, events: bool) -> bool:
        """Read every device that is not skipped; False when NVML itself does not work.

        Args:
            skip: indices.
            watch: indices of devices that another process has read just now, and whose events are looked for from now on.
            events: whether events are looked for from now on.
        """
        try:
            if self._system is None:
                self._nvml.ask(NO_DEVICE, "nvmlInit")
                self._driver = self._version()
                self._system = {"driver": self._driver, "cuda": self._cuda()}
            count = self._nvml.ask(NO_DEVICE, "nvmlDeviceGetCount")
        except Refused as refused:
            self._say({"fatal": [refused.call, refused.error]})
            return False
        for index in [index for index in self._devices if index >= count]:
            self._drop(index)
        if events:
            self._events.begin()
        else:
            self._events.end()
        self._say({**self._system, "count": count, "errors": self._events.failures()})
        if events:  # first of all, since somebody else may hang
            for index in watch:
                self._say(self._registered(index))
        for index in range(count):
            if index not in skip:
                self._say(self._device(index))
        self._nvml.rest()  # before the end is told: what becomes of this process afterwards is no call's fault
        self._say({"end": True})
        return True

    def _say(self, answer: dict[str, Any]) -> None:
        self._output.write(json.dumps(answer, separators=(",", ":"), default=text) + "\n")
        self._output.flush()

    def _version(self) -> str:
        try:
            return str(self._nvml.ask(NO_DEVICE, "nvmlSystemGetDriverVersion"))
        except Refused:
            return ""

    def _cuda(self) -> str:
        try:
            number = self._nvml.ask(NO_DEVICE, "nvmlSystemGetCudaDriverVersion")
        except Refused:
            return ""
        return f"{number // 1000}.{number % 1000 // 10}"

    def _device(self, index: int) -> dict[str, Any]:
        try:
            handle = self._nvml.ask(index, "nvmlDeviceGetHandleByIndex", index)
            uuid = str(self._nvml.ask(index, "nvmlDeviceGetUUID", handle))
        except Refused as refused:
            self._drop(index)
            return {"index": index, "uuid": "", "errors": [(refused.call, refused.error)]}
        device = self._devices.get(index)
        if device is None or device.uuid != uuid:
            self._drop(index)
            device = self._devices[index] = Device(self._nvml, index, uuid, self._driver)
        errors = self._events.add(index, uuid, handle)
        answer = device.read(handle)
        answer["errors"] += errors
        answer["watched"] = self._events.watches(uuid)
        return answer

    def _registered(self, index: int) -> dict[str, Any]:
        """Register a device and read nothing of it."""
        answer: dict[str, Any] = {"registered": index, "uuid": "", "watched": False, "errors": []}
        try:
            handle = self._nvml.ask(index, "nvmlDeviceGetHandleByIndex", index)
            answer["uuid"] = uuid = str(self._nvml.ask(index, "nvmlDeviceGetUUID", handle))
        except Refused as refused:
            answer["errors"] = [(refused.call, refused.error)]
        else:
            answer["errors"] = self._events.add(index, uuid, handle)
            answer["watched"] = self._events.watches(uuid)
        return answer

    def _drop(self, index: int) -> None:
        """Forget a device, if it is known: it is gone, or another one has its index."""
        device = self._devices.pop(index, None)
        if device is not None:
            device.close()


def _private_output() -> TextIO:
    """The pipe to the parent, under a number of its own: a library that prints must not spoil the answers."""
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return output


def _requests(nvml: Nvml, events: EventWatch) -> Iterator[dict[str, Any]]:
    """What stdin asks for, until it ends; meanwhile events are looked for."""
    waiting = select.poll()
    waiting.register(0, select.POLLIN)
    rest = b""
    while True:
        nvml.rest()
        look = time.monotonic() + _EVENTS_EVERY  # an answer begins with a look
        while b"\n" not in rest:
            if not waiting.poll(max(0.0, look - time.monotonic()) * 1000):
                events.look()
                nvml.rest()
                look = time.monotonic() + _EVENTS_EVERY
                continue
            data = os.read(0, _CHUNK)
            if not data:
                return
            rest += data
        line, _, rest = rest.partition(b"\n")
        yield json.loads(line)


def main() -> None:
    """Answer until stdin ends. Arguments: the numbers of the descriptors of the shared memory and of the events' pipe."""
    nvml = Nvml(mmap.mmap(int(sys.argv[1]), ANNOUNCEMENT.size))
    events = EventWatch(nvml, int(sys.argv[2]))
    child = Child(nvml, _private_output(), events)
    for request in _requests(nvml, events):
        if not child.answer(frozenset(request["skip"]), request["watch"], events=request["events"]):
            break


if __name__ == "__main__":
    main()
