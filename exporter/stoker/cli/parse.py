"""`stoker parse`: read a log once and show what would be exported."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from stoker.catalog import complete
from stoker.cli.given_log import given_log
from stoker.config import find_config, load_settings
from stoker.documents import Position, Problems
from stoker.errors import SourceError, UnavailableError
from stoker.logs.fold import Fold
from stoker.logs.formats import compile_formats
from stoker.logs.interpreter import Interpreter
from stoker.server.exposition import Exposition, number
from stoker.spec.pack import load_pack

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from stoker.metrics import Observation

_SHAPES = 20
_SHAPES_KEPT = 20_000
_OTHER = "(further shapes)"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser("parse", help="read a log once and show what would be exported")
    parser.add_argument("file", metavar="FILE", help="the log, also packed with gzip or zstd; - for standard input")
    parser.add_argument("--format", choices=["table", "jsonl", "openmetrics"], default="table", help="what is shown")
    parser.add_argument(
        "--formats", metavar="NAMES", default="auto", help="log formats to try, with commas (default: auto)"
    )
    parser.add_argument("--config", metavar="FILE", help="stoker.yaml with formats of your own")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit code 0 when the log could be read, whatever it says."""
    loaded = load_settings(find_config(args.config, os.environ))
    problems = Problems()
    pack = complete(load_pack(loaded.settings.pack, problems, alerts=False))
    wanted = "auto" if args.formats == "auto" else tuple(args.formats.split(","))
    formats = compile_formats(pack.formats, wanted, pack.catalog, problems, lambda _: Position("--formats", 1, 1))
    problems.raise_if_any()
    shapes: Counter[str] = Counter()
    interpreter = Interpreter(
        formats,
        line_length=loaded.settings.limits.line_length,
        timezone=None,
        clock=time.time,
        on_unread=(lambda text: _count(shapes, shape(text))) if args.format == "table" else None,
    )
    damages: list[SourceError] = []
    observations = _observations(args.file, interpreter, damages)
    if args.format == "jsonl":
        for each in observations:
            print(_json(each))
    else:
        fold = Fold(pack.catalog, loaded.settings.limits)
        for each in observations:
            fold.add(each)
        if args.format == "openmetrics":
            sys.stdout.write(Exposition().render(fold.samples(), openmetrics=True).decode())
        else:
            _table(fold, interpreter, shapes)
    sys.stdout.flush()
    for damage in damages:  # after what stood before it
        raise damage
    return 0


def _observations(file: str, interpreter: Interpreter, damages: list[SourceError]) -> Iterator[Observation]:
    try:
        for block in given_log(file):
            yield from interpreter.feed(block)
    except UnavailableError:
        raise
    except SourceError as error:
        damages.append(error)
    yield from interpreter.flush()


def _json(each: Observation) -> str:
    row = {
        "line": each.line,
        "format": each.format,
        "op": each.op,
        "metric": each.metric,
        "labels": dict(each.labels),
        "value": each.value,
    }
    return json.dumps(row, ensure_ascii=False, allow_nan=False).encode(errors="replace").decode()


def _count(shapes: Counter[str], text: str) -> None:
    """Count a shape; of a log of nothing but different ones, what comes late counts together."""
    shapes[text if text in shapes or len(shapes) < _SHAPES_KEPT else _OTHER] += 1


def _table(fold: Fold, interpreter: Interpreter, shapes: Counter[str]) -> None:
    rows = []
    for sample in fold.samples():
        labels = ",".join(
            f'{name}="{value}"' for name, value in zip(sample.desc.labels, sample.labels, strict=True) if value
        )
        shown = (
            number(sample.value) if isinstance(sample.value, int | float) else f"{sum(sample.value.counts)} observed"
        )
        rows.append((sample.desc.name, labels, shown))
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(2)]
    for name, labels, shown in rows:
        print(f"{name:<{widths[0]}}  {labels:<{widths[1]}}  {shown}")
    if not rows:
        print("nothing in this log is understood")
    stats = interpreter.stats
    matched = ", ".join(f"{name} {count}" for name, count in stats.matched.most_common() if name != "none")
    print(f"\n{stats.lines} lines; understood by {matched or 'no format'}; by none {stats.matched['none']}")
    for reason, count in {**stats.errors, "series_limit": fold.left_out}.items():
        if count:
            print(f"{reason}: {count}")
    if shapes:
        print("\nlines not understood, by shape:")
        for text, count in shapes.most_common(_SHAPES):
            print(f"{count:>8}  {text}")
        if len(shapes) > _SHAPES:
            print(f"          and {len(shapes) - _SHAPES} shapes more")


_NUMBERS = re.compile(r"0x[0-9a-fA-F]+|[0-9a-fA-F]{8,}|[-+]?\d+(?:[.,:]\d+)*(?:[eE][-+]?\d+)?")


def shape(text: str) -> str:
    """A line with its numbers as `#` and its length bounded, so that lines of one kind are counted together."""
    return _NUMBERS.sub("#", text.strip())[:100]
