"""Sources that nobody has to name: the kernel's log on a machine with NVIDIA GPUs, where the driver writes its XIDs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stoker.config.settings import KernelSettings, SourceSettings
from stoker.sources.kernel import can_read
from stoker.sources.pci import count_gpus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stoker.config import Settings
    from stoker.spec.format import FormatSpec

DEVICE = "/dev/kmsg"
_KERNEL = "kernel"


def kernel_named(settings: Settings) -> bool:
    """Whether a source of the settings reads the kernel's log, or says that none shall."""
    return any(source.kernel is not None for source in settings.sources)


def has_gpus(settings: Settings) -> bool:
    """Whether NVIDIA's driver is loaded, or a GPU is there that it may be loaded for."""
    if settings.gpu.enabled is False:
        return False
    return (Path(settings.host.proc) / "driver/nvidia").is_dir() or bool(count_gpus(Path(settings.host.sys)))


def kernel_source(settings: Settings, formats: Mapping[str, FormatSpec], device: str = DEVICE) -> SourceSettings | None:
    """A source for the kernel's log, where there are GPUs, it may be read, and the settings say nothing of it.

    Args:
        settings: of stoker.yaml.
        formats: those that exist, by name; the kernel's are used.
        device: the kernel's log.
    """
    if kernel_named(settings) or not has_gpus(settings) or not can_read(device):
        return None
    taken = any(source.name == _KERNEL for source in settings.sources)
    own = tuple(name for name, spec in formats.items() if spec.kind == "kernel")
    name = f"stoker-{_KERNEL}" if taken else _KERNEL
    return SourceSettings(name=name, kernel=KernelSettings(path=device), formats=own)
