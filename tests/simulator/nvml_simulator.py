"""A simulated GPU machine: compiles nvml.c and writes the file that it answers from. For tests, and for the demonstration."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).with_name("nvml.c")
LIBRARY = "libnvidia-ml.so.1"
VARIABLE = "STOKER_NVML_SIM"
_TOOLS = SOURCE.parents[2] / ".tools"
_GIB = 1 << 30
_ACTIVITY = {1: 96, 2: 91, 3: 38, 4: 22, 5: 44, 10: 57, 11: 0, 12: 13, 13: 9}
"""Percent of cycles by nvmlGpmMetricId_t."""
_MOST_LINES = 1200
"""Room for one device in nvml.c, which drops what is over it."""


class NoCompilerError(Exception):
    """None of cc, gcc, clang and tcc is here."""


def compile_library(folder: Path) -> Path:
    """Compile the library into a folder, for LD_LIBRARY_PATH; gives its path.

    Raises:
        NoCompilerError: with what to install.
    """
    library = folder / LIBRARY
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{LIBRARY}.{os.getpid()}"
    said = []
    for command in _compilers():
        done = subprocess.run([*command, "-o", str(part), str(SOURCE)], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            part.replace(library)
            return library
        said.append(f"{command[0]}: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else done.returncode}")
    raise NoCompilerError("; ".join(said) or "no C compiler: install one of gcc, clang, tcc, or run `make .tools`")


def _compilers() -> list[list[str]]:
    found = [[path, "-O1", "-shared", "-fPIC"] for name in ("cc", "gcc", "clang") if (path := shutil.which(name))]
    if path := shutil.which("tcc"):
        found.append([path, "-shared", "-nostdlib"])
    unpacked = _TOOLS / "usr/bin/tcc"
    if unpacked.exists():
        # unpacked and not installed, it does not find its own folder
        folders = [f"-B{folder}" for folder in sorted((_TOOLS / "usr/lib").glob("**/tcc"))]
        found += [[str(unpacked), folder, "-shared", "-nostdlib"] for folder in folders]
    return found


@dataclass
class Device:
    """One GPU: `values` are lines of nvml.c's file without the number before them. Delete a key, and it is not supported."""

    values: dict[str, int | str] = field(default_factory=dict)

    def fails(self, call: str, error: int) -> None:
        """From now on `call` gives this NVML error."""
        self.values[f"error.{call}"] = error

    def hangs(self, call: str) -> None:
        """From now on `call` does not return."""
        self.values[f"hang.{call}"] = 1

    def crashes(self, call: str) -> None:
        """From now on `call` ends the process that makes it."""
        self.values[f"crash.{call}"] = 1

    def xid(self, *codes: int) -> None:
        """These XIDs happen, one after another; whoever is registered by then gets them as events."""
        before = sum(key.startswith("xid") for key in self.values)
        self.values |= {f"xid{before + number}": code for number, code in enumerate(codes, 1)}

    def lose(self) -> None:
        """From now on every call gives GPU_IS_LOST."""
        self.values["lost"] = 1

    def heal(self) -> None:
        """No faults any more."""
        self.values = {
            key: value for key, value in self.values.items() if not key.startswith(("error", "hang", "crash", "lost"))
        }


@dataclass
class Machine:
    """A machine; `system` are its own lines (`driver`, `cuda`, and faults as a device has them)."""

    devices: list[Device] = field(default_factory=list)
    system: dict[str, int | str] = field(default_factory=lambda: {"driver": "590.48.01", "cuda": 13010})

    def write(self, path: Path) -> None:
        """Write the file in one piece; the library reads it once a round."""
        lines = [f"{key} {value}" for key, value in self.system.items()]
        lines.append(f"devices {len(self.devices)}")
        for index, device in enumerate(self.devices):
            assert len(device.values) <= _MOST_LINES
            lines += [f"{index}.{key} {value}" for key, value in device.values.items()]
        part = path.with_name(f"{path.name}.part")
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")
        part.replace(path)


def environment(library: Path, file: Path, base: dict[str, str] | None = None) -> dict[str, str]:
    """The environment in which NVML is the simulation."""
    env = dict(os.environ if base is None else base)
    before = env.get("LD_LIBRARY_PATH", "")
    env["LD_LIBRARY_PATH"] = f"{library.parent}:{before}" if before else str(library.parent)
    env[VARIABLE] = str(file)
    return env


def uuid_of(index: int) -> str:
    """Of the device that `h200(index)` makes."""
    return f"GPU-5170ce4a-0000-4000-8000-{index:012d}"


def _field(number: int, scope: int) -> str:
    """Name of a field in a scope, as that of a link."""
    return f"field{number}.{scope}" if scope else f"field{number}"


def b200(index: int) -> Device:
    """A GPU of the generation after: its links tell in fields what those before told by a call of their own."""
    device = h200(index)
    values = {key: value for key, value in device.values.items() if not key.startswith("link_errors")}
    values |= {"name": "NVIDIA B200 (simulated)", "architecture": 10, "capability_major": 10}
    for link in range(18):
        values |= {_field(number, link): 1_000_000 + link for number in (202, 204)}
        values |= {_field(number, link): 0 for number in (*range(206, 215), 219, 221)}
        values |= {_field(220, link): 0x010F, _field(222, link): 0x0314}
        values |= {_field(235 + symbols, link): 1 << max(0, 40 - 8 * symbols) for symbols in range(16)}
    return Device(values)


def h200(index: int) -> Device:
    """A GPU with figures of an H200 under load: clocks, limits and memory as its driver 590 tells them."""
    return Device(
        {
            "name": "NVIDIA H200 (simulated)",
            "uuid": uuid_of(index),
            "serial": f"16530000{index:05d}",
            "vbios": "96.00.BC.00.01",
            "pci": f"00000000:{0x11 + 0x10 * index:02X}:00.0",
            "architecture": 9,
            "mig": 0,
            "memory_total": 150754820096,
            "memory_used": 90 * _GIB,
            "memory_reserved": 643825664,
            "utilization": 97,
            "memory_utilization": 61,
            "encoder": 0,
            "decoder": 0,
            "jpeg": 0,
            "ofa": 0,
            "temperature": 52 + index,
            "margin": 35 - index,
            "field82": 40 + index,
            **{f"threshold{number}": value for number, value in enumerate((92, 89, 95, 87))},
            "power": 626_000,
            "power_limit": 700_000,
            "power_limit_set": 700_000,
            "power_limit_default": 700_000,
            "power_limit_min": 200_000,
            "power_limit_max": 700_000,
            "field185": 624_000,
            "field186": 631_000,
            "energy": 12_345_678_900 + index,
            **{f"clock{number}": value for number, value in enumerate((1980, 1980, 3201, 1530))},
            **{f"clock_max{number}": value for number, value in enumerate((1980, 1980, 3201, 1545))},
            "samples0": "1000:598000 2000:671000",
            "samples1": "1000:93 2000:100",
            "performance_state": 0,
            "reasons": 0x04,
            "reasons_supported": 511,
            "field74": 7_500_000_000,
            "field75": 0,
            "field76": 0,
            "field269": 0,
            "field270": 0,
            "field271": 0,
            **{f"ecc{number}": 0 for number in range(4)},
            **{f"remapped{number}": 0 for number in range(4)},
            **{f"field{number}": 0 for number in (11, 12, 22, 23)},
            **{f"sram{number}": 0 for number in range(11)},
            "sram_exceeded": 0,
            "ecc_mode": 1,
            "ecc_mode_pending": 1,
            **{f"remap_banks{number}": banks for number, banks in enumerate((3072, 0, 0, 0, 0))},
            "persistence": 1,
            "compute_mode": 0,
            "gsp": 1,
            "gsp_default": 1,
            "gsp_firmware": "590.48.01",
            "part_number": "900-21010-0040-000",
            "capability_major": 9,
            "capability_minor": 0,
            "virtualization": 0,
            "cores": 16896,
            "memory_bus_bits": 6144,
            "bar1_total": 256 * _GIB,
            "bar1_used": _GIB >> 10,
            "pcie_generation": 5,
            "pcie_width": 16,
            "pcie_generation_max": 5,
            "pcie_width_max": 16,
            "pcie_replays": 0,
            "field197": 1_000_000_000,
            "field198": 2_000_000_000,
            "field95": 0,
            "field169": 0,
            **{f"field{number}": 0 for number in range(173, 184)},
            **{f"field{number}": margin for number, margin in ((193, -5), (194, -2), (195, -11), (196, 0))},
            "field230": 0,
            "field138": 5_000_000,
            "field139": 6_000_000,
            **{f"link{number}": 1 for number in range(18)},
            **{f"link_errors{10 * link + kind}": 0 for link in range(18) for kind in range(4)},
            **{f"link_version{link}": 7 for link in range(18)},
            **{f"link_remote{link}": 2 for link in range(18)},
            **{_field(164, link): 26562 for link in range(18)},
            "fabric": 3,
            "fabric_clique": 1,
            "fabric_health": 0b10_10_10_10,
            **{f"gpm{number}": 10 * share for number, share in _ACTIVITY.items()},
            "compute": f"{4_000_000 + index}:{89 * _GIB}",
            "graphics": "",
        }
    )


def machine(count: int) -> Machine:
    """`count` healthy GPUs."""
    return Machine([h200(index) for index in range(count)])
