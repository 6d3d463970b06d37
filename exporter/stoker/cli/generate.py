"""`stoker generate`: write rules, tests, dashboards, routing, runbooks and reference, or prove them current."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stoker.cli.packs import checked_pack, generated
from stoker.cli.problems import print_problems
from stoker.generate.output import drift, write

if TYPE_CHECKING:
    import argparse


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser("generate", help="write rules, tests, dashboards, routing, runbooks and reference")
    parser.add_argument("--config", metavar="FILE", help="stoker.yaml whose part `pack:` changes the shipped pack")
    parser.add_argument("--out", metavar="FOLDER", default=".", help="root of what is written (default: here)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is not current")
    parser.add_argument("--json", action="store_true", help="problems as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit code 0 when written or current, 1 when there are problems or drift."""
    checked = checked_pack(args.config, use_config=False)
    if checked.problems.found:
        return print_problems(checked.problems, checked.texts, as_json=args.json)
    made = generated(checked, args.whole())
    root = Path(args.out)
    if args.check:
        lines = drift(made, root)
        for line in lines:
            print(line, file=sys.stderr)
        return int(bool(lines))
    touched = write(made, root)
    print(f"{len(made)} files, {touched} changed, under {root}")
    return 0
