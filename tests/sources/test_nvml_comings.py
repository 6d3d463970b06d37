"""Devices that come and go: each trouble is seen in the look after it, costs nobody else anything, and is over when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from gpus import look, ups
from simulator.nvml_simulator import h200, uuid_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpus import GpuBench
    from stoker.sources.nvml_values import Snapshot

NO_PERMISSION, DRIVER_NOT_LOADED, GPU_IS_LOST, RESET_REQUIRED, IN_USE, UNKNOWN = 4, 9, 15, 16, 19, 999
VERSION = "proc/driver/nvidia/version"
SOON = 330.0
"""Seconds within which a GPU that answers again is up."""


class Trouble(NamedTuple):
    """What happens to the second of three GPUs, or to all; who is down then; how many the driver sees; and what is counted."""

    begin: Callable[[GpuBench], object]
    end: Callable[[GpuBench], object]
    down: tuple[int, ...]
    devices: int | None
    error: str


def all_fail(error: int) -> Callable[[GpuBench], None]:
    def begin(bench: GpuBench) -> None:
        for device in bench.machine.devices:
            device.values["error"] = error

    return begin


def one_fails(error: int) -> Callable[[GpuBench], None]:
    def begin(bench: GpuBench) -> None:
        bench.machine.devices[1].values["error"] = error

    return begin


def heal(bench: GpuBench) -> None:
    for device in bench.machine.devices:
        device.heal()


def unload(bench: GpuBench) -> None:
    bench.machine.system["error.nvmlInit"] = DRIVER_NOT_LOADED
    (bench.folder / VERSION).unlink()


def load(bench: GpuBench) -> None:
    del bench.machine.system["error.nvmlInit"]
    (bench.folder / VERSION).write_text("595.10\n")


def unbind(bench: GpuBench) -> None:
    bench.machine.devices[1:2] = []


def bind(bench: GpuBench) -> None:
    bench.machine.devices[1:1] = [h200(1)]


def lose_permissions(bench: GpuBench) -> None:
    """As when the rules for a container's devices are written anew: those that it has open fail, and no others can be opened."""
    all_fail(UNKNOWN)(bench)
    bench.machine.system["error.nvmlInit"] = UNKNOWN


def get_permissions(bench: GpuBench) -> None:
    heal(bench)
    del bench.machine.system["error.nvmlInit"]


TROUBLES = {
    "fallen off the bus": Trouble(one_fails(GPU_IS_LOST), heal, (1,), 3, "GPU_IS_LOST"),
    "needs a reset": Trouble(one_fails(RESET_REQUIRED), heal, (1,), 3, "RESET_REQUIRED"),
    "is being reset": Trouble(one_fails(IN_USE), heal, (1,), 3, "IN_USE"),
    "unbound": Trouble(unbind, bind, (1,), 2, "NOT_FOUND"),
    "driver reloaded": Trouble(unload, load, (0, 1, 2), None, "DRIVER_NOT_LOADED"),
    "permissions of open devices lost": Trouble(all_fail(NO_PERMISSION), heal, (0, 1, 2), 3, "NO_PERMISSION"),
    "permissions of all devices lost": Trouble(lose_permissions, get_permissions, (0, 1, 2), 3, "UNKNOWN"),
}


def changed(bench: GpuBench) -> Snapshot:
    """What the gate says of a machine that has changed."""
    bench.change()
    return look(bench)


@pytest.mark.parametrize("name", TROUBLES)
def test_a_trouble_is_seen_for_as_long_as_it_lasts_and_all_is_well_again(
    gpus: Callable[..., GpuBench], name: str
) -> None:
    trouble = TROUBLES[name]
    bench = gpus(3)
    well = {uuid_of(index): True for index in range(3)}
    assert ups(changed(bench)) == well
    trouble.begin(bench)
    for number in range(30):
        found = changed(bench)
        assert ups(found) == {uuid_of(index): index not in trouble.down for index in range(3)}, number
        assert found.boot_max == 3
        if not number:
            assert found.devices == trouble.devices
            assert found.failures or found.devices != 3
        assert all(gpu.info["name"] for gpu in found.gpus)  # who is down is still named
    assert {key.error for key in found.errors} == {trouble.error}
    assert found.left == 0
    trouble.end(bench)
    begun = bench.clock.now
    while ups(changed(bench)) != well:
        assert bench.clock.now - begun < SOON
    found = changed(bench)
    assert (found.devices, found.failures) == (3, ())


@pytest.mark.parametrize("name", TROUBLES)
def test_a_trouble_from_before_the_start_is_over_when_it_is_over(gpus: Callable[..., GpuBench], name: str) -> None:
    trouble = TROUBLES[name]
    bench = gpus(3)
    changed(bench)
    trouble.begin(bench)
    bench.change()
    bench.restart()
    assert ups(changed(bench)) == {uuid_of(index): index not in trouble.down for index in range(3)}
    trouble.end(bench)
    begun = bench.clock.now
    while not all(ups(changed(bench)).values()):
        assert bench.clock.now - begun < SOON
