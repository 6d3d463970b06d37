"""Turns the child's answer about a GPU into plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stoker.sources.nvml_values import Gpu, Instance, Link, Running
from stoker.sources.pci import normal_address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KINDS = ("compute", "graphics")
"""Of processes."""
_WHOLE = ("", "")

_ARCHITECTURES = {
    2: "Kepler",
    3: "Maxwell",
    4: "Pascal",
    5: "Volta",
    6: "Turing",
    7: "Ampere",
    8: "Ada",
    9: "Hopper",
    10: "Blackwell",
    13: "Rubin",
}


def live_gpu(answer: Mapping[str, Any], system: Mapping[str, Any]) -> Gpu:
    """A GPU that answered.

    Args:
        answer: the child's line about the device.
        system: the child's first line: driver and cuda.
    """
    static = answer["static"]
    mig, pending = answer.get("mig"), answer.get("mig_pending")
    pci = normal_address(static.get("pci", "")) or static.get("pci", "")
    info = {
        "name": str(static.get("name", "")),
        "pci_bus_id": pci,
        "serial": str(static.get("serial", "")),
        "vbios": str(static.get("vbios", "")),
        "driver": str(system.get("driver", "")),
        "cuda": str(system.get("cuda", "")),
        "architecture": _ARCHITECTURES.get(static.get("architecture", -1), ""),
        "mig_mode": "" if mig is None else ("disabled", "enabled")[bool(mig)],
    }
    instances = tuple(
        Instance(_number(each["gpu_instance"]), _number(each["compute_instance"]), each["values"])
        for each in answer.get("instances", ())
    )
    return Gpu(
        gpu=str(answer["index"]),
        uuid=answer["uuid"],
        up=True,
        pci=pci,
        info=info,
        static=static,
        values=answer["values"],
        running=_running(answer["values"], instances, mig=bool(mig)),
        links=tuple(Link(str(number), bool(state), *told) for number, state, *told in answer.get("links", ())),
        instances=instances,
        mig=None if mig is None else bool(mig),
        mig_pending=None if pending is None else bool(pending),
    )


def _running(values: Mapping[str, Any], instances: Sequence[Instance], *, mig: bool) -> dict[str, tuple[Running, ...]]:
    """The processes of a GPU.

    In MIG mode each instance lists its own. The GPU lists them again, with the instance as far as it is known, for who may see all of them.
    """
    lists = {
        (one.gpu_instance, one.compute_instance): {kind: one.values[kind] for kind in KINDS if kind in one.values}
        for one in (instances if mig else ())
    }
    homes: dict[int, list[tuple[str, str]]] = {}
    for home, own in lists.items():
        for pid, *_ in (row for rows in own.values() for row in rows):
            homes.setdefault(pid, []).append(home)
    found = {}
    for kind in KINDS:
        if kind not in values and not (lists and all(kind in own for own in lists.values())):
            continue
        rows: dict[tuple[int, tuple[str, str]], int | None] = {}
        for home, own in lists.items():
            for pid, memory, *_ in own.get(kind, ()):
                _note(rows, pid, home, memory)
        for pid, memory, *place in values.get(kind, ()):
            _note(rows, pid, _home(place, homes.get(pid, ())) if mig else _WHOLE, memory)
        found[kind] = tuple(Running(pid, memory, home) for (pid, home), memory in rows.items())
    return found


def _note(
    rows: dict[tuple[int, tuple[str, str]], int | None], pid: int | None, home: tuple[str, str], memory: int | None
) -> None:
    """A process that is listed twice has what the list says that knows more."""
    if pid is not None:
        before = rows.get((pid, home))
        rows[pid, home] = memory if before is None else max(before, memory or 0)


def _home(place: Sequence[int | None], known: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """The instance that the GPU's own list means: the one of those that list the process which contradicts it in nothing."""
    told = (_number(place[0]), _number(place[1]))
    return next(
        (home for home in known if all(part in ("", own) for part, own in zip(told, home, strict=True))),
        told,
    )


def _number(value: object) -> str:
    return "" if value is None else str(value)
