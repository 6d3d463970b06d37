"""Reads one GPU through NVML, in the child; everything that is not supported is asked once."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from stoker.sources import nvml_reads as reads
from stoker.sources.nvml_calls import ERRORS, Nvml, Refused, text
from stoker.sources.nvml_use import CALL as PROCESS_USE
from stoker.sources.nvml_use import ProcessUse

_NOT_SUPPORTED = frozenset({"NOT_SUPPORTED", "FUNCTION_NOT_FOUND", "ARGUMENT_VERSION_MISMATCH", "DEPRECATED"})
_GONE = frozenset({"GPU_IS_LOST", "RESET_REQUIRED", "GPU_NOT_FOUND", "UNINITIALIZED", "DRIVER_NOT_LOADED"})
"""After these nothing else is asked of the device in this round."""


class Device:
    """What is known of one device between two rounds: what it does not support, and what never changes."""

    def __init__(self, nvml: Nvml, index: int, uuid: str) -> None:
        self._nvml = nvml
        self._index = index
        self.uuid = uuid
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
        self._fields = list(reads.FIELDS)
        self._violations: list[tuple[str, int]] = list(reads.VIOLATIONS)
        self._links: list[int] | None = None
        self._link_errors = dict(reads.LINK_ERRORS)
        self._samples = dict(reads.SAMPLES)

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
        answer["static"] = self._static if self._static is not None else self._read_static(handle)
        values = answer["values"] = self._rows(reads.ROWS, handle, "")
        self._read_fields(values, handle)
        self._read_violations(values, handle)
        self._read_samples(values, handle)
        self._read_process_use(values, handle)
        answer["links"] = self._read_links(handle)
        answer["instances"] = self._read_instances(handle) if self._mig_mode else []

    def _read_static(self, handle: object) -> dict[str, Any]:
        before = len(self._errors)
        static = self._rows(reads.STATIC, handle, "static_")
        pci = self._try("nvmlDeviceGetPciInfo", handle)
        static["pci"] = text(pci.busId) if pci is not None else ""
        if len(self._errors) == before:
            self._static = static  # all of it: not asked again
        return static

    def _rows(self, rows: tuple[reads.Row, ...], handle: object, scope: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, ways in rows:
            known = f"{scope}{key}"
            while (number := self._way.get(known, 0)) < len(ways):
                call, arguments, keep, function = ways[number]
                try:
                    answer = self._listed(call, handle, *arguments, function=function, keep=keep)
                except Refused as refused:
                    if not self._refused(refused):
                        break
                    self._way[known] = number + 1
                    continue
                if (value := reads.clean(answer)) is not None:
                    found[key] = value
                break
        return found

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

    def _read_fields(self, values: dict[str, Any], handle: object) -> None:
        call = "nvmlDeviceGetFieldValues"
        if not self._fields:
            return
        try:
            answers = self._nvml.ask(self._index, call, handle, [(field.id, field.scope) for field in self._fields])
        except Refused as refused:
            if self._refused(refused):
                self._fields = []
            return
        supported = []
        for field, found in zip(self._fields, answers, strict=True):
            error = ERRORS.get(found.nvmlReturn, str(found.nvmlReturn)) if found.nvmlReturn else ""
            if not error:
                if (value := reads.field_value(found)) is not None:
                    values[field.key] = value
            elif error in _NOT_SUPPORTED or error == "INVALID_ARGUMENT":  # an older driver does not know the field
                continue
            else:
                self._refused(Refused(call, error))
            supported.append(field)
        self._fields = supported

    def _read_violations(self, values: dict[str, Any], handle: object) -> None:
        call = "nvmlDeviceGetViolationStatus"
        for key, policy in list(self._violations):
            if key in values:
                continue
            try:
                found = self._nvml.ask(self._index, call, handle, policy)
            except Refused as refused:
                if self._refused(refused):
                    self._violations.remove((key, policy))
                continue
            if (value := reads.clean(found.violationTime)) is not None:
                values[key] = value

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

    def _read_links(self, handle: object) -> list[list[Any]]:
        """[link, state, {type: errors}] of each."""
        found: list[list[Any]] = []
        links = range(reads.MAX_LINKS) if self._links is None else self._links
        present: list[int] = []
        for link in links:
            try:
                state = self._nvml.ask(self._index, "nvmlDeviceGetNvLinkState", handle, link)
            except Refused as refused:
                if refused.error == "INVALID_ARGUMENT":
                    break  # the device has no link of this number
                if not self._refused(refused):
                    present.append(link)
                continue
            present.append(link)
            found.append([link, state, self._link_counts(handle, link) if state else {}])
        self._links = present
        return found

    def _link_counts(self, handle: object, link: int) -> dict[str, int]:
        counts = {}
        for name, counter in list(self._link_errors.items()):
            try:
                count = self._nvml.ask(
                    self._index, "nvmlDeviceGetNvLinkErrorCounter", handle, link, counter, keep=reads.clean
                )
            except Refused as refused:
                if self._refused(refused):
                    del self._link_errors[name]
                continue
            if count is not None:
                counts[name] = count
        return counts

    def _read_instances(self, handle: object) -> list[dict[str, Any]]:
        found = []
        for number in range(self._try("nvmlDeviceGetMaxMigDeviceCount", handle) or 0):
            try:
                instance = self._nvml.ask(self._index, "nvmlDeviceGetMigDeviceHandleByIndex", handle, number)
            except Refused as refused:
                if refused.error != "NOT_FOUND":  # numbers without an instance are normal
                    self._refused(refused)
                continue
            gpu = self._try("nvmlDeviceGetGpuInstanceId", instance)
            if gpu is None:
                continue  # without its number it would be taken for the whole GPU
            compute = self._try("nvmlDeviceGetComputeInstanceId", instance)
            values = self._rows(reads.INSTANCE_ROWS, instance, "mig_")
            found.append({"gpu_instance": gpu, "compute_instance": compute, "values": values})
        return found

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
