"""The units that people print behind a number or at the end of its name, and the base units that they stand for."""

from __future__ import annotations

import re

UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "milliseconds", "millisecond"), "ms"),
    **dict.fromkeys(("us", "usec", "µs", "μs", "microseconds"), "us"),
    **dict.fromkeys(("ns", "nanoseconds"), "ns"),
    **dict.fromkeys(("min", "mins", "minutes"), "min"),
    **dict.fromkeys(("hours", "hrs"), "h"),
    **dict.fromkeys(("b", "bytes", "byte"), "B"),
    **dict.fromkeys(("kb",), "KB"),
    **dict.fromkeys(("kib",), "KiB"),
    **dict.fromkeys(("mb", "megabytes"), "MB"),
    **dict.fromkeys(("mib",), "MiB"),
    **dict.fromkeys(("gb", "gigabytes"), "GB"),
    **dict.fromkeys(("gib",), "GiB"),
    **dict.fromkeys(("pct", "percent", "percentage", "%"), "percent"),
    **dict.fromkeys(("mhz",), "MHz"),
    **dict.fromkeys(("w", "watts", "watt"), "W"),
    **dict.fromkeys(("mw", "milliwatts"), "mW"),
    **dict.fromkeys(("c", "°c", "celsius"), "C"),
    **dict.fromkeys(("j", "joules"), "J"),
    **dict.fromkeys(("tflops", "tflop/s", "tflops/s"), "TFLOP/s"),
}
_OF_KEYS = frozenset(UNITS) - {"b", "w", "c", "j", "min", "tflops"}
SUFFIX = re.compile(
    r"(?:^|[_ (./-])(?P<unit>" + "|".join(sorted(map(re.escape, _OF_KEYS), key=len, reverse=True)) + r")\)?$",
    re.IGNORECASE,
)
BASES = {
    **dict.fromkeys(("s", "ms", "us", "µs", "μs", "ns", "min", "m", "h", "d"), "seconds"),
    **dict.fromkeys(("B", "KB", "kB", "KiB", "MB", "MiB", "GB", "GiB", "TiB"), "bytes"),
    **dict.fromkeys(("percent", "%"), "ratio"),
    "MHz": "hertz",
    **dict.fromkeys(("W", "mW"), "watts"),
    "C": "celsius",
    "J": "joules",
}
"""Unit as printed to base unit."""
KINDS = {"seconds": "duration", "bytes": "size", "ratio": "share"}
"""What a number is called of which only the unit is printed."""
