from __future__ import annotations

import math

import pytest

from stoker.logs.units import convert


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("17.5", "percent", 0.175),
        ("16.7", "ms", 0.0167),
        ("1,234.5", "ms", 1.2345),
        ("2", "GiB", 2.0**31),
        ("406.6", "TFLOP/s", 4.066e14),
        ("8m44s", "auto", 524.0),
        ("94.9µs", "auto", 0.0000949),
        ("31.2%", "auto", 0.312),
        ("'3e+05'", "", 300000.0),
        ("-Infinity", "", -math.inf),
    ],
)
def test_a_number_is_converted_to_its_base_unit(text: str, unit: str, value: float) -> None:
    assert convert(text, unit) == value


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="could not convert"):
        convert("twelve", "ms")
