"""Connections that the firewall keeps track of, and how many it can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.collector import Reading
from stoker.metrics import Desc, Kind, Sample

if TYPE_CHECKING:
    from stoker.sources.host import Host

ENTRIES = Desc("stoker_host_conntrack_entries", Kind.GAUGE, "Connections that netfilter keeps track of")
LIMIT = Desc(
    "stoker_host_conntrack_entries_limit",
    Kind.GAUGE,
    "Connections that netfilter can keep track of; beyond them packets are dropped",
)

_FOLDER = "sys/net/netfilter"


class HostConntrack:
    """/proc/sys/net/netfilter, which is there once the module is loaded. A container sees its own network's entries."""

    name = "host_conntrack"
    descs = (ENTRIES, LIMIT)

    def __init__(self, host: Host) -> None:
        self._host = host

    def collect(self) -> Reading:
        """Read once."""
        self._host.need_linux("connection tracking")
        entries = self._host.procfs.number(f"{_FOLDER}/nf_conntrack_count")
        limit = self._host.procfs.number(f"{_FOLDER}/nf_conntrack_max")
        return Reading([Sample(ENTRIES, (), float(entries)), Sample(LIMIT, (), float(limit))])
