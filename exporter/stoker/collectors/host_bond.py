"""Network interfaces that are bonded, and how many of them carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.collector import Reading
from stoker.errors import UnavailableError
from stoker.metrics import Desc, Kind, Sample

if TYPE_CHECKING:
    from stoker.sources.host import Host

INTERFACES = Desc("stoker_host_bond_interfaces", Kind.GAUGE, "Interfaces that belong to the bond", ("device",))
UP = Desc("stoker_host_bond_interfaces_up", Kind.GAUGE, "Interfaces of the bond whose link is up", ("device",))

_FOLDER = "class/net"


class HostBond:
    """/sys/class/net. A bond that is taken apart meanwhile is left out."""

    name = "host_bond"
    descs = (INTERFACES, UP)

    def __init__(self, host: Host) -> None:
        self._host = host

    def collect(self) -> Reading:
        """Read once."""
        self._host.need_linux("bonded interfaces")
        reading = Reading()
        for bond in self._word("bonding_masters").split():
            try:
                self._bond(reading, bond)
            except UnavailableError:
                continue
            except OSError as error:
                reading.failures.append(f"bond {bond}: {error.strerror}")
        if not reading.samples and not reading.failures:
            raise UnavailableError("no interface is bonded")
        return reading

    def _bond(self, reading: Reading, bond: str) -> None:
        interfaces = self._word(f"{bond}/bonding/slaves").split()
        up = 0
        for interface in interfaces:
            # `up`, or `down`, `going down`, `going back`
            up += self._word(f"{interface}/bonding_slave/mii_status") == "up"
        reading.samples += [
            Sample(INTERFACES, (bond,), float(len(interfaces))),
            Sample(UP, (bond,), float(up)),
        ]

    def _word(self, file: str) -> str:
        try:
            return self._host.sysfs.value(f"{_FOLDER}/{file}")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UnavailableError(f"{self._host.sysfs.root}/{_FOLDER}/{file}: {error.strerror}") from error
