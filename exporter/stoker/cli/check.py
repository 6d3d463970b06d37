"""`stoker check`: everything that is wrong with the configuration and the pack; with `--all`, with the generated files too."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from stoker.cli.packs import Checked, checked_pack, generated
from stoker.cli.problems import print_problems
from stoker.documents import Position, Problem, nearest
from stoker.errors import MistakeError, UsageError
from stoker.generate.output import drift
from stoker.generate.proof import Proof, prove
from stoker.metrics import HistogramValue, Kind, Sample
from stoker.server.exposition import Exposition
from stoker.sources import programs
from stoker.spec.examples import example
from stoker.spec.pack import shipped

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from stoker.spec.pack import Pack


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser("check", help="say everything that is wrong with stoker.yaml and the pack")
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        help="each a stoker.yaml, or a file of the shipped pack (default: the stoker.yaml that is found)",
    )
    parser.add_argument("--config", metavar="FILE", help="stoker.yaml to check, as a FILE")
    parser.add_argument(
        "--all", action="store_true", help="also: generated files are current, promtool and amtool accept"
    )
    parser.add_argument("--mutate", action="append", metavar="ALERT", default=[], help="only prove these alerts' tests")
    parser.add_argument("--root", metavar="FOLDER", default=".", help="where the generated files are")
    parser.add_argument("--json", action="store_true", help="problems as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit code 0 when all is well, 1 when there are problems."""
    if args.files:
        if args.all or args.mutate:
            raise UsageError("--all and --mutate are about the pack and its generated files; name no FILE with them")
        return _files([*args.files, *([args.config] if args.config else ())], as_json=args.json)
    checked = checked_pack(args.config, use_config=not args.all)
    if checked.problems.found:
        return print_problems(checked.problems, checked.texts, as_json=args.json)
    if args.mutate:
        return _mutate(args, checked)
    return _all(args, checked) if args.all else _fine(checked, as_json=args.json)


def _fine(checked: Checked, *, as_json: bool) -> int:
    if as_json:
        return print_problems([], {}, as_json=True)
    pack = checked.pack
    print(f"no problems: {len(pack.alerts)} alerts, {len(pack.catalog)} metrics, {len(pack.formats)} log formats")
    return 0


def _files(files: Sequence[str], *, as_json: bool) -> int:
    """Each file by itself, the problems of all of them together."""
    problems: dict[Problem, None] = {}
    texts: dict[str, str] = {}
    checked = None
    for file in files:
        try:
            # a file of the shipped pack is checked with the others, which refer to it
            checked = checked_pack(None if shipped(Path(file)) else file, use_config=False)
        except MistakeError as error:
            problems |= dict.fromkeys(each for each in error.problems if isinstance(each, Problem))
            texts |= error.texts
        else:
            problems |= dict.fromkeys(checked.problems.found)
            texts |= checked.texts
    if problems or checked is None:
        return print_problems(problems, texts, as_json=as_json)
    return _fine(checked, as_json=as_json)


def _mutate(args: argparse.Namespace, checked: Checked) -> int:
    from stoker.generate.mutation import as_problems, mutate  # noqa: PLC0415 - only this way needs it

    known = {name: alert.enabled for name, alert in checked.pack.alerts.items()}
    for name in args.mutate:
        if name not in known:
            right = nearest(name, known)
            raise UsageError(f"--mutate {name}: there is no alert {name}{right and '; '}{right}")
        if not known[name]:
            raise UsageError(f"--mutate {name}: the alert is switched off here")
    verdicts = mutate(checked.pack, args.mutate)
    print(f"{sum(verdict.total for verdict in verdicts)} mutants of {len(verdicts)} alerts", file=sys.stderr)
    return print_problems(as_problems(verdicts, checked.pack), checked.texts, as_json=args.json)


def _all(args: argparse.Namespace, checked: Checked) -> int:
    root = Path(args.root)
    lines = drift(generated(checked, args.whole()), root)
    for line in lines:
        print(line, file=sys.stderr)
    if lines:
        return 1
    code = 0
    for proof in (Proof("promtool check metrics", lambda: _exposition(checked.pack)), *prove(checked.pack, root)):
        begun = time.monotonic()
        problems = proof.run()
        seconds = time.monotonic() - begun
        print(
            f"check: {proof.name}: {'ok' if not problems else f'{len(problems)} problems'} ({seconds:.1f} s)",
            flush=True,
        )
        code = print_problems(problems, checked.texts, as_json=args.json) or code
    return code


def _exposition(pack: Pack) -> list[Problem]:
    """Promtool's lint on a page with a sample of every metric that exists."""
    samples = []
    for desc in pack.catalog.values():
        value = HistogramValue((1,) * (len(desc.bounds) + 1), 1.0) if desc.kind is Kind.HISTOGRAM else 1.0
        samples.append(Sample(desc, tuple(example(label) or label for label in desc.labels), value))
    done = programs.run("promtool", ["check", "metrics"], data=Exposition().render(samples).decode())
    lines = [line for line in done.output.splitlines() if line.strip()]
    return [Problem(Position("/metrics", 1, 1), "promtool", line) for line in lines]
