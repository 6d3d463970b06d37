"""The processes on a GPU, each once.

In MIG mode each instance lists its own. The GPU lists them again, with the instance as far as it is known, for who may see all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stoker.sources.nvml_values import Gpu

KINDS = ("compute", "graphics")
_WHOLE = ("", "")


class Running(NamedTuple):
    """A process that NVML lists.

    Attributes:
        pid: its number.
        memory: bytes; None where that is not told.
        instance: GPU instance and compute instance that it is in; both are empty for the whole GPU.
    """

    pid: int
    memory: int | None
    instance: tuple[str, str]


def running(gpu: Gpu) -> dict[str, tuple[Running, ...]]:
    """The processes of a GPU by what they do, each once; a kind that NVML does not tell of is not there."""
    lists = {
        (one.gpu_instance, one.compute_instance): {kind: one.values[kind] for kind in KINDS if kind in one.values}
        for one in (gpu.instances if gpu.mig else ())
    }
    homes: dict[int, list[tuple[str, str]]] = {}
    for home, own in lists.items():
        for pid, *_ in (row for rows in own.values() for row in rows):
            homes.setdefault(pid, []).append(home)
    found = {}
    for kind in KINDS:
        if kind not in gpu.values and not (lists and all(kind in own for own in lists.values())):
            continue
        rows: dict[tuple[int, tuple[str, str]], int | None] = {}
        for home, own in lists.items():
            for pid, memory, *_ in own.get(kind, ()):
                _note(rows, pid, home, memory)
        for pid, memory, *place in gpu.values.get(kind, ()):
            _note(rows, pid, _home(place, homes.get(pid, ())) if gpu.mig else _WHOLE, memory)
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
    told = (_text(place[0]), _text(place[1]))
    return next(
        (home for home in known if all(part in ("", own) for part, own in zip(told, home, strict=True))),
        told,
    )


def _text(value: int | None) -> str:
    return "" if value is None else str(value)
