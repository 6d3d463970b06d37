"""Looks at the GPUs: the bus, the driver, its library, and each device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.doctor.finding import Finding, State
from stoker.errors import SourceError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.config import Settings
    from stoker.sources.nvml import NvmlGate
    from stoker.sources.nvml_values import Snapshot

_REMEDIES = {
    "LIB_RM_VERSION_MISMATCH": "the driver was updated while it was loaded: reboot, or end every user of the GPUs and reload its modules",
    "NO_PERMISSION": "let the exporter's user open /dev/nvidiactl and /dev/nvidia*, or run it as root",
    "INSUFFICIENT_POWER": "connect the GPU's power cables",
    "IRQ_ISSUE": "see `dmesg` for the interrupt that the driver does not get; a reboot or another slot helps",
    "GPU_IS_LOST": "the GPU has fallen off the bus: drain the node, reset the GPU or reboot",
    "RESET_REQUIRED": "drain the node and reset the GPU: `nvidia-smi --gpu-reset -i INDEX`",
    "TIMEOUT": "the driver hangs: see `dmesg | grep -i -e xid -e nvrm`; a reboot mostly helps",
    "UNKNOWN": "in a container this comes after `systemctl daemon-reload` took its devices away: start the container anew",
    "PROCESS_ENDED": "the process that speaks to NVML ended: see the log of `stoker serve --log-level debug`",
}


def gpus(settings: Settings, gate: NvmlGate | None, pci_devices: int | None) -> Iterator[Finding]:
    """What NVML says.

    Args:
        settings: whether GPUs are collected at all.
        gate: None when they are not.
        pci_devices: NVIDIA GPUs on the PCI bus, where there is one to look at.
    """
    if gate is None:
        yield Finding("gpu", State.ABSENT, "switched off in the settings")
        return
    required = settings.gpu.enabled is True
    try:
        found = gate.snapshot()
    except UnavailableError as error:
        if pci_devices:
            on_the_bus = f"{pci_devices} NVIDIA GPU{'s are' if pci_devices > 1 else ' is'} on the PCI bus"
            yield Finding("gpu", State.BROKEN, f"{error}, but {on_the_bus}", _driver_remedy(str(error)))
        elif required:
            right = "install NVIDIA's driver, or set `gpu: {enabled: auto}`"
            yield Finding("gpu", State.BROKEN, f"{error}, and the settings ask for GPUs", right)
        else:
            yield Finding("gpu", State.ABSENT, f"{error}: GPU metrics are left out")
        return
    except SourceError as error:
        yield Finding("gpu", State.BROKEN, str(error), _remedy(str(error)))
        return
    yield from _devices(found)


def _devices(found: Snapshot) -> Iterator[Finding]:
    up = [gpu for gpu in found.gpus if gpu.up]
    if up:
        info = up[0].info
        names = ", ".join(sorted({gpu.info.get("name", "") for gpu in up}))
        yield Finding("gpu", State.OK, f"{len(up)} answering: {names}; driver {info.get('driver', '?')}")
    for gpu in found.gpus:
        if not gpu.up:
            says = "; ".join(each for each in found.failures if f"GPU {gpu.gpu}" in each) or "does not answer"
            yield Finding(f"gpu {gpu.gpu}", State.BROKEN, says, _remedy(says))
    if not found.gpus:
        says = "; ".join(found.failures) or "the driver sees no GPU"
        yield Finding("gpu", State.BROKEN, says, _remedy(says))
    if found.pci_devices and found.devices is not None and found.devices < found.pci_devices:
        says = f"the driver sees {found.devices} of {found.pci_devices} GPUs on the PCI bus"
        yield Finding("gpu", State.BROKEN, says, "`dmesg | grep -i nvrm` says why; GpuMissing fires for it")
    partly = [each for each in found.failures if "does not answer" not in each]
    if up and partly and len(up) == len(found.gpus):
        yield Finding("gpu", State.DEGRADED, "; ".join(partly[:3]), _remedy(" ".join(partly)))


def _driver_remedy(says: str) -> str:
    if "libnvidia-ml" in says:
        return (
            "install the driver's library (libnvidia-ml1 in Debian and Ubuntu), or give the container NVIDIA's runtime"
        )
    return "load the driver: `modprobe nvidia`; `dmesg | grep -i nvrm` says why it was not"


def _remedy(says: str) -> str:
    return next((right for error, right in _REMEDIES.items() if error in says), "`dmesg | grep -i -e xid -e nvrm`")
