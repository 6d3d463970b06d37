"""Plays pages of a scrape to the shipped rules: the series of some pages, one after the other, become input of promtool."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stoker.documents import duration_text, write_yaml
from stoker.sources import programs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TARGET = {"job": "stoker", "cluster": "c1", "instance": "node1:9838"}
"""The labels that a scrape adds."""
FIRING = 'ALERTS{alertstate="firing"}'
"""Asks for every alert that fires."""
_RULES = Path(__file__).resolve().parents[1] / "rules"
_SAMPLE = re.compile(r"\{([^{}]*)\} ([^\s,]+)")
_LINE = re.compile(r"(?P<name>[a-zA-Z_:]\w*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)\Z")


def rules(domain: str) -> dict[str, str]:
    """The files that users load for a domain, by name."""
    files = {kind: _RULES / kind / f"{domain}.yml" for kind in ("recording", "alerts")}
    return {f"{kind}-{domain}.yml": file.read_text() for kind, file in files.items() if file.exists()}


def read(page: str) -> dict[str, str]:
    """Values of a page in the text format by series, with the labels of the target."""
    found = {}
    target = ",".join(f'{label}="{value}"' for label, value in TARGET.items())
    for line in page.splitlines():
        if line and not line.startswith("#"):
            match = _LINE.match(line)
            assert match, line
            # an empty label is none, and promtool would keep it
            own = re.sub(r'(?:\A|,)\w+=""', "", match["labels"] or "").strip(",")
            found[f"{match['name']}{{{','.join(filter(None, (own, target)))}}}"] = match["value"]
    return found


def input_series(pages: Sequence[str]) -> list[dict[str, str]]:
    """Promtool's series: one value for each page, a gap where a page lacks the series."""
    read_pages = [read(page) for page in pages]
    names = dict.fromkeys(name for page in read_pages for name in page)
    return [{"series": name, "values": " ".join(page.get(name, "stale") for page in read_pages)} for name in names]


def ask(
    folder: Path, rules: Mapping[str, str], pages: Sequence[str], every: float, *questions: str
) -> list[list[tuple[dict[str, str], float]]]:
    """What each question gives at the last of these pages, as labels and value, with the shipped rules evaluated at each.

    Args:
        folder: where promtool works.
        rules: the text of files of rules by name, recording rules first.
        pages: texts of /metrics, the oldest first.
        every: seconds from one page to the next.
        questions: PromQL.
    """
    for name, text in rules.items():
        (folder / name).write_text(text, encoding="utf-8")
    at = duration_text(every * (len(pages) - 1))
    # promtool prints what it got only beside something else that it was told to expect
    expected = [{"labels": "nothing", "value": 0}]
    asked = [{"expr": question, "eval_time": at, "exp_samples": expected} for question in questions]
    test: dict[str, Any] = {
        "interval": duration_text(every),
        "input_series": input_series(pages),
        "promql_expr_test": asked,
    }
    document = {"rule_files": list(rules), "evaluation_interval": duration_text(every), "tests": [test]}
    (folder / "played.yml").write_text(write_yaml(document), encoding="utf-8")
    done = programs.run("promtool", ["test", "rules", "played.yml"], cwd=folder)
    got = re.findall(r"^\s*got: ?(.*)$", done.output, re.MULTILINE)
    assert len(got) == len(questions), done.output
    return [[(_labels(labels), float(value)) for labels, value in _SAMPLE.findall(each)] for each in got]


def firing(folder: Path, rules: Mapping[str, str], pages: Sequence[str], every: float) -> list[dict[str, str]]:
    """The labels of the alerts that fire at the last of these pages; see `ask`."""
    (found,) = ask(folder, rules, pages, every, FIRING)
    return [labels for labels, _ in found]


def parsed(folder: Path, *texts: tuple[int, str]) -> list[str]:
    """What the exporter's reading of a kernel's log leaves behind after each text, which comes at this minute of promtool's time."""
    pages = []
    log = folder / "kern.log"
    with log.open("a") as kernel:
        for minute, text in texts:
            for line in text.splitlines():
                kernel.write(f"1970-01-01T00:{minute:02d}:00+00:00 node1 kernel: [ {60 * minute}.500000] {line}\n")
            kernel.flush()
            command = [sys.executable, "-m", "stoker", "parse", str(log), "--format", "openmetrics"]
            pages.append(subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder).stdout)
    return pages


def _labels(text: str) -> dict[str, str]:
    return dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', text))
