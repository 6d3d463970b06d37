"""Fixtures that several folders of tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import pytest

import followed
import read_files
from gpus import GpuBench
from simulator.nvml_simulator import compile_library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _own_proc() -> Iterator[None]:
    """A test that reads another machine's /proc through psutil, which remembers it, leaves the others this machine's."""
    yield
    psutil.PROCFS_PATH = "/proc"


@pytest.fixture(autouse=True)
def _files_closed() -> Iterator[None]:
    """Thousands of tests in one process would run out of descriptors below 1024, beyond which select() does not look."""
    yield
    while followed.MADE:
        followed.MADE.pop().kill()
    while read_files.MADE:
        read_files.MADE.pop().follower.close()


@pytest.fixture(scope="session")
def nvml_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The simulated NVML library, compiled once."""
    return compile_library(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def gpus(nvml_library: Path, tmp_path: Path) -> Iterator[Callable[..., GpuBench]]:
    """Makes machines with simulated GPUs; their child processes end with the test."""
    benches: list[GpuBench] = []

    def make(count: int, **settings: object) -> GpuBench:
        folder = tmp_path / f"machine{len(benches)}"
        benches.append(GpuBench(nvml_library, folder, count, **settings))
        return benches[-1]

    yield make
    for bench in benches:
        bench.gate.close()
