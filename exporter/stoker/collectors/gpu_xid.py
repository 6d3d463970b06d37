"""Errors that the driver tells, of GPUs (XID) and NVSwitches (SXID). The log store counts them; here they are declared, and when NVML cannot tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.gpu_labels import counter, gauge
from stoker.metrics import Desc, Kind, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.sources.nvml_values import Snapshot

# severity is there where the line itself names it: XID 144 to 150, and 154 by the action that it asks for
XID = counter("stoker_gpu_xid_errors_total", "XID errors, one event counted once", "xid", "severity")
XID_LAST = gauge("stoker_gpu_xid_last_timestamp_seconds", "When the last error of this XID happened", "xid", "severity")
UNWATCHED = counter(
    "stoker_gpu_xid_unwatched_seconds_total",
    "Time in which NVML could not have told an XID of the GPU, since its reader was replaced or a call hung; the kernel's log has those of it",
)
_SWITCH = ("switch", "sxid", "severity")
SXID = Desc("stoker_nvswitch_sxid_errors_total", Kind.COUNTER, "NVSwitch errors, one event counted once", _SWITCH)
SXID_LAST = Desc(
    "stoker_nvswitch_sxid_last_timestamp_seconds", Kind.GAUGE, "When the last error of this SXID happened", _SWITCH
)
DESCS = (XID, XID_LAST, UNWATCHED, SXID, SXID_LAST)


def read_all(snapshot: Snapshot) -> Iterator[Sample]:
    """Of the machine."""
    for gpu in snapshot.gpus:
        if gpu.uuid in snapshot.unwatched:
            yield Sample(UNWATCHED, gpu.labels, snapshot.unwatched[gpu.uuid])
