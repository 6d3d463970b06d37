"""Turns the child's answer about a GPU into plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stoker.sources.nvml_values import DIRECTIONS, Gpu, Instance, Link
from stoker.sources.pci import normal_address

if TYPE_CHECKING:
    from collections.abc import Mapping

_ARCHITECTURES = {
    2: "Kepler",
    3: "Maxwell",
    4: "Pascal",
    5: "Volta",
    6: "Turing",
    7: "Ampere",
    8: "Ada",
    9: "Hopper",
    10: "Blackwell",
    13: "Rubin",
}


def live_gpu(answer: Mapping[str, Any], system: Mapping[str, Any]) -> Gpu:
    """A GPU that answered.

    Args:
        answer: the child's line about the device.
        system: the child's first line: driver and cuda.
    """
    static = answer["static"]
    mig, pending = answer.get("mig"), answer.get("mig_pending")
    pci = normal_address(static.get("pci", "")) or static.get("pci", "")
    info = {
        "name": str(static.get("name", "")),
        "pci_bus_id": pci,
        "serial": str(static.get("serial", "")),
        "vbios": str(static.get("vbios", "")),
        "driver": str(system.get("driver", "")),
        "cuda": str(system.get("cuda", "")),
        "architecture": _ARCHITECTURES.get(static.get("architecture", -1), ""),
        "mig_mode": "" if mig is None else ("disabled", "enabled")[bool(mig)],
    }
    return Gpu(
        gpu=str(answer["index"]),
        uuid=answer["uuid"],
        up=True,
        pci=pci,
        info=info,
        static=static,
        values=answer["values"],
        links=tuple(_link(*each) for each in answer.get("links", ())),
        instances=tuple(
            Instance(_number(each["gpu_instance"]), _number(each["compute_instance"]), each["values"])
            for each in answer.get("instances", ())
        ),
        mig=None if mig is None else bool(mig),
        mig_pending=None if pending is None else bool(pending),
    )


def is_failure(call: str, error: str) -> bool:
    """Whether a call that was refused is one.

    The driver lets administrators alone profile unless it is told otherwise (NVreg_RestrictProfilingToAdminUsers): that others are refused
    is counted, and no fault of the machine.
    """
    return error != "NO_PERMISSION" or not (call.startswith("nvmlGpm") or call == "nvmlDeviceGetProcessUtilization")


def _link(number: int, state: int, about: dict[str, int], errors: dict[str, int], fields: dict[str, int]) -> Link:
    traffic = {key: fields[key] for key in DIRECTIONS if key in fields}
    others = {key: value for key, value in fields.items() if key not in traffic} if traffic else fields
    return Link(str(number), bool(state), about, errors, others, traffic)


def _number(value: object) -> str:
    return "" if value is None else str(value)
