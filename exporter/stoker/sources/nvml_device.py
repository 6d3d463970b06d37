"""Reads one GPU through NVML, in the child; everything that is not supported is asked once."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from stoker.sources import nvml_reads as reads
from stoker.sources.nvml_activity import Activity
from stoker.sources.nvml_batch import Batch
from stoker.sources.nvml_calls import Nvml, Refused, text
from stoker.sources.nvml_fields import OF_GPU, gpu_fields, link_fields
from stoker.sources.nvml_links import Links
from stoker.sources.nvml_use import CALL as PROCESS_USE
from stoker.sources.nvml_use import ProcessUse

if TYPE_CHECKING:
    from collections.abc import Iterable

_NOT_SUPPORTED = frozenset({"NOT_SUPPORTED", "FUNCTION_NOT_FOUND", "ARGUMENT_VERSION_MISMATCH", "DEPRECATED"})
_GONE = frozenset({"GPU_IS_LOST", "RESET_REQUIRED", "GPU_NOT_FOUND", "UNINITIALIZED", "DRIVER_NOT_LOADED"})
"""After these nothing else is asked of the device in this round."""
_NO_INSTANCE = frozenset({"NOT_FOUND", "INVALID_ARGUMENT"})
"""A number without a MIG instance, or one that was destroyed since its handle was got: both are normal."""

_OF_INSTANCES = frozenset(row.key for row in reads.PROCESSES)


class Device:
    """What is known of one device between two rounds: what it does not support, and what never changes.

    Args:
        nvml: makes the calls.
        index: NVML's.
        uuid: of the device.
        driver: its version; some fields have another number by another one.
    """

    def __init__(self, nvml: Nvml, index: int, uuid: str, driver: str) -> None:
        self._nvml = nvml
        self._index = index
        self._fields = gpu_fields(driver)
        self.uuid = uuid
        self._activity = Activity(nvml, index, self._refused)
        self._ask_all_again()
        self._static: dict[str, Any] | None = None
        self._mig_mode: int | None = None
        self._errors: list[tuple[str, str]] = []
        self._last_stamp: dict[str, int] = {}
        self._spans: dict[str, deque[tuple[float, int, int]]] = {key: deque() for key, _ in reads.SAMPLES}
        self._process_use = ProcessUse()

    def _ask_all_again(self) -> None:
        """Forget what is not supported."""
        self._way: dict[str, int] = {}
        self._links = Links(self._nvml, self._index, self._refused)
        self._batch = Batch(self._fields)
        self._up: list[int] = []
        self._settings: tuple[float, dict[str, Any]] = (-reads.SETTINGS_EVERY, {})
        self._samples = dict(reads.SAMPLES)
        self._activity.close()
        self._activity = Activity(self._nvml, self._index, self._refused)

    def close(self) -> None:
        """Give back what the library keeps for it; it is not read any more."""
        self._activity.close()

    def read(self, handle: object) -> dict[str, Any]:
        """Everything, as plain values."""
        self._errors = []
        answer: dict[str, Any] = {"index": self._index, "uuid": self.uuid, "static": {}, "values": {}}
        try:
            self._read_into(answer, handle)
        except Refused:
            pass  # the device is gone: the reason is among the errors
        except Exception as error:  # noqa: BLE001 - an answer that nobody expects costs what would be read after it, not the process
            self._errors.append((self._nvml.call, type(error).__name__))
        answer["errors"] = self._errors
        return answer

    def _read_into(self, answer: dict[str, Any], handle: object) -> None:
        mode = self._try("nvmlDeviceGetMigMode", handle)
        if mode is not None and mode[0] != self._mig_mode:
            self._ask_all_again()  # what is supported depends on it
            self._mig_mode = mode[0]  # and one that could not be read is the one before
        answer["mig"] = self._mig_mode
        if mode is not None:
            answer["mig_pending"] = mode[1]
        answer["static"] = self._static if self._static is not None else self._read_static(handle)
        values = answer["values"] = self._rows(reads.ROWS, handle, "")
        values |= self._read_settings(handle)
        links = self._links.states(handle)
        of_links = self._read_fields(values, handle, [link for link, state in links.items() if state])
        values |= self._rows([row for row in reads.INSTEAD if row.key not in values], handle, "")
        self._read_samples(values, handle)
        self._read_process_use(values, handle)
        answer["links"] = self._links.read(handle, links, of_links)
        if corrected := self._links.corrected(of_links):
            values["nvlink_fec"] = corrected
        if activity := self._activity.read(handle):
            values["activity"] = activity
        answer["instances"] = self._read_instances(handle) if self._mig_mode else []

    def _read_static(self, handle: object) -> dict[str, Any]:
        before = len(self._errors)
        static = self._rows(reads.STATIC, handle, "static_")
        pci = self._try("nvmlDeviceGetPciInfo", handle)
        static["pci"] = text(pci.busId) if pci is not None else ""
        if len(self._errors) == before:
            self._static = static  # all of it: not asked again
        return static

    def _read_settings(self, handle: object) -> dict[str, Any]:
        read_at, settings = self._settings
        now = time.monotonic()
        if now - read_at >= reads.SETTINGS_EVERY:
            settings = self._rows(reads.SETTINGS, handle, "")
            self._settings = (now, settings)
        return settings

    def _rows(self, rows: Iterable[reads.Row], handle: object, scope: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, ways in rows:
            known = f"{scope}{key}"
            while (number := self._way.get(known, 0)) < len(ways):
                call, arguments, keep, function = ways[number]
                try:
                    answer = self._listed(call, handle, *arguments, function=function, keep=keep)
                except Refused as refused:
                    if not self._hidden(key, scope, refused) and not self._refused(refused):
                        break
                    self._way[known] = number + 1
                    continue
                if (value := reads.clean(answer)) is not None:
                    found[key] = value
                break
        return found

    def _hidden(self, key: str, scope: str, refused: Refused) -> bool:
        """Whether the GPU's list of all instances' processes is for the privileged only; each instance lists its own to everybody."""
        return bool(self._mig_mode) and not scope and key in _OF_INSTANCES and refused.error == "NO_PERMISSION"

    def _listed(self, call: str, *arguments: object, **ways: Any) -> Any:  # noqa: ANN401 - see Nvml.ask
        """One call, made again when it was refused since what it lists grew between pynvml's question for its length and its reading."""
        try:
            return self._nvml.ask(self._index, call, *arguments, **ways)
        except Refused as refused:
            if refused.error != "INSUFFICIENT_SIZE":
                raise
        return self._nvml.ask(self._index, call, *arguments, **ways)

    def _try(self, call: str, *arguments: object) -> Any:  # noqa: ANN401 - see Nvml.ask
        """One call; None when it is refused."""
        if self._way.get(call) == -1:
            return None
        try:
            return self._nvml.ask(self._index, call, *arguments)
        except Refused as refused:
            if self._refused(refused):
                self._way[call] = -1
            return None

    def _refused(self, refused: Refused) -> bool:
        """Whether it is merely not supported; everything else is noted.

        Raises:
            Refused: nothing else need be asked of this device.
        """
        if refused.error in _NOT_SUPPORTED:
            return True
        self._errors.append((refused.call, refused.error))
        if refused.error in _GONE:
            raise refused
        return False

    def _read_fields(self, values: dict[str, Any], handle: object, up: list[int]) -> dict[int, dict[str, Any]]:
        """Put those of the GPU into `values`; those of the links that are up are given by link."""
        call = "nvmlDeviceGetFieldValues"
        of_links: dict[int, dict[str, Any]] = {}
        if up != self._up:  # a link that was down may have told that it supports nothing
            self._up = up
            self._batch = Batch([field for field in self._batch.fields if field.link == OF_GPU] + link_fields(up))
        if not self._batch.fields:
            return of_links
        try:
            answers = self._nvml.ask(self._index, call, handle, function=self._batch.ask)
        except Refused as refused:
            if self._refused(refused):
                self._batch = Batch(())
            return of_links
        of_links = answers.values
        values |= of_links.pop(OF_GPU, {})
        unsupported = set()
        for field, error in answers.refused:
            if error in _NOT_SUPPORTED or error == "INVALID_ARGUMENT":  # an older driver does not know the field
                unsupported.add(field)
            else:
                self._refused(Refused(call, error))
        if unsupported:
            self._batch = Batch([field for field in self._batch.fields if field not in unsupported])
        return of_links

    def _read_samples(self, values: dict[str, Any], handle: object) -> None:
        """Lowest and highest sample of the last minute, from those that are new since the last look."""
        now = time.monotonic()
        for key, kind in list(self._samples.items()):
            last = self._last_stamp.get(key, 0)
            span = self._spans[key]
            try:
                found = self._nvml.ask(
                    self._index, "nvmlDeviceGetSamples", handle, kind, last, keep=reads.stamped_values
                )
            except Refused as refused:
                found = []
                if refused.error != "NOT_FOUND" and self._refused(refused):  # NOT_FOUND: none is newer
                    del self._samples[key]
            new = [(stamp, value) for stamp, value in found if stamp > last and value is not None]
            if new:
                newest = self._last_stamp[key] = max(stamp for stamp, _ in new)
                recent = [value for stamp, value in new if newest - stamp <= reads.SPAN * 1e6]
                span.append((now, min(recent), max(recent)))
            while span and now - span[0][0] > reads.SPAN:
                span.popleft()
            if span:
                values[key] = [min(low for _, low, _ in span), max(high for _, _, high in span)]

    def _read_instances(self, handle: object) -> list[dict[str, Any]]:
        found = []
        activity: dict[int, dict[str, float]] = {}
        for number in range(self._try("nvmlDeviceGetMaxMigDeviceCount", handle) or 0):
            try:
                instance = self._nvml.ask(self._index, "nvmlDeviceGetMigDeviceHandleByIndex", handle, number)
                gpu, compute = self._instance_numbers(instance)
            except Refused as refused:
                if refused.error not in _NO_INSTANCE:
                    self._refused(refused)
                continue
            before = len(self._errors)
            values = self._rows(reads.INSTANCE_ROWS, instance, "mig_")
            if len(self._errors) > before and self._is_gone(instance):
                del self._errors[before:]  # destroyed in the middle: that its calls fail is no error
                continue
            if gpu not in activity:  # its compute instances share the counters
                activity[gpu] = self._activity.read(handle, gpu)
            if activity[gpu]:
                values["activity"] = activity[gpu]
            found.append({"gpu_instance": gpu, "compute_instance": compute, "values": values})
        self._activity.keep(activity)
        return found

    def _is_gone(self, instance: object) -> bool:
        try:
            self._nvml.ask(self._index, "nvmlDeviceGetGpuInstanceId", instance)
        except Refused as refused:
            return refused.error in _NO_INSTANCE
        return False

    def _instance_numbers(self, instance: object) -> tuple[int, int | None]:
        """GPU instance and compute instance; without the first, it would be taken for the whole GPU.

        Raises:
            Refused: the instance does not tell, or is gone since its handle was got.
        """
        gpu = self._nvml.ask(self._index, "nvmlDeviceGetGpuInstanceId", instance)
        try:
            return gpu, self._nvml.ask(self._index, "nvmlDeviceGetComputeInstanceId", instance)
        except Refused as refused:
            if refused.error in _NO_INSTANCE or not self._refused(refused):
                raise
            return gpu, None

    def _read_process_use(self, values: dict[str, Any], handle: object) -> None:
        """What each process used since the last look; nothing where that is not told, as in MIG mode."""

        def samples(since: int) -> list[Any]:
            return list(self._listed(PROCESS_USE, handle, since))

        if self._way.get(PROCESS_USE) == -1:
            return
        try:
            values["process_use"] = self._process_use.read(samples)
        except Refused as refused:
            if refused.error in ("NOT_FOUND", "0"):  # pynvml takes a success without samples for an error
                values["process_use"] = []  # nobody did anything
            elif self._refused(refused):
                self._way[PROCESS_USE] = -1
