"""The simulated library compiles with whatever compiler there is, without a complaint."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from simulator import nvml_simulator

if TYPE_CHECKING:
    from pathlib import Path


STRICT = [
    ["gcc", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"],
    ["clang", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"],
    ["tcc", "-Wall", "-Werror", "-shared", "-nostdlib"],
]


# those that this machine has; that there is one at all, every test with a GPU needs
@pytest.mark.parametrize("command", [each for each in STRICT if shutil.which(each[0])], ids=lambda command: command[0])
def test_the_library_compiles_without_a_warning_and_loads(tmp_path: Path, command: list[str]) -> None:
    library = tmp_path / nvml_simulator.LIBRARY
    done = subprocess.run(
        [*command, "-o", str(library), str(nvml_simulator.SOURCE)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    count = ctypes.c_uint(7)
    loaded = ctypes.CDLL(str(library))
    assert loaded.nvmlInitWithFlags(0) == 0
    assert loaded.nvmlDeviceGetCount_v2(ctypes.byref(count)) == 0
    assert count.value == 0  # no file says otherwise


def test_without_any_compiler_one_line_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(nvml_simulator, "_TOOLS", tmp_path)
    with pytest.raises(nvml_simulator.NoCompilerError, match="install one of gcc, clang, tcc"):
        nvml_simulator.compile_library(tmp_path)
