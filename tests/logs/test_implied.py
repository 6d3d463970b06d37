"""The kernel's log is read without being asked for where there are NVIDIA GPUs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from followed import PACK
from machines import write
from stoker.config.settings import GpuSettings, HostSettings, Settings, SourceSettings
from stoker.logs.implied import kernel_source
from stoker.parts import with_kernel

if TYPE_CHECKING:
    from pathlib import Path

OPEN = "/dev/null"
"""A device that everybody may read."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a machine on which the driver is loaded."""
    write(tmp_path, {"proc/driver/nvidia/version": "590.48.01\n", "sys/class/none": ""})
    return Settings(host=HostSettings(proc=str(tmp_path / "proc"), sys=str(tmp_path / "sys")))


def test_a_machine_with_the_driver_has_a_source_with_the_kernels_formats(settings: Settings) -> None:
    source = kernel_source(settings, PACK.formats, OPEN)
    assert source is not None
    assert source.name == "kernel"
    assert "kernel" in source.formats
    assert {PACK.formats[name].kind for name in source.formats} == {"kernel"}


def test_a_gpu_whose_driver_is_yet_to_be_loaded_is_enough(tmp_path: Path, settings: Settings) -> None:
    bare = replace(settings, host=replace(settings.host, proc=str(tmp_path / "none")))
    assert kernel_source(bare, PACK.formats, OPEN) is None
    write(tmp_path, {f"sys/bus/pci/devices/0000:91:00.0/{name}": text for name, text in BUS.items()})
    assert kernel_source(bare, PACK.formats, OPEN) is not None


BUS = {"vendor": "0x10de\n", "class": "0x030200\n"}


def test_it_is_left_out_where_it_cannot_be_read_where_gpus_are_off_and_where_the_settings_say_something(
    tmp_path: Path, settings: Settings
) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    for device in (str(tmp_path / "kmsg"), str(plain)):
        assert kernel_source(settings, PACK.formats, device) is None
    assert kernel_source(replace(settings, gpu=GpuSettings(enabled=False)), PACK.formats, OPEN) is None
    for said in (True, False):
        named = replace(settings, sources=(SourceSettings(name="k", kernel=said),))
        assert kernel_source(named, PACK.formats, OPEN) is None


def test_a_source_that_has_its_name_already_keeps_it(settings: Settings) -> None:
    taken = replace(settings, sources=(SourceSettings(name="kernel", files=("/var/log/kern.log",)),))
    source = kernel_source(taken, PACK.formats, OPEN)
    assert source is not None
    assert source.name == "stoker-kernel"


def test_switched_off_there_is_none_at_all(settings: Settings) -> None:
    off = replace(settings, sources=(SourceSettings(name="k", kernel=False),))
    assert with_kernel(off, PACK).sources == ()
