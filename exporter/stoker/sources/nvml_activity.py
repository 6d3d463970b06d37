"""What the units of a GPU and of its MIG instances did between two looks, from the profiling counters of Hopper and later (GPM).

Runs in the child only. NVML tells it from two samples of a device; the one before is kept until the next look, however long that takes. The
memory of samples is NVML's own: it is given back when a device or an instance is gone.
"""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pynvml

from stoker.sources.nvml_calls import ERRORS, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stoker.sources.nvml_calls import Nvml

UNITS = (
    ("graphics", 1),
    ("sm", 2),
    ("sm_occupancy", 3),
    ("int", 4),
    ("tensor", 5),
    ("dram", 10),
    ("fp64", 11),
    ("fp32", 12),
    ("fp16", 13),
)
"""Label and number of nvmlGpmMetricId_t; each is a percentage."""

WHOLE = -1
"""Stands for the whole GPU where a GPU instance's number is expected."""

_MOST = 105.0
"""Percent; counters that began anew between two samples, as those of an instance that was made again, give any number."""


class _Samples:
    """The sample before, once `taken`, and room for the next one."""

    def __init__(self, before: object, room: object) -> None:
        self.before = before
        self.room = room
        self.taken = False


class Activity:
    """Activity of one device.

    Args:
        nvml: makes the calls.
        index: of the device.
        refused: told of each call that was refused: whether it is merely not supported; raises when the device is gone.
    """

    def __init__(self, nvml: Nvml, index: int, refused: Callable[[Refused], bool]) -> None:
        self._nvml = nvml
        self._index = index
        self._refused = refused
        self._supported: bool | None = None
        self._without: set[int] = set()
        self._units = list(UNITS)
        self._samples: dict[int, _Samples] = {}

    def read(self, handle: object, instance: int = WHOLE) -> dict[str, float]:
        """Percent by unit since the look before; nothing at the first look, and where it is not supported."""
        if instance in self._without or not self._units or not self._supports(handle):
            return {}
        try:
            return self._read(handle, instance)
        except Refused as refused:
            if self._refused(refused):
                self._without.add(instance)
                self._free(instance)
            return {}

    def keep(self, instances: Iterable[int]) -> None:
        """Forget all instances but these, and give back what is kept of them; the whole GPU stays."""
        self._without &= {WHOLE, *instances}
        for instance in self._samples.keys() - {WHOLE, *instances}:
            self._free(instance)

    def close(self) -> None:
        """Give everything back."""
        for instance in list(self._samples):
            self._free(instance)

    def _supports(self, handle: object) -> bool:
        if self._supported is None:
            try:
                found = self._nvml.ask(self._index, "nvmlGpmQueryDeviceSupport", handle)
            except Refused as refused:
                if not self._refused(refused):
                    return False  # asked again in the next round
                self._supported = False
            else:
                self._supported = bool(found.isSupportedDevice)
        return self._supported

    def _read(self, handle: object, instance: int) -> dict[str, float]:
        samples = self._samples.get(instance)
        if samples is None:
            samples = self._samples[instance] = self._room()
        if instance == WHOLE:
            self._nvml.ask(self._index, "nvmlGpmSampleGet", handle, samples.room)
        else:
            self._nvml.ask(self._index, "nvmlGpmMigSampleGet", handle, instance, samples.room)
        known = samples.taken
        samples.before, samples.room, samples.taken = samples.room, samples.before, True
        return self._between(samples.room, samples.before) if known else {}

    def _room(self) -> _Samples:
        first = self._nvml.ask(self._index, "nvmlGpmSampleAlloc")
        try:
            return _Samples(first, self._nvml.ask(self._index, "nvmlGpmSampleAlloc"))
        except Refused:
            self._give_back(first)
            raise

    def _between(self, before: object, now: object) -> dict[str, float]:
        wanted = pynvml.c_nvmlGpmMetricsGet_t()
        wanted.version = pynvml.NVML_GPM_METRICS_GET_VERSION
        wanted.numMetrics = len(self._units)
        wanted.sample1, wanted.sample2 = before, now
        for metric, (_, number) in zip(wanted.metrics, self._units, strict=False):
            metric.metricId = number
        call = "nvmlGpmMetricsGet"
        self._nvml.ask(self._index, call, wanted)
        found: dict[str, float] = {}
        for metric, unit in zip(wanted.metrics, list(self._units), strict=False):
            if metric.nvmlReturn:
                if self._refused(Refused(call, ERRORS.get(metric.nvmlReturn, str(metric.nvmlReturn)))):
                    self._units.remove(unit)
            elif math.isfinite(metric.value) and 0.0 <= metric.value <= _MOST:
                found[unit[0]] = min(round(metric.value, 3), 100.0)
        return found

    def _free(self, instance: int) -> None:
        samples = self._samples.pop(instance, None)
        if samples is not None:
            self._give_back(samples.before)
            self._give_back(samples.room)

    def _give_back(self, sample: Any) -> None:  # noqa: ANN401 - pynvml's pointer
        with suppress(Refused):  # with the library gone there is nothing left to give back to
            self._nvml.ask(self._index, "nvmlGpmSampleFree", sample)
