"""A view on the samples of GPUs under the names, labels and units of dcgm-exporter, for dashboards and rules made for it.

It is made of what is exposed anyway, when it is exposed: nothing is asked of a GPU for it. As with dcgm-exporter, a GPU that is divided has
a series for each MIG instance wherever the instance itself tells the value; what only the GPU as a whole tells has one series.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

from stoker.collectors import gpu_info, gpu_instances, gpu_processes
from stoker.collectors.dcgm_names import FIELDS, XID, XID_SOURCE, Field
from stoker.metrics import Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PROFILE = re.compile(r"(\d+g\.\S+)\Z")  # of `NVIDIA H200 MIG 1c.3g.71gb`
_TINY = 3
"""Digits after the point at which our fractions of a whole number of DCGM's are rounded away."""


class _Key(NamedTuple):
    """What a series is of; the instance's numbers are empty for the whole GPU."""

    gpu: str
    uuid: str
    gpu_instance: str = ""
    compute_instance: str = ""


class _Way(NamedTuple):
    """How a sample of ours is taken for a field: positions of labels and the values that they must have, and what it counts by a label."""

    field: Field
    number: int
    match: tuple[tuple[int, frozenset[str]], ...]
    weight: int


def _ways() -> dict[str, list[_Way]]:
    found: dict[str, list[_Way]] = {}
    for number, field in enumerate(FIELDS):
        labels = field.source.labels
        match = tuple((labels.index(name), frozenset(value.split("|"))) for name, value in field.match.items())
        weight = labels.index(field.weights[0]) if field.weights else -1
        found.setdefault(field.source.name, []).append(_Way(field, number, match, weight))
    return found


_WAYS = _ways()
_ABOUT = frozenset(
    {
        gpu_info.INFO.name,
        gpu_instances.INFO.name,
        gpu_processes.MEMORY.name,
        gpu_processes.WORKLOAD.name,
        XID_SOURCE.name,
    }
)


class Dcgm:
    """The view of one exporter; it remembers counters for what DCGM tells as rates.

    Args:
        host: the label `Hostname`.
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self._read_at = 0.0
        self._counted: dict[tuple[int, _Key], float] = {}
        self._rates: dict[tuple[int, _Key], float] = {}

    def read(self, samples: Iterable[Sample], read_at: float) -> list[Sample]:
        """What dcgm-exporter would say.

        Args:
            samples: everything that is exposed.
            read_at: monotonic seconds at which the GPUs among them were read; 0 when that is not known.
        """
        about = _About(self._host)
        values: list[dict[_Key, float]] = [{} for _ in FIELDS]
        for sample in samples:
            name = sample.desc.name
            if name in _ABOUT:
                about.take(sample)
            for way in _WAYS.get(name, ()):
                _take(values[way.number], way, sample)
        counted = {
            (number, key): value
            for number, field in enumerate(FIELDS)
            if field.rate
            for key, value in values[number].items()
        }
        self._advance(counted, read_at)
        found: list[Sample] = []
        for number, field in enumerate(FIELDS):
            of_field = values[number]
            if field.rate:
                of_field = {key: self._rates[number, key] for key in of_field if (number, key) in self._rates}
            for key, value in _of_instances(of_field):
                if (labels := about.labels(key)) is not None:
                    found.append(Sample(field.desc, labels, _in_units(field, value)))
        found += about.xids()
        return found

    def _advance(self, counted: dict[tuple[int, _Key], float], read_at: float) -> None:
        """Rates between the reading before and this one; none over a counter that began again."""
        seconds = read_at - self._read_at
        if not read_at or seconds <= 0:
            return
        if self._read_at:
            self._rates = {
                key: (value - self._counted[key]) / seconds
                for key, value in counted.items()
                if key in self._counted and value >= self._counted[key]
            }
        self._read_at, self._counted = read_at, counted


class _About:
    """Who and where GPUs are, out of the samples that say it."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._gpus: dict[tuple[str, str], dict[str, str]] = {}
        self._profiles: dict[tuple[str, str, str], str] = {}
        self._pods: dict[tuple[str, str, str], set[tuple[str, str, str]]] = {}
        self._xids: dict[tuple[str, str], tuple[float, str]] = {}

    def take(self, sample: Sample) -> None:
        """Note a sample of one of _ABOUT."""
        told = dict(zip(sample.desc.labels, sample.labels, strict=True))
        gpu = (told["gpu"], told["uuid"])
        if sample.desc.name == gpu_info.INFO.name:
            self._gpus[gpu] = told
        elif sample.desc.name == gpu_instances.INFO.name:
            profile = _PROFILE.search(told["name"])
            self._profiles[*gpu, told["gpu_instance"]] = profile[1] if profile else ""
        elif sample.desc.name == XID_SOURCE.name:
            when = sample.value
            if isinstance(when, int | float) and when >= self._xids.get(gpu, (0.0, ""))[0]:
                self._xids[gpu] = (when, told["xid"])
        elif told.get("pod"):
            pod = (told.get("container", ""), told.get("namespace", ""), told["pod"])
            self._pods.setdefault((*gpu, told.get("gpu_instance", "")), set()).add(pod)

    def labels(self, key: _Key) -> tuple[str, ...] | None:
        """Values of dcgm_names.LABELS; None for a GPU of which nothing is known. A pod only where the GPU is one pod's."""
        told = self._gpus.get((key.gpu, key.uuid))
        if told is None:
            return None
        pods = self._pods.get(key[:3], set())
        return (
            key.gpu,
            key.uuid,
            _bus_id(told["pci_bus_id"]),
            f"nvidia{key.gpu}",
            told["name"],
            self._profiles.get(key[:3], ""),
            key.gpu_instance,
            self._host,
            told["driver"],
            *(next(iter(pods)) if len(pods) == 1 else ("", "", "")),
        )

    def xids(self) -> Iterator[Sample]:
        """The last code of each GPU, those that are gone included; it has nothing to do with an instance."""
        for gpu in self._gpus:
            labels = self.labels(_Key(*gpu))
            _, code = self._xids.get(gpu, (0.0, "0"))
            if labels is not None and code.isdigit():
                yield Sample(XID, labels, float(code))


def _take(values: dict[_Key, float], way: _Way, sample: Sample) -> None:
    """Add a sample up, if it is one that is asked for."""
    labels = sample.labels
    value = sample.value
    if not isinstance(value, int | float) or any(labels[at] not in wanted for at, wanted in way.match):
        return
    if way.field.weights is not None:
        value *= way.field.weights[1].get(labels[way.weight], 0.0)
    instance = way.field.source.labels[2:4] == ("gpu_instance", "compute_instance")
    key = _Key(*labels[:4]) if instance else _Key(*labels[:2])
    values[key] = values.get(key, 0.0) + value


def _of_instances(values: dict[_Key, float]) -> Iterator[tuple[_Key, float]]:
    """Instances in place of their GPU, and of the compute instances of one GPU instance, which share its figures, the first."""
    divided = {key.uuid for key in values if key.gpu_instance}
    seen: set[_Key] = set()
    for key, value in values.items():
        if key.uuid in divided and not key.gpu_instance:
            continue
        shown = key._replace(compute_instance="")
        if shown not in seen:
            seen.add(shown)
            yield shown, value


def _in_units(field: Field, value: float) -> float:
    value *= field.factor
    return float(math.floor(round(value, _TINY))) if field.whole else round(value, 6)


def _bus_id(address: str) -> str:
    """`00000000:91:00.0`, as NVML spells the address that sysfs spells `0000:91:00.0`."""
    domain, colon, rest = address.partition(":")
    return f"{domain.zfill(8)}{colon}{rest}".upper() if colon else ""
