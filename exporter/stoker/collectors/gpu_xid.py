"""Errors that the driver writes into the kernel's log, of GPUs (XID) and NVSwitches (SXID). The log store counts them; here they are declared."""

from __future__ import annotations

from stoker.collectors.gpu_labels import counter, gauge
from stoker.metrics import Desc, Kind

# severity is there where the line itself names it: XID 144 to 150, and 154 by the action that it asks for
XID = counter("stoker_gpu_xid_errors_total", "XID errors, one event counted once", "xid", "severity")
XID_LAST = gauge("stoker_gpu_xid_last_timestamp_seconds", "When the last error of this XID happened", "xid", "severity")
_SWITCH = ("switch", "sxid", "severity")
SXID = Desc("stoker_nvswitch_sxid_errors_total", Kind.COUNTER, "NVSwitch errors, one event counted once", _SWITCH)
SXID_LAST = Desc(
    "stoker_nvswitch_sxid_last_timestamp_seconds", Kind.GAUGE, "When the last error of this SXID happened", _SWITCH
)
DESCS = (XID, XID_LAST, SXID, SXID_LAST)
