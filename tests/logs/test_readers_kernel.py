"""Every form in which the driver writes of an XID or an SXID, and each event once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from followed import PACK, Followed
from stoker.config.settings import KernelSettings, SourceSettings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

UUID = "GPU-b6c3b2be-c55b-d076-fa0e-d464e4c7e08b"
XID, SXID = "stoker_gpu_xid_errors_total", "stoker_nvswitch_sxid_errors_total"


def counted(folder: Path, lines: Iterable[str]) -> dict[str, float]:
    """The counters of the lines, each series without its metric's name."""
    file = folder / "kernel.log"
    file.write_text("".join(f"{line}\n" for line in lines))
    source = SourceSettings(name="kernel", kernel=KernelSettings(path=str(file)))
    seen = Followed(source, formats={"kernel": PACK.formats["kernel"]}).turn()
    return {
        series.removeprefix(XID).removeprefix(SXID): value
        for series, value in seen.items()
        if series.startswith((XID, SXID))
    }


@pytest.mark.parametrize(
    ("line", "series"),
    [
        (
            "[6781741.548779] NVRM: Xid (PCI:0000:91:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.",
            "{uuid=pci:0000:91:00,xid=79}",
        ),
        ("NVRM: Xid (0000:03:00): 14, Channel 00000001", "{uuid=pci:0000:03:00,xid=14}"),
        (
            "NVRM: Xid (PCI:0000:01:00): 94, pid=7062, Contained: CE User Channel (0x9). RST: No, D-RST: No",
            "{uuid=pci:0000:01:00,xid=94}",
        ),
        (
            "NVRM: Xid (PCI:0000:01:00 GPU-I:05): 94, pid=7194, Contained: CE User Channel (0x9). RST: No, D-RST: No",
            "{uuid=pci:0000:01:00,xid=94}",
        ),
        (
            "NVRM: Xid (PCI:0000:01:00 GPU-I:01 GPU-CI:02): 43, pid=7194, name=python, Ch 00000008",
            "{uuid=pci:0000:01:00,xid=43}",
        ),
        (
            (
                "[Fri Aug 30 11:43:14 2024] NVRM: Xid (PCI:0000:cb:00): 109, pid=1797828, name=pt_main_thread, Ch 00000008, "
                "errorString CTX SWITCH TIMEOUT, Info 0x58005"
            ),
            "{uuid=pci:0000:cb:00,xid=109}",
        ),
        (
            (
                "[Sun Feb 23 16:24:18 2025] NVRM: Xid (PCI:0000:9b:00): 119, pid=2024380, name=nvidia-smi, Timeout after 6s of "
                "waiting for RPC response from GPU4 GSP! Expected function 103 (GSP_RM_ALLOC) (0x2081 0x4)."
            ),
            "{uuid=pci:0000:9b:00,xid=119}",
        ),
        (
            "NVRM: Xid (PCI:0000:00:05): 43, pid=1045242, name=pt_main_thread, Ch 00000008",
            "{uuid=pci:0000:00:05,xid=43}",
        ),
        (
            "[171167.620236] NVRM: Xid (PCI:0009:01:00): 149, NETIR_LINK_EVT  Fatal   XC0 i0 Link 01 (0x021425c6 0x00000000)",
            "{uuid=pci:0009:01:00,xid=149,severity=fatal}",
        ),
        (
            "NVRM: Xid (PCI:0018:01:00): 145, pid=876767, name=ray::WorkerDict, RLW_RXPIPE Nonfatal XC0 i0 Link 13 (0x0409a0c2)",
            "{uuid=pci:0018:01:00,xid=145,severity=non_fatal}",
        ),
        (
            "NVRM: Xid (PCI:0008:01:00): 149, NETIR Fatal XC0 i0 Link -1 (0x000fe406 0x00000000)",
            "{uuid=pci:0008:01:00,xid=149,severity=fatal}",
        ),
        (
            "[171167.621162] NVRM: Xid (PCI:0009:01:00): 154, GPU recovery action changed from 0x0 (None) to 0x4 (Drain and Reset)",
            "{uuid=pci:0009:01:00,xid=154,severity=fatal}",
        ),
        (
            "NVRM: Xid (PCI:0009:01:00): 154, GPU recovery action changed from 0x4 (Drain and Reset) to 0x0 (None)",
            "{uuid=pci:0009:01:00,xid=154,severity=non_fatal}",
        ),
        ("NVRM: Xid (PCI:00000000:91:00.0): 48, pid=1", "{uuid=pci:0000:91:00,xid=48}"),
        ("NVRM: Xid (PCI:0000:AF:00): 062, pid=1", "{uuid=pci:0000:af:00,xid=62}"),
        ("NVRM: Xid (PCI:0000:91:00): 999, a code that no table knows", "{uuid=pci:0000:91:00,xid=999}"),
        ("NVRM: Xid (PCI:0000:91:00): 1844674407370955161512345, nonsense", "{uuid=pci:0000:91:00,xid=other}"),
        (
            "[131453.740743] nvidia-nvswitch0: SXid (PCI:0000:00:00.0): 20034, Fatal, Link 30 LTSSM Fault Up",
            "{switch=0,sxid=20034,severity=fatal}",
        ),
        (
            "nvidia-nvswitch3: SXid (PCI:0000:05:00.0): 12028, Non-fatal, Link 32 egress non-posted PRIV error (First)",
            "{switch=3,sxid=12028,severity=non_fatal}",
        ),
        (
            "nvidia-nvswitch0: SXid (PCI:0000:05:00.0): 23008, Link 3 of unknown worth",
            "{switch=0,sxid=23008,severity=fatal}",
        ),
        (
            "nvidia-nvswitch0: SXid (PCI:0000:05:00.0): 10003, Link 3 of unknown worth",
            "{switch=0,sxid=10003,severity=non_fatal}",
        ),
    ],
)
def test_each_form_of_a_line_is_one_event(tmp_path: Path, line: str, series: str) -> None:
    assert counted(tmp_path, [line]) == {series: 1}
    assert counted(tmp_path, [f"Oct 12 08:00:13 node kernel: {line}", line]) == {series: 2}  # two lines are two


@pytest.mark.parametrize(
    "line",
    [
        "nvidia-nvswitch2: SXid (PCI:0000:07:00.0): 20034, Severity 1 Engine instance 60 Sub-engine instance 00",
        "nvidia-nvswitch0: SXid (PCI:0000:05:00.0): 20034, Data {0x10000000, 0x10000000, 0x00000000}",
        f"NVRM: GPU at PCI:0000:91:00: {UUID}",
        "NVRM: GPU Board Serial Number: 1653723052734",
        "NVRM: knvlinkDiscoverPostRxDetLinks_GH100: Getting peer0's postRxDetLinkMask failed!",
        "NVRM: knvlinkUpdatePostRxDetectLinkMask_IMPL: Failed to update Rx Detect Link mask!",
        "nvidia-modeset: Xid 79 something",
        "NVRM: Xid without a device: 79",
    ],
)
def test_what_belongs_to_another_line_or_to_nothing_is_no_event(tmp_path: Path, line: str) -> None:
    assert counted(tmp_path, [line]) == {}


def test_three_lines_of_an_sxid_are_one(tmp_path: Path) -> None:
    head = "nvidia-nvswitch0: SXid (PCI:0000:05:00.0): 20034, "
    lines = [
        f"{head}Fatal, Link 30 LTSSM Fault Up",
        f"{head}Severity 1 Engine instance 60 Sub-engine instance 00",
        f"{head}Data {{0x10000000, 0x10000000, 0x00000000}}",
    ]
    assert counted(tmp_path, lines) == {"{switch=0,sxid=20034,severity=fatal}": 1}
    assert counted(tmp_path, lines * 3) == {"{switch=0,sxid=20034,severity=fatal}": 3}


NUMBERED = "NVRM: Xid (PCI:0000:91:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus."
PLAIN = "NVRM: GPU 0000:91:00.0: GPU has fallen off the bus."
LONG = (
    "NVRM: The NVIDIA GPU 0000:91:00.0",
    "NVRM: (PCI ID: 10de:2901) installed in this system has",
    "NVRM: fallen off the bus and is not responding to commands.",
)
APART = ["usb 1-1: new device"] * 60


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        ([NUMBERED, PLAIN], 1),
        ([PLAIN, NUMBERED], 1),
        ([NUMBERED, PLAIN, PLAIN, *LONG], 1),
        ([PLAIN], 1),
        ([*LONG], 1),
        ([*LONG, PLAIN, NUMBERED], 1),
        ([NUMBERED, NUMBERED], 2),
        ([NUMBERED, PLAIN, NUMBERED, PLAIN], 2),
        ([PLAIN, NUMBERED, PLAIN, NUMBERED, PLAIN], 2),
        ([PLAIN, *APART, PLAIN], 2),
        ([NUMBERED, *APART, NUMBERED, PLAIN], 2),
    ],
)
def test_a_bus_drop_with_and_without_its_number_is_one(tmp_path: Path, lines: list[str], count: int) -> None:
    assert counted(tmp_path, lines) == {"{uuid=pci:0000:91:00,xid=79}": count}


@pytest.mark.parametrize(
    ("first", "soon", "later"),
    [
        ("[ 420.500000] ", "[ 449.000000] ", "[ 1080.500000] "),
        ("<3>[ 420.5] ", "<3>[ 420.6] ", "<3>[ 451.6] "),
        ("Nov 28 16:07:00 node1 kernel: ", "Nov 28 16:07:30 node1 kernel: ", "Nov 28 16:18:00 node1 kernel: "),
        (
            "2026-11-28T16:07:00.5+01:00 n kernel: ",
            "2026-11-28T16:07:01+01:00 n kernel: ",
            "2026-11-28T16:18:00+01:00 n kernel: ",
        ),
        ("[Sat Nov 28 16:07:00 2026] ", "[Sat Nov 28 16:07:00 2026] ", "[Sat Nov 28 16:18:00 2026] "),
        ("Nov 28 16:07:00 n kernel: [ 9.0] ", "Nov 28 16:07:00 n kernel: [ 9.1] ", "Nov 28 16:18:00 n kernel: [ 3.0] "),
    ],
)
@pytest.mark.parametrize("again", [NUMBERED, PLAIN])
def test_a_bus_drop_that_comes_later_is_a_new_one(
    tmp_path: Path, first: str, soon: str, later: str, again: str
) -> None:
    """Both ways to tell of one are printed at once, so that half a minute later it is another one, however few lines lie between."""
    told = [first + PLAIN, soon + NUMBERED]
    assert counted(tmp_path, told) == {"{uuid=pci:0000:91:00,xid=79}": 1}
    assert counted(tmp_path, [*told, later + again]) == {"{uuid=pci:0000:91:00,xid=79}": 2}
    assert counted(tmp_path, [first + PLAIN, later + again]) == {"{uuid=pci:0000:91:00,xid=79}": 2}


def test_the_bus_drop_of_another_gpu_is_another_one(tmp_path: Path) -> None:
    seen = counted(tmp_path, [NUMBERED, PLAIN.replace("91", "92")])
    assert seen == {"{uuid=pci:0000:91:00,xid=79}": 1, "{uuid=pci:0000:92:00,xid=79}": 1}


def test_the_kernel_names_the_gpu_where_nvml_does_not(tmp_path: Path) -> None:
    lines = [f"[6781741.548768] NVRM: GPU at PCI:0000:91:00: {UUID}", NUMBERED, PLAIN]
    assert counted(tmp_path, lines) == {f"{{uuid={UUID},xid=79}}": 1}


def test_a_gpu_that_is_reset_and_fails_again_is_counted_again(tmp_path: Path) -> None:
    fault = "NVRM: Xid (PCI:0000:91:00): 119, pid=7, name=nvidia-smi, Timeout after 6s of waiting for RPC response from GPU4 GSP!"
    changed = "NVRM: Xid (PCI:0000:91:00): 154, GPU recovery action changed from"
    lines = [
        f"NVRM: GPU at PCI:0000:91:00: {UUID}",
        fault,
        f"{changed} 0x0 (None) to 0x1 (GPU Reset Required)",
        f"{changed} 0x1 (GPU Reset Required) to 0x0 (None)",
        f"NVRM: GPU at PCI:0000:91:00: {UUID}",
        fault,
        f"{changed} 0x0 (None) to 0x2 (Node Reboot Required)",
    ]
    assert counted(tmp_path, lines) == {
        f"{{uuid={UUID},xid=119}}": 2,
        f"{{uuid={UUID},xid=154,severity=fatal}}": 2,
        f"{{uuid={UUID},xid=154,severity=non_fatal}}": 1,
    }


def test_lines_that_invent_codes_make_a_bounded_number_of_series(tmp_path: Path) -> None:
    lines = [f"NVRM: Xid (PCI:0000:91:00): {code}, pid=1" for code in range(900, 5000)]
    seen = counted(tmp_path, lines)
    assert len(seen) == 1024 - 900 + 1
    assert seen["{uuid=pci:0000:91:00,xid=other}"] == 5000 - 1024
