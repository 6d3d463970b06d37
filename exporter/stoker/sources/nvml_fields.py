"""Fields of nvmlDeviceGetFieldValues: those of a GPU and those of each of its links; all are asked for in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

ALL_LINKS = 0xFFFFFFFF
"""Scope of a field that asks for the sum over all NVLinks."""


OF_GPU = -1
"""In place of a link's number."""


class Field(NamedTuple):
    """A field under the name by which its value crosses the pipe, among those of the GPU or of one of its links."""

    key: str
    id: int
    scope: int = 0
    link: int = OF_GPU


def _ecc() -> tuple[Field, ...]:
    locations = ("l1", "l2", "dram", "register_file", "texture")
    found = []
    for scope, first in (("volatile", 7), ("aggregate", 18)):
        for number, location in enumerate(locations):
            found.append(Field(f"ecc_corrected_{scope}_{location}", first + 2 * number))
            found.append(Field(f"ecc_uncorrected_{scope}_{location}", first + 2 * number + 1))
        found.append(Field(f"ecc_uncorrected_{scope}_cbu", first + 2 * len(locations)))
    return tuple(found)


_FIELDS = (
    Field("memory_temperature", 82),
    Field("throttle_sw_power_cap", 74),
    Field("throttle_thermal", 75),
    Field("throttle_sync_boost", 76),
    Field("violation_board_limit", 77),
    Field("violation_low_utilization", 78),
    Field("violation_reliability", 79),
    Field("violation_application_clocks", 80),
    Field("violation_base_clocks", 81),
    Field("pcie_tx", 197),
    Field("pcie_rx", 198),
    Field("pcie_rollovers", 95),
    Field("pcie_recoveries", 169),
    *(
        Field(f"pcie_error_{name}", 173 + number)
        for number, name in enumerate(
            (
                "correctable",
                "naks_received",
                "receiver",
                "bad_tlp",
                "naks_sent",
                "bad_dllp",
                "non_fatal",
                "fatal",
                "unsupported_request",
                "lcrc",
                "lane",
            )
        )
    ),
    Field("recovery_action", 230),
    *(
        Field(f"power_{kind}_{name}", number, scope)
        for kind, number in (("average", 185), ("instant", 186))
        for scope, name in enumerate(("gpu", "module", "memory"))
    ),
    Field("margin_shutdown", 193),
    Field("margin_slowdown", 194),
    Field("margin_memory_max", 195),
    Field("margin_gpu_max", 196),
    Field("c2c_links", 170),
    *_ecc(),
    Field("nvlink_tx", 138, ALL_LINKS),
    Field("nvlink_rx", 139, ALL_LINKS),
)
"""Of a GPU, under the same number by every driver."""
_THROTTLE = ("throttle_sw_thermal", "throttle_hw_thermal", "throttle_hw_power_brake")
_MOVED, _MOVED_BACK = (575,), (580, 82)
"""Drivers from and before which what is told of power smoothing has another number, and these have its: nvml.h of 575.51 and 580.65 beside
that of 580.82. Some GPUs would answer a wrong number with a wrong value."""


def gpu_fields(driver: str) -> tuple[Field, ...]:
    """Those of a GPU by a driver of this version, as `580.65.06`."""
    version = tuple(int(part) for part in driver.split(".") if part.isdigit())
    first = 251 if _MOVED <= version < _MOVED_BACK else 269
    return _FIELDS + tuple(Field(key, first + number) for number, key in enumerate(_THROTTLE))


LINK_FIELDS = (
    ("replay", 161),
    ("recovery", 162),
    ("crc_flit", 163),
    ("speed", 164),
    ("tx", 202),
    ("rx", 204),
    ("malformed_packet", 206),
    ("buffer_overrun", 207),
    ("receive", 208),
    ("receive_remote", 209),
    ("receive_general", 210),
    ("local_integrity", 211),
    ("transmit_discard", 212),
    ("recovery_successful", 213),
    ("recovery_failed", 214),
    ("effective", 219),
    ("effective_ber", 220),
    ("symbol", 221),
    ("symbol_ber", 222),
    *((f"fec{number}", 235 + number) for number in range(16)),
)
"""Of a link, whose number is the scope: name and number. The first three are up to Hopper, those from 202 on are from Blackwell on."""


def link_fields(links: Iterable[int]) -> list[Field]:
    """Those of these links."""
    return [Field(key, number, link, link) for link in links for key, number in LINK_FIELDS]
