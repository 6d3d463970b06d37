"""Every query in the how-to pages can be parsed and asks for metrics and labels that exist."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import promql_parser
import pytest

from stoker.catalog import catalog
from stoker.spec.pack import load_pack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stoker.metrics import Desc

FOLDER = Path(__file__).resolve().parents[2] / "docs/how-to"
BLOCK = re.compile(r"^```promql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
QUERIES = [
    (page.stem, query) for page in sorted(FOLDER.glob("*.md")) for query in BLOCK.findall(page.read_text("utf-8"))
]
TARGET = {"cluster", "instance"}
GROUPING = re.compile(r"\b(?:by|on|group_left|group_right) \(([^)]*)\)")


@cache
def known() -> Mapping[str, Desc]:
    return catalog(load_pack(alerts=False).metrics)


def test_there_are_pages_with_queries() -> None:
    assert "who-uses-the-gpus" in {page for page, _ in QUERIES}


@pytest.mark.parametrize(
    "query", [query for _, query in QUERIES], ids=[f"{page}-{n}" for n, (page, _) in enumerate(QUERIES)]
)
def test_a_query_of_the_how_to_pages(query: str) -> None:
    promql_parser.parse(query)
    names = set(re.findall(r"\bstoker_\w+", query))
    assert names <= set(known())
    labels = {label for name in names for label in known()[name].labels} | TARGET
    grouped = {label.strip() for found in GROUPING.findall(query) for label in found.split(",") if label.strip()}
    assert grouped <= labels
