from __future__ import annotations

import pytest

from followed import DESCS, PACK
from stoker.documents import Problems
from stoker.logs.formats import compile_formats
from stoker.logs.literals import required
from stoker.logs.unwrap import unwrap


@pytest.mark.parametrize(
    ("regex", "texts"),
    [
        (r"^step (?P<n>\d+) of", {"step "}),
        (r"loss[:=]\s*\d+ at step", {" at step"}),
        (r"(?:saved|wrote) \d", {"saved", "wrote"}),
        (r"(?=.*Failed)x", {"Failed"}),
        (r"(?!.*Failed)x", {"x"}),
        (r"(?:abc)?d", {"d"}),
        (r"(?:abc){1,3}", {"abc"}),
        (r"(?:abc|\d)", set()),
        (r"(?i)abc", set()),
        (r"\d+", set()),
    ],
)
def test_a_line_that_matches_has_one_of_the_texts(regex: str, texts: set[str]) -> None:
    assert required(regex) == texts


def test_no_sample_of_a_shipped_pattern_is_overlooked() -> None:
    compiled = {each.name: each for each in compile_formats(PACK.formats, "auto", DESCS, Problems()).formats}
    for name, spec in PACK.formats.items():
        literals = compiled[str(name)].literals()
        for pattern in spec.patterns:
            for sample in pattern.sample if isinstance(pattern.sample, tuple) else (pattern.sample,):
                assert any(text in sample or text in unwrap(str(sample))[1] for text in literals), (name, sample)
