"""`stoker learn`: from a log that no format knows to a format that reads it, ready to be edited."""

from __future__ import annotations

import glob
import json
import os
import re
import sys
import time
from typing import TYPE_CHECKING, Any

from stoker.catalog import complete
from stoker.cli.given_log import given_log
from stoker.cli.learn_report import Report
from stoker.cli.progress import Progress
from stoker.config import find_config, load_settings
from stoker.documents import Problems, write_yaml
from stoker.errors import SourceError, UnavailableError, UsageError
from stoker.logs.formats import compile_formats
from stoker.logs.learn_format import HIGH, LOW, Guesser
from stoker.logs.learn_log import LogLearner, is_prose
from stoker.logs.learn_names import slug
from stoker.logs.learn_proof import prove
from stoker.metrics.desc import FOREIGN_UNITS
from stoker.spec.pack import load_pack

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from stoker.metrics import Desc
    from stoker.spec.pack import Pack

_PACKED = (".gz", ".zst")
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*\Z")
_NO_TEXT = 0.1
"""Share of bytes that no text has, above which a file is none."""
_HEAD = """Learned from {files} by `stoker learn`: a beginning, to be edited.
Check the names and the units, take out what is no measurement, and see that no sample tells a secret.
  stoker check --config {out}
  stoker parse --config {out} {file}
  stoker serve --config {out}"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser("learn", help="write a log format for a log that no format knows")
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="a log, also packed with gzip or zstd; - for standard input"
    )
    parser.add_argument("--name", metavar="NAME", help="the format's name (default: after the first file)")
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="the stoker.yaml to write, which must not exist (default: standard output, the table to standard error)",
    )
    parser.add_argument("--config", metavar="FILE", help="stoker.yaml with formats of your own")
    parser.add_argument(
        "--most", metavar="N", type=int, default=20, help="kinds of line that are written (default: 20)"
    )
    parser.add_argument(
        "--guessed",
        action="store_true",
        help="learn from lines, too, of which a format reads the loss by its words alone",
    )
    parser.add_argument("--json", action="store_true", help="what was found as JSON, in place of the table")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit code 0 when a format was written or none is needed, 1 when nothing could be learned."""
    if args.most < 1:
        raise UsageError(f"--most {args.most} is below 1; name how many kinds of line are written")
    if args.out and os.path.lexists(args.out):
        raise UsageError(f"{args.out} exists already; name another file with --out, or remove it")
    loaded = load_settings(find_config(args.config, os.environ))
    problems = Problems()
    pack = complete(load_pack(loaded.settings.pack, problems, alerts=False))
    formats = compile_formats(pack.formats, "auto", pack.catalog, problems)
    problems.raise_if_any()
    name = _name(args.name, args.files[0], pack)
    line_length = loaded.settings.limits.line_length
    learner = LogLearner(formats, line_length=line_length, clock=time.time, guessed=args.guessed)
    damages = _read(args.files, learner)
    report = _learned(name, learner, pack.catalog, args.most, line_length, guessed=args.guessed)
    text = ""
    if report.written:
        out = args.out or "stoker.yaml"
        head = _HEAD.format(files=_shown(args.files), out=out, file=args.files[0])
        text = write_yaml({**_state_dir(args.out), **_sources(name, args.files), "pack": report.document}, head)
    _tell(args, report, text)
    for damage in damages:  # after what stood before it
        raise damage
    if text or (learner.read and not report.left_over):
        return 0
    raise SourceError(f"{_shown(args.files)}: {report.why_nothing()}")


def _tell(args: argparse.Namespace, report: Report, text: str) -> None:
    if args.out and text:
        try:
            with open(args.out, "x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise UsageError(f"{args.out}: {error.strerror}; name a file that can be written") from error
    if args.json:
        print(json.dumps(report.as_json(), ensure_ascii=False, allow_nan=False))
        return
    table = sys.stdout if args.out or not text else sys.stderr
    if text or report.learner.read:
        print("\n".join(report.table()), file=table)
    if args.out and text:
        print(f"\nwritten to {args.out}: edit it, then stoker check --config {args.out}")
    elif text:
        sys.stderr.flush()
        sys.stdout.write(text)
    sys.stdout.flush()


def _learned(
    name: str, learner: LogLearner, catalog: Mapping[str, Desc], most: int, line_length: int, *, guessed: bool
) -> Report:
    templates = learner.miner.templates()
    own = [each for each in templates if not each.group]
    prose = [each for each in own if is_prose(each)]
    kept = [each for each in own if not is_prose(each)]
    guesser = Guesser(name, catalog, training=learner.training, priority=HIGH if guessed else LOW)
    found = guesser.learn(kept, learner.tables.tables())
    for each in found:
        if each.reads:
            prove(each, guesser, catalog, line_length)
    # numbers that everybody knows before those of the user's own, the frequent before the rare
    readable = [each for each in found if each.reads]
    written = sorted(readable, key=lambda each: not each.metrics & set(catalog))[:most]
    written.sort(key=lambda each: -each.template.count)
    return Report(
        learner=learner,
        written=written,
        found=found,
        prose=sum(each.count for each in prose),
        read=[each for each in templates if each.group],
        document=guesser.document(written) if written else {},
        metrics=guesser.metrics,
    )


def _read(files: list[str], learner: LogLearner) -> list[SourceError]:
    """Read all of them; damages of packed files, which are told at the end."""
    damages: list[SourceError] = []
    progress = Progress(files)
    try:
        for file in files:
            try:
                for number, block in enumerate(given_log(file)):
                    if not number and _is_no_text(block):
                        raise UsageError(f"{file}: no text in UTF-8; name a log that people can read")
                    learner.feed(block)
                    progress.advance(len(block), f"{learner.lines_so_far:,} lines")
            except UnavailableError:
                raise
            except SourceError as error:
                damages.append(error)
            learner.end()
    finally:
        progress.end()
    return damages


def _is_no_text(block: bytes) -> bool:
    text = block.decode("utf-8", "replace")
    strange = text.count("\0") + text.count("\ufffd")
    return strange > 1 and strange > len(text) * _NO_TEXT


def _name(wanted: str | None, file: str, pack: Pack) -> str:
    if wanted is not None:
        if not _NAME.match(wanted) or any(word in FOREIGN_UNITS for word in wanted.split("_")):
            raise UsageError(
                f"--name {wanted} is no name; use lower-case words joined by single underscores, as my_job"
            )
        if wanted in pack.formats:
            raise UsageError(f"--name {wanted}: there is a log format of that name; choose another")
        return wanted
    stem = os.path.basename(file).split(".")[0]
    words = [word for word in slug(stem).split("_") if word and word not in FOREIGN_UNITS]
    found = "_".join(words)[:40].strip("_") or "learned"
    if found[0].isdigit() or found in pack.formats or found in ("stoker", "pack"):
        found = f"log_{found}"
    return found


def _state_dir(out: str | None) -> dict[str, str]:
    """Positions and counters beside the file: those of an exporter that runs on the machine already are not for a first try."""
    return {"state_dir": f"{os.path.splitext(os.path.abspath(out))[0]}-state"} if out else {}


def _sources(name: str, files: list[str]) -> dict[str, Any]:
    """The part `sources:` that follows those of the files that may grow."""
    growing = [
        glob.escape(os.path.abspath(file)) for file in files if os.path.isfile(file) and not file.endswith(_PACKED)
    ]
    return {"sources": [{"name": name, "files": growing}]} if growing else {}


def _shown(files: list[str]) -> str:
    first = "standard input" if files[0] == "-" else files[0]
    return first if len(files) == 1 else f"{first} and {len(files) - 1} more"
