"""From what a log prints to base units."""

from __future__ import annotations

import re

FACTORS: dict[str, float] = {
    "": 1.0,
    "s": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ns": 1e-9,
    "min": 60.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "percent": 0.01,
    "%": 0.01,
    "B": 1.0,
    "KiB": 2.0**10,
    "MiB": 2.0**20,
    "GiB": 2.0**30,
    "TiB": 2.0**40,
    "kB": 1e3,
    "KB": 1e3,
    "MB": 1e6,
    "GB": 1e9,
    "TB": 1e12,
    "TFLOP/s": 1e12,
    "TFLOPs": 1e12,
    "GFLOP/s": 1e9,
    "mJ": 1e-3,
    "mW": 1e-3,
    "MHz": 1e6,
    "k": 1e3,
    "K": 1e3,
    "M": 1e6,
    "billion": 1e9,
}
"""Factor to the base unit by the unit's usual spelling."""
# 0,4123  91,2: a decimal comma, since thousands come in threes and begin with no zero
_COMMA = re.compile(r"[-+]?(?:0,[0-9]+|[0-9]+,(?:[0-9]{1,2}|[0-9]{4,}))(?:[eE][-+]?[0-9]+)?")
_PARTS = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s?(ns|us|µs|μs|ms|min|[smhd]|%|[KMGT]i?B|kB|[kKM](?![a-zA-Z])|B)")


def number(text: str) -> float:
    """A number as logs print it: `1,234.5`, `0,4123`, `nan`, `-Infinity`, `3e+05`, `'0.7'`, `12.3k`.

    Raises:
        ValueError: when it is none.
    """
    try:
        return float(text)
    except ValueError:
        bare = text.strip().strip("'\"")
        if bare.endswith(("k", "K")):  # 12.3k
            return number(bare[:-1]) * FACTORS["k"]
        return float(bare.replace(",", "." if _COMMA.fullmatch(bare) else "").replace("_", ""))


def with_suffix(text: str) -> float:
    """A number with its unit behind it: `94.9µs`, `8m44s`, `12.5 GiB`, `31.2%`; without unit as it is.

    Raises:
        ValueError: when it is none.
    """
    parts = _PARTS.findall(text)
    if not parts:
        return number(text)
    return sum(_scaled(float(value), unit) for value, unit in parts)


def convert(text: str, unit: str) -> float:
    """`text` printed in `unit`, in the base unit; the unit `auto` reads the suffix.

    Raises:
        ValueError: when the text is no number.
    """
    if not unit:
        return number(text)
    return with_suffix(text) if unit == "auto" else _scaled(number(text), unit)


def _scaled(value: float, unit: str) -> float:
    """In the base unit; divided where the unit is a part of it, so that 17.5 % is 0.175 and no neighbour of it."""
    factor = FACTORS[unit]
    return value / round(1 / factor) if factor < 1 else value * factor
