from __future__ import annotations

import pytest

from stoker.logs.literals import required


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
