"""Accounting: how long GPUs were held and busy, by whom, and what energy they took.

The time between two looks is charged to those who held the GPU at the first of them, by what was measured between the two:

- The share of it in which the GPU was busy (NVML's utilisation) goes to the holders by their use of its multiprocessors; in equal parts where
  that is not told, or none of them was seen to use any.
- The rest, in which it was held and did nothing, is divided into equal parts, one for each workload that holds it.
- Its energy is divided as its time.
- A MIG instance is the part of its GPU that it has of the memory, and divided in the same way. How busy it was is what the profiling counters say
  (Hopper and later): the share of the time in which something ran on it. Compute instances of one GPU instance share its counters.
- NVML tells no instance's energy. That of the GPU is divided among its instances, used or not, and what is in none of them, by their sizes and by
  what they do: a part at rest is taken to draw a tenth of what it draws at work. Where how busy they were is not told, by their sizes alone.

So the seconds and joules of all workloads of a GPU are never more than the GPU's own. Time in which nobody looked is nobody's.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from stoker.collectors.gpu_labels import MOST_RATIO, WHOLE, counter
from stoker.collectors.gpu_ledger import Ledger
from stoker.metrics import Desc, Kind, Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, MutableMapping

    from stoker.collectors.gpu_holders import Holders, Workload
    from stoker.sources.nvml_values import Gpu

_WORKLOAD = ("workload", "kind", "namespace", "user")
TIME = counter(
    "stoker_gpu_seconds_total",
    "Time of the GPU by state: busy for a workload, held by one and doing nothing, idle (nobody has it), unmeasured (held,"
    " and whether it is busy is not told)",
    "state",
)
SECONDS = Desc(
    "stoker_gpu_workload_seconds_total",
    Kind.COUNTER,
    "GPU seconds of a workload on this machine: busy, held and doing nothing, or unmeasured; their sum is what it was allocated",
    (*_WORKLOAD, "state"),
)
ENERGY = Desc(
    "stoker_gpu_workload_energy_joules_total",
    Kind.COUNTER,
    "Energy of the GPUs of this machine while a workload had them, divided as their time",
    _WORKLOAD,
)
FORGOTTEN = Desc(
    "stoker_gpu_workloads_forgotten_total",
    Kind.COUNTER,
    "Workloads whose counters ended less than a day after they did, because there were too many",
)
DESCS = (TIME, SECONDS, ENERGY, FORGOTTEN)

_LONGEST = 600.0
"""Seconds between two looks, twice the longest interval, over which nothing is charged: the machine slept, or the GPU was away."""
_MOST = 1000
_MILLI = 1e3
_AT_REST = 0.1
"""Of the power at work, what a part of a GPU draws while nothing runs on it: an H100 draws 70 W of its 700, other cards from a tenth to a seventh."""


class _Part(NamedTuple):
    """A GPU, or one of its MIG instances: values of the labels of instances, its size as a part of the GPU, and who held it."""

    instance: tuple[str, str]
    size: float
    workloads: tuple[Workload, ...]


class _Look(NamedTuple):
    """A GPU at one moment: its parts, and its counter of energy in joules."""

    at: float
    parts: tuple[_Part, ...]
    joules: float | None


class GpuAccounts:
    """The accounts of this machine.

    Args:
        open_memory: gives the mapping that keeps them.
        clock: seconds since the epoch.
        monotonic: seconds that never go back.
        most: workloads that have counters of their own.
        users: whether users may be told.
    """

    def __init__(
        self,
        open_memory: Callable[[], MutableMapping[str, object]] = dict,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        most: int = _MOST,
        users: bool = True,
    ) -> None:
        self._ledger = Ledger(open_memory, clock, most, users=users)
        self._monotonic = monotonic
        self._last: dict[str, _Look] = {}

    def begin(self) -> None:
        """A new look at all GPUs."""
        self._ledger.begin()

    def note(self, gpu: Gpu, holders: Holders) -> None:
        """Charge the time since the last look at this GPU."""
        known = holders.whole and holders.listed
        if not gpu.uuid or not (known or holders.processes or holders.pods):
            self._last.pop(gpu.uuid, None)  # whether somebody holds it cannot be told from here
            return
        look = _Look(self._monotonic(), _parts(gpu, holders), _joules(gpu))
        last = self._last.get(gpu.uuid)
        self._last[gpu.uuid] = look
        for part in look.parts:
            for workload in part.workloads:
                self._ledger.holds(workload)
        seconds = self._ledger.gpu(gpu.gpu, gpu.uuid).seconds
        if last is not None and 0 < look.at - last.at <= _LONGEST:
            self._charge(seconds, last, look, gpu, holders)

    def _charge(self, states: dict[str, float], last: _Look, look: _Look, gpu: Gpu, holders: Holders) -> None:
        seconds = look.at - last.at
        joules = max(0.0, look.joules - last.joules) if look.joules is not None and last.joules is not None else 0.0
        working = _busy(gpu)
        use = _use(gpu, holders)
        idle = seconds
        for part, share in zip(last.parts, _energy(last.parts, working), strict=True):
            if not part.workloads:
                continue
            busy = working.get(part.instance)
            span = seconds * part.size
            idle -= span
            used = sum(use.get(each, 0.0) for each in part.workloads)
            for each in part.workloads:
                account = self._ledger.account(each)
                equal = 1.0 / len(part.workloads)
                computed = (busy or 0.0) * (use.get(each, 0.0) / used if used else equal)
                rest = (1.0 - (busy or 0.0)) * equal
                account.joules += joules * share * (computed + rest)
                account.busy += span * computed
                if busy is None:
                    account.unmeasured += span * rest
                else:
                    account.held += span * rest
            if busy is None:
                states["unmeasured"] += span
            else:
                states["busy"] += span * busy
                states["held"] += span * (1.0 - busy)
        states["idle"] += max(0.0, idle)

    def samples(self) -> Iterator[Sample]:
        """All counters, saved first."""
        self._ledger.save()
        for uuid, each in self._ledger.gpus.items():
            for state, seconds in each.seconds.items():
                yield Sample(TIME, (each.gpu, uuid, state), seconds)
        for workload, account in self._ledger.workloads.items():
            yield Sample(SECONDS, (*workload, "busy"), account.busy)
            yield Sample(SECONDS, (*workload, "held"), account.held)
            if account.unmeasured:
                yield Sample(SECONDS, (*workload, "unmeasured"), account.unmeasured)
            yield Sample(ENERGY, workload, account.joules)
        yield Sample(FORGOTTEN, (), self._ledger.forgotten)


def _parts(gpu: Gpu, holders: Holders) -> tuple[_Part, ...]:
    """The GPU, or each MIG instance with the part of the GPU that it is, and who holds it."""
    held: dict[tuple[str, str], list[Workload]] = {}
    for instance, workload in holders.workloads():
        held.setdefault(instance, []).append(workload)
    instances = {(one.gpu_instance, one.compute_instance): _total(one.values) for one in gpu.instances}
    if not gpu.mig or not instances:
        return (_Part(WHOLE, 1.0, tuple(dict.fromkeys(each for one in held.values() for each in one))),)
    whole = _total(gpu.values)
    sizes = [size / whole if size and whole else 1.0 / len(instances) for size in instances.values()]
    # compute instances of one GPU instance share its memory, and each tells all of it
    over = max(1.0, sum(sizes))
    return tuple(
        _Part(instance, size / over, tuple(held.get(instance, ())))
        for instance, size in zip(instances, sizes, strict=True)
    )


def _busy(gpu: Gpu) -> dict[tuple[str, str], float]:
    """Share of the time in which something ran, by the labels of the instance; without those of which it is not told."""
    if gpu.mig:
        percent = {(one.gpu_instance, one.compute_instance): _graphics(one.values) for one in gpu.instances}
    else:
        percent = {WHOLE: (gpu.values.get("utilization") or [None])[0]}
    return {instance: min(1.0, each / MOST_RATIO) for instance, each in percent.items() if each is not None}


def _graphics(values: Mapping[str, Any]) -> float | None:
    found: float | None = values.get("activity", {}).get("graphics")
    return found


def _energy(parts: tuple[_Part, ...], busy: Mapping[tuple[str, str], float]) -> list[float]:
    """What each part pays of the GPU's energy; together never more than all of it."""
    if any(part.instance not in busy for part in parts):
        return [part.size for part in parts]
    weights = [part.size * (_AT_REST + busy[part.instance]) for part in parts]
    nobodys = _AT_REST * max(0.0, 1.0 - sum(part.size for part in parts))
    return [weight / (sum(weights) + nobodys) for weight in weights]


def _joules(gpu: Gpu) -> float | None:
    energy = gpu.values.get("energy")
    return None if energy is None else energy / _MILLI


def _total(values: Mapping[str, Any]) -> int | None:
    memory = values.get("memory")
    return memory[0] if memory else None


def _use(gpu: Gpu, holders: Holders) -> dict[Workload, float]:
    """Use of the multiprocessors by each workload, in any unit; empty where it is not told."""
    of = {process.pid: process.workload for process in holders.processes}
    found: dict[Workload, float] = {}
    for pid, sm, *_ in gpu.values.get("process_use", ()):
        if workload := of.get(pid):
            found[workload] = found.get(workload, 0.0) + sm
    return found
