"""What /metrics says of GPUs, from a compiled library to the text of the page: names and labels that users type, fixed once."""

from __future__ import annotations

import re
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from running import wait_for
from simulator import nvml_simulator as simulator
from stoker.app import App
from stoker.sources import programs
from stoker.sources.machine import Machine
from wire import PATIENCE, Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

INSTANCE = "gpu,uuid,gpu_instance,compute_instance"
LABELS = {
    "info": "gpu,uuid,name,pci_bus_id,serial,vbios,driver,cuda,architecture,mig_mode",
    "up": "gpu,uuid",
    "errors_total": "gpu,uuid,call,error",
    "devices": "",
    "pci_devices": "",
    "devices_boot_max": "",
    "utilization_ratio": "gpu,uuid",
    "memory_controller_utilization_ratio": "gpu,uuid",
    "engine_utilization_ratio": "gpu,uuid,engine",
    "memory_total_bytes": INSTANCE,
    "memory_used_bytes": INSTANCE,
    "memory_free_bytes": INSTANCE,
    "memory_reserved_bytes": INSTANCE,
    "temperature_celsius": "gpu,uuid,sensor",
    "temperature_threshold_celsius": "gpu,uuid,threshold",
    "temperature_margin_celsius": "gpu,uuid",
    "power_watts": "gpu,uuid",
    "power_limit_watts": "gpu,uuid",
    "energy_joules_total": "gpu,uuid",
    "clock_hertz": "gpu,uuid,clock",
    "clock_max_hertz": "gpu,uuid,clock",
    "fan_speed_ratio": "gpu,uuid",
    "performance_state": "gpu,uuid",
    "throttle_active": "gpu,uuid,reason",
    "throttle_seconds_total": "gpu,uuid,reason",
    "ecc_errors_total": "gpu,uuid,type,scope",
    "remapped_rows_total": "gpu,uuid,cause",
    "remap_pending": "gpu,uuid",
    "remap_failed": "gpu,uuid",
    "retired_pages_total": "gpu,uuid,cause",
    "pcie_link_generation": "gpu,uuid,state",
    "pcie_link_width": "gpu,uuid,state",
    "pcie_replays_total": "gpu,uuid",
    "pcie_bytes_total": "gpu,uuid,direction",
    "nvlink_up": "gpu,uuid,link",
    "nvlink_errors_total": "gpu,uuid,link,type",
    "nvlink_bytes_total": "gpu,uuid,direction",
    "fabric_state": "gpu,uuid",
    "activity_ratio": f"{INSTANCE},unit",
    "recovery_action": "gpu,uuid",
    "xid_errors_total": "gpu,uuid,xid",
    "xid_last_timestamp_seconds": "gpu,uuid,xid",
    "process_memory_bytes": f"{INSTANCE},pid",
    "processes": "gpu,uuid,type",
    "power_peak_watts": "gpu,uuid",
    "utilization_peak_ratio": "gpu,uuid",
    "utilization_min_ratio": "gpu,uuid",
    "memory_unowned_bytes": "gpu,uuid,owner",
    "seconds_total": "gpu,uuid,state",
    "processes_visible": "",
}
VALUES = {
    "engine": "decoder,encoder,jpeg,ofa",
    "sensor": "core,memory",
    "threshold": "gpu_max,memory_max,shutdown,slowdown",
    "clock": "graphics,memory,sm,video",
    "reason": "applications_clocks,hw_power_brake,hw_slowdown,hw_thermal,idle,sw_power_cap,sw_thermal,sync_boost",
    "scope": "aggregate,volatile",
    "cause": "corrected,uncorrected",
    "state": "busy,current,held,idle,max,unmeasured",
    "direction": "rx,tx",
}


class Node:
    """A running exporter on a machine with simulated GPUs."""

    def __init__(self, library: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.machine = simulator.machine(3)
        self.file = folder / "machine"
        self.state = folder / "state"
        for name, value in simulator.environment(library, self.file).items():
            monkeypatch.setenv(name, value)
        (folder / "proc").mkdir()
        (folder / "sys/bus/pci/devices").mkdir(parents=True)
        self.state.mkdir()
        self._settings = folder / "stoker.yaml"
        self._settings.write_text(f"state_dir: {self.state}\ninterval: 100ms\nhost: {{enabled: false}}\n")
        self._where = Machine(proc=str(folder / "proc"), sys=str(folder / "sys"))

    def start(self) -> None:
        """Begin, with the machine as it is now."""
        self.machine.write(self.file)
        self.app = App(self._settings, listen="127.0.0.1:0", machine=self._where)
        self.app.start()

    def ask(self, path: str, method: str = "GET") -> tuple[int, str]:
        """Status and text of an answer."""
        with Wire(int(self.app.server.address.rpartition(":")[2])) as wire:
            answer = wire.ask(path, method)
        return answer.status, answer.body.decode()

    def page(self, until: Callable[[dict[str, float]], object]) -> str:
        """The first page that `until` accepts."""
        end = time.monotonic() + PATIENCE
        while True:
            _, text = self.ask("/metrics")
            if until(read(text)):
                return text
            assert time.monotonic() < end, text


@pytest.fixture
def node(nvml_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    node = Node(nvml_library, tmp_path, monkeypatch)
    yield node
    node.app.stop()


def read(text: str) -> dict[str, float]:
    """Values by series, those of GPUs only, without what their names have in common."""
    lines = (line for line in text.splitlines() if line.startswith("stoker_gpu_"))
    return {series.removeprefix("stoker_gpu_"): float(value) for series, _, value in (x.rpartition(" ") for x in lines)}


def test_every_metric_has_its_name_its_labels_and_their_values(node: Node) -> None:
    first, second, third = node.machine.devices
    second.values |= {"retired0": 2, "retired1": 1, "fan": 40}
    second.fails("nvmlDeviceGetJpgUtilization", 999)
    third.values |= {f"mig0.{key}": number for key, number in (("gpu_instance", 7), ("compute_instance", 0))}
    third.values |= {f"mig0.memory_{key}": number for key, number in (("total", 9), ("used", 4), ("reserved", 1))}
    third.values |= {"mig": 1, "compute": "4000000:300:7:0", "mig0.gpm1": 500}
    node.start()
    node.page(lambda found: "devices" in found)
    first.xid(79)
    node.machine.write(node.file)
    late = ("activity_ratio", "xid_errors_total")  # between two looks, and once somebody waits for it
    text = node.page(lambda found: {series.partition("{")[0] for series in found}.issuperset(late))
    found = read(text)
    labels: dict[str, set[str]] = {}
    values: dict[str, set[str]] = {}
    for series in found:
        name, _, pairs = series.partition("{")
        parts = re.findall(r'(\w+)="([^"]*)"', pairs)
        labels.setdefault(name, set()).add(",".join(label for label, _ in parts))
        for label, value in parts:
            values.setdefault(label, set()).add(value)
    for name, wanted in LABELS.items():
        assert wanted in labels.get(name, ()), name
        assert not [each for each in labels[name] if not set(each.split(",")) <= set(wanted.split(","))], name
    assert {label: ",".join(sorted(values[label])) for label in VALUES} == VALUES
    assert first.values["uuid"] in values["uuid"]
    done = subprocess.run(
        [programs.find("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_gpu_that_is_gone_is_missed_until_it_is_forgotten(node: Node) -> None:
    (node.state / "gpu.json").write_text("{half a docum")
    node.start()
    node.page(lambda found: found.get("devices") == 3)
    gone = node.machine.devices.pop()
    node.machine.write(node.file)
    up = f'up{{gpu="2",uuid="{gone.values["uuid"]}"}}'
    found = read(node.page(lambda found: found["devices"] == 2))
    assert (found[up], found["devices_boot_max"]) == (0, 3)
    forget = f"/-/forget?uuid={gone.values['uuid']}"
    assert node.ask(forget)[0] == 405
    assert node.ask(forget, "POST")[0] == 200
    assert node.ask(forget, "POST")[0] == 404
    found = read(node.page(lambda found: up not in found))
    assert found["devices_boot_max"] == 2
    assert len(list(node.state.glob("gpu.json.corrupt-*"))) == 1


def test_the_first_look_is_served_however_many_gpus_hang_in_it(node: Node) -> None:
    """What takes longer than the collector's deadline is not: then nothing would be known of the GPU that works."""
    node.machine.devices[1:] = [simulator.h200(index) for index in range(1, 17)]
    for device in node.machine.devices[1:]:
        device.hangs("nvmlDeviceGetMemoryInfo")
    node.start()
    pages: list[str] = []

    def judged() -> bool:
        pages.append(node.ask("/metrics")[1])
        return 'stoker_collector_success{collector="gpu"}' in pages[-1]

    wait_for(judged)
    found = read(pages[-1])
    assert found["devices"] == 17
    told = {series: value for series, value in found.items() if series.startswith("up{")}
    assert told.pop(f'up{{gpu="0",uuid="{simulator.uuid_of(0)}"}}') == 1
    assert told
    assert set(told.values()) == {0.0}
    assert 'stoker_collector_success{collector="gpu"} 0\n' in pages[-1]
    assert node.ask("/-/healthy")[0] == 200  # nobody is helped by a restart
