"""Answers of NVML that come in structures of its own, as lists of numbers; in the child only.

Functions as pynvml's, for structures that some versions of pynvml have wrong or do not have.
"""

from __future__ import annotations

from ctypes import Structure, byref, c_ubyte, c_uint, c_ulonglong, sizeof
from typing import Any

import pynvml


class _FabricInfo(Structure):
    """Pynvml before 13 has it with a cluster of the wrong length and finds every state to be 0."""

    _fields_ = (("cluster", c_ubyte * 16), ("status", c_uint), ("clique", c_uint), ("state", c_ubyte))


class _FabricInfo2(Structure):
    _fields_ = (
        ("version", c_uint),
        ("cluster", c_ubyte * 16),
        ("status", c_uint),
        ("clique", c_uint),
        ("state", c_ubyte),
        ("health", c_uint),
    )


class _Sram(Structure):
    _fields_ = (
        ("version", c_uint),
        *((f"number{number}", c_ulonglong) for number in range(11)),
        ("exceeded", c_uint),
    )


def _versioned(structure: type[Structure], version: int) -> Any:  # noqa: ANN401 - members are by name
    """An empty structure that says what it is: its size and its version in one number."""
    made: Any = structure()
    made.version = sizeof(structure) | version << 24
    return made


def _call(name: str, *arguments: object) -> Any:  # noqa: ANN401 - whatever the function gives
    """A function of pynvml; one that this version of it lacks is as one that the driver lacks."""
    function = getattr(pynvml, name, None)
    if function is None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)
    return function(*arguments)


def fabric_before_535(handle: object) -> list[object]:
    """State of the GPU in an NVLink fabric: 0 not supported, 1 not started, 2 in progress, 3 completed."""
    info = _FabricInfo()
    _call("nvmlDeviceGetGpuFabricInfo", handle, byref(info))
    return [int(info.state)]


def fabric(handle: object) -> list[object]:
    """The same state; then clique, cluster as a text, and the mask of what is wrong with the GPU's part."""
    info = _versioned(_FabricInfo2, 2)
    _call("nvmlDeviceGetGpuFabricInfoV", handle, byref(info))
    cluster = bytes(info.cluster).hex()
    shown = (
        "-".join((cluster[:8], cluster[8:12], cluster[12:16], cluster[16:20], cluster[20:]))
        if any(info.cluster)
        else ""
    )
    return [int(info.state), int(info.clique), shown, int(info.health)]


def sram_errors(handle: object) -> list[int]:
    """Uncorrected by parity and SEC-DED and corrected, aggregate then volatile; aggregate of L2, SM, PCIe, microcontroller and others;
    and whether there are more than NVIDIA holds for healthy.
    """
    status = _versioned(_Sram, 1)
    _call("nvmlDeviceGetSramEccErrorStatus", handle, byref(status))
    return [*(int(getattr(status, f"number{number}")) for number in range(11)), int(bool(status.exceeded))]


def confidential(handle: object) -> int:  # noqa: ARG001 - it is the machine's, and told of each of its GPUs
    """Whether confidential computing is on."""
    return int(_call("nvmlSystemGetConfComputeState").ccFeature)


def confidential_ready(handle: object) -> int:  # noqa: ARG001 - see above
    """Whether GPUs may be used in it: that is for somebody to say who has made sure of them."""
    return int(_call("nvmlSystemGetConfComputeGpusReadyState"))


def licensed(features: Any) -> int | None:  # noqa: ANN401 - pynvml's structure
    """Whether a virtual GPU has its licence: 1 when any feature is enabled; None where none is needed."""
    if not features.isGridLicenseSupported:
        return None
    count = min(features.licensableFeaturesCount, len(features.gridLicensableFeatures))
    return int(any(features.gridLicensableFeatures[number].featureEnabled for number in range(count)))
