"""XIDs through the whole exporter: a simulated NVML and a kernel's log tell of them, and the exporter is killed in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from machines import write
from served import Program
from simulator import nvml_simulator as simulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Node:
    """A machine with two GPUs on which `stoker serve` runs."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.folder = folder
        self.sim = folder / "machine"
        self.log = folder / "kernel.log"
        self.log.touch()
        self.machine = simulator.machine(2)
        self.machine.write(self.sim)
        write(folder, {"proc/driver/nvidia/version": "590.48.01\n"})
        environment = simulator.environment(library, self.sim, {})
        self.environment = {key: environment[key] for key in ("LD_LIBRARY_PATH", simulator.VARIABLE)}
        self.start()

    def start(self) -> None:
        settings = (
            f"interval: 1s\nhost: {{enabled: false, proc: '{self.folder / 'proc'}'}}\ngpu: {{enabled: true}}\n"
            f"sources: [{{name: kernel, kernel: {{path: '{self.log}'}}}}, {{name: runs, runs: false}}]\n"
        )
        self.program = Program(self.folder, settings, **self.environment)
        for index in range(2):
            self.program.until(f'stoker_gpu_up{{gpu="{index}",uuid="{simulator.uuid_of(index)}"}}', "1")
        self.program.until('stoker_log_files{source="kernel"}', "1")

    def nvml(self, index: int, *codes: int) -> None:
        self.machine.devices[index].xid(*codes)
        self.machine.write(self.sim)

    def kernel(self, index: int, *codes: int) -> None:
        with self.log.open("a") as file:
            for code in codes:
                file.write(f"NVRM: Xid (PCI:0000:{0x11 + 0x10 * index:02x}:00): {code}, pid=1, something\n")

    def counted(self, index: int, code: int, count: int) -> None:
        labels = f'gpu="{index}",uuid="{simulator.uuid_of(index)}",xid="{code}"'
        self.program.until(f"stoker_gpu_xid_errors_total{{{labels}}}", str(count))

    def both_read(self) -> None:
        """Whatever was told before is counted once two later events are, of which each comes one way."""
        seen = len(self.log.read_text().splitlines()) + 1
        self.nvml(1, 500 + seen)
        self.kernel(1, 700 + seen)
        self.counted(1, 500 + seen, 1)
        self.counted(1, 700 + seen, 1)


@pytest.fixture
def node(tmp_path: Path, nvml_library: Path) -> Iterator[Node]:
    made = Node(tmp_path, nvml_library)
    yield made
    made.program.end()


def test_an_xid_counts_once_however_it_is_told_and_whenever_the_exporter_is_killed(node: Node) -> None:
    node.kernel(0, 79)
    node.nvml(0, 79)
    node.both_read()
    node.counted(0, 79, 1)
    node.nvml(0, *[31] * 5)
    node.kernel(0, *[31] * 5)
    node.nvml(0, 48)
    node.both_read()
    node.counted(0, 79, 1)
    node.counted(0, 31, 5)
    node.counted(0, 48, 1)
    node.program.end()
    node.kernel(0, 48, 94)  # the line of what NVML told before the kill, and one that only the kernel tells
    node.start()
    node.both_read()
    node.counted(0, 79, 1)
    node.counted(0, 31, 5)
    node.counted(0, 48, 1)
    node.counted(0, 94, 1)
    node.program.end()
    node.start()
    node.kernel(0, 79)
    node.nvml(0, 79)
    node.both_read()
    node.counted(0, 79, 2)
