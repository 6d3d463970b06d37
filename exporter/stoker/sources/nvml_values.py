"""What one look at all GPUs gave, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

DIRECTIONS = ("tx", "rx")
"""Of a link's traffic: sent and received."""


class ErrorKey(NamedTuple):
    """Labels of an NVML error; gpu and uuid are empty when it concerned no GPU."""

    gpu: str
    uuid: str
    call: str
    error: str


class Link(NamedTuple):
    """An NVLink: its number, whether it is up, what it is (version, remote), its errors by type, other fields by their name, and the bytes
    that it has carried by direction (tx, rx).
    """

    number: str
    up: bool
    about: Mapping[str, int]
    errors: Mapping[str, int]
    fields: Mapping[str, int]
    traffic: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Instance:
    """A MIG instance and what was read of it, under the names of nvml_reads."""

    gpu_instance: str
    compute_instance: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU.

    Attributes:
        gpu: NVML's index when it was last seen; for reading, since it may move.
        uuid: what identifies it; empty when it never told.
        up: whether it answered this time.
        pci: address as sysfs spells it.
        info: label values of stoker_gpu_info, kept from when it last answered.
        static, values: as nvml_reads names them, in NVML's own units; what could not be read is not there.
        mig: whether MIG mode is on; None where there is no such mode.
        mig_pending: whether it will be after a reset; None where that is not known.
    """

    gpu: str
    uuid: str
    up: bool
    pci: str = ""
    info: Mapping[str, str] = field(default_factory=dict)
    static: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    instances: tuple[Instance, ...] = ()
    mig: bool | None = None
    mig_pending: bool | None = None

    @property
    def labels(self) -> tuple[str, str]:
        """Values of the labels that every GPU metric begins with."""
        return (self.gpu, self.uuid)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All GPUs at one moment.

    Attributes:
        gpus: those that answered, those that did not, and those that were known and are gone; by index.
        devices: how many the driver sees; 0 when NVML failed, None when there is no driver.
        pci_devices: how many are on the bus; None where that cannot be compared.
        boot_max: the most that the driver has seen since the machine was booted.
        errors: how often each error was seen since the start.
        failures: what went wrong this time, one line each.
        restarts: children started after the first one, since the start.
        left: children that hang in the kernel and could not be killed.
        unwatched: seconds in which NVML could not have told an XID of a GPU, by its uuid.
        stuck: seconds for which NVML has not answered what it was asked, 0 when it answers.
    """

    gpus: tuple[Gpu, ...]
    devices: int | None
    pci_devices: int | None
    boot_max: int
    errors: Mapping[ErrorKey, int]
    failures: tuple[str, ...] = ()
    restarts: int = 0
    left: int = 0
    unwatched: Mapping[str, float] = field(default_factory=dict)
    stuck: float = 0.0
