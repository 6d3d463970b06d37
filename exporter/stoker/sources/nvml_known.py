"""Remembers GPUs, so that one which is gone is missed: in a small mapping that outlives the process."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stoker.sources.nvml_answers import live_gpu
from stoker.sources.nvml_values import Gpu
from stoker.sources.pci import normal_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping

_FORGET_AFTER = 7 * 86400.0
_MOST = 1 << 16
"""A file that was tampered with may claim any number; no machine has more GPUs."""
_LOST = ("GPU_IS_LOST", "RESET_REQUIRED", "GPU_NOT_FOUND")
_NOTE_EVERY = 3600.0
"""A GPU that is seen again is noted this often: the mapping writes a file whenever a value changes."""


class KnownGpus:
    """The GPUs of this machine, those that are gone included.

    Args:
        memory: kept values: `gpus` maps a uuid to index, pci, info and when it was last seen; `boot` has the boot's id and the most GPUs
            that the driver saw in it.
    """

    def __init__(self, memory: MutableMapping[str, object]) -> None:
        self._memory = memory
        self._lock = threading.RLock()  # forgetting is asked for by another thread than the collector's

    def _gpus(self) -> dict[str, dict[str, Any]]:
        kept = self._memory.get("gpus")
        if not isinstance(kept, dict):
            return {}
        return {uuid: row for uuid, row in kept.items() if isinstance(row, dict)}

    def uuid_at(self, index: int) -> str:
        """Uuid of the GPU that was last seen under an index; empty when none was, or more than one."""
        found = [uuid for uuid, row in self._gpus().items() if row.get("gpu") == str(index)]
        return found[0] if len(found) == 1 else ""

    def identify(self, address: str) -> tuple[str, str] | None:
        """Index and uuid of the GPU at a PCI address in any spelling."""
        pci = normal_address(address)
        if not pci:
            return None
        for uuid, row in self._gpus().items():
            if row.get("pci") == pci:
                return str(row.get("gpu", "")), uuid
        return None

    def note(self, live: Iterable[Gpu], now: float) -> None:
        """Note the GPUs that answered; forget those whose PCI address now answers with another uuid, and those long gone."""
        with self._lock:
            kept = self._gpus()
            there = list(live)
            if not kept and not there:
                return
            changed = dict(kept)
            answering = {gpu.uuid for gpu in there}
            for gpu in there:
                for uuid, row in kept.items():
                    # one that answers too has only moved: two that swap their slots are both still here
                    if uuid not in answering and gpu.pci and row.get("pci") == gpu.pci:
                        changed.pop(uuid, None)
                row = {"gpu": gpu.gpu, "pci": gpu.pci, "info": dict(gpu.info)}
                before = kept.get(gpu.uuid, {})
                seen = before.get("seen", 0.0)
                same = all(before.get(name) == value for name, value in row.items())
                fresh = isinstance(seen, (int, float)) and 0 <= now - seen < _NOTE_EVERY
                changed[gpu.uuid] = {**row, "seen": seen if same and fresh else now}
            for uuid, row in list(changed.items()):
                seen = row.get("seen")
                if not isinstance(seen, (int, float)) or now - seen > _FORGET_AFTER:
                    del changed[uuid]
            if changed != kept:
                self._memory["gpus"] = changed

    def gone(self, present: Iterable[str]) -> list[Gpu]:
        """The known GPUs whose uuid is not among those present, as down."""
        there = set(present)
        return [
            Gpu(str(row.get("gpu", "")), uuid, up=False, pci=str(row.get("pci", "")), info=_labels(row.get("info")))
            for uuid, row in sorted(self._gpus().items())
            if uuid not in there
        ]

    def told(self, answer: Mapping[str, Any], system: Mapping[str, Any]) -> Gpu:
        """A GPU from what the child said of it and of the machine; down when it is lost, or when nothing of it can be read.

        When every call fails in the same way, as after a change of the container's permissions, the GPU is as good as gone.
        """
        index, uuid = int(answer["index"]), answer["uuid"]
        lost = any(error in _LOST for _, error in answer["errors"])
        if uuid and not lost and answer.get("values"):
            return live_gpu(answer, system)
        return self.down(index, uuid or self.uuid_at(index))

    def down(self, index: int, uuid: str) -> Gpu:
        """A GPU that does not answer, with what is remembered of it."""
        known = next((gpu for gpu in self.gone(()) if uuid and gpu.uuid == uuid), None)
        return replace(known, gpu=str(index)) if known else Gpu(str(index), uuid, up=False)

    def boot_max(self, boot: str, devices: int | None) -> int:
        """The most GPUs that this boot has seen, `devices` included."""
        with self._lock:
            kept = self._memory.get("boot")
            most = 0
            if isinstance(kept, dict) and kept.get("id") == boot and isinstance(kept.get("max"), int):
                most = kept["max"] if kept["max"] <= _MOST else 0
            most = max(most, devices or 0)
            if kept != {"id": boot, "max": most}:
                self._memory["boot"] = {"id": boot, "max": most}
            return most

    def forget(self, uuid: str) -> bool:
        """Forget a GPU, and with it that this boot has seen more than there are; whether it was known."""
        with self._lock:
            kept = self._gpus()
            if uuid not in kept:
                return False
            del kept[uuid]
            self._memory["gpus"] = kept
            boot = self._memory.get("boot")
            if isinstance(boot, dict) and isinstance(boot.get("max"), int):
                self._memory["boot"] = {**boot, "max": min(boot["max"], len(kept))}
            return True


def _labels(info: object) -> dict[str, str]:
    return {str(name): str(value) for name, value in info.items()} if isinstance(info, dict) else {}
