"""The child process that speaks with NVML: a request on stdin, plain values on stdout, one JSON line each.

Handles never leave this process. It ends when stdin ends, or after an answer with `fatal`.

Answers to a request `{"skip": [index, ...]}`, in this order:
    {"driver": "590.48.01", "cuda": "13.1", "count": 8}   or {"fatal": ["nvmlInit", "DRIVER_NOT_LOADED"]}
    {"index": 0, "uuid": "GPU-...", "pci": "0000:91:00.0", "static": {...}, "values": {...}, "links": [...], "instances": [...],
     "errors": [["nvmlDeviceGetPowerUsage", "UNKNOWN"]]}   for each device that is not skipped
    {"end": true}
"""

from __future__ import annotations

import json
import mmap
import os
import sys
from typing import Any, TextIO

from stoker.sources.nvml_calls import ANNOUNCEMENT, Nvml, Refused, text
from stoker.sources.nvml_device import Device

NO_DEVICE = -1


class Child:
    """Answers requests."""

    def __init__(self, nvml: Nvml, output: TextIO) -> None:
        self._nvml = nvml
        self._output = output
        self._devices: dict[int, Device] = {}
        self._system: dict[str, Any] | None = None

    def answer(self, skip: frozenset[int]) -> bool:
        """Read every device that is not skipped; False when NVML itself does not work."""
        try:
            if self._system is None:
                self._nvml.ask(NO_DEVICE, "nvmlInit")
                self._system = {"driver": self._version(), "cuda": self._cuda()}
            count = self._nvml.ask(NO_DEVICE, "nvmlDeviceGetCount")
        except Refused as refused:
            self._say({"fatal": [refused.call, refused.error]})
            return False
        for index in [index for index in self._devices if index >= count]:
            self._drop(index)
        self._say({**self._system, "count": count})
        for index in range(count):
            if index not in skip:
                self._say(self._device(index))
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
            device = self._devices[index] = Device(self._nvml, index, uuid)
        return device.read(handle)

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


def main() -> None:
    """Answer until stdin ends. Argument 1 is the number of the shared memory's descriptor."""
    nvml = Nvml(mmap.mmap(int(sys.argv[1]), ANNOUNCEMENT.size))
    child = Child(nvml, _private_output())
    for line in sys.stdin:
        if not child.answer(frozenset(json.loads(line)["skip"])):
            break


if __name__ == "__main__":
    main()
