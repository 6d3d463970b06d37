"""The command line: finds the command, runs it, turns every failure into one line and an exit code."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

from stoker import __version__
from stoker.cli.problems import print_problems
from stoker.documents import Problem
from stoker.errors import MistakeError, SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = ("serve", "run", "parse", "learn", "check", "generate", "doctor", "record")
"""A new command is one file and one name here; only the one that is called is imported, since the others are half of the start."""
OK, PROBLEMS, USAGE, BUG = 0, 1, 2, 3


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line, without the usage in front."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


def build_parser(names: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The command line with these commands; the reference page is made from the whole of it."""
    parser = _Parser(
        prog="stoker",
        description="Feeds Prometheus: GPU, host, training and inference logs, with alerts and dashboards from one spec.",
    )
    parser.add_argument("--version", action="version", version=f"stoker {__version__}")
    parser.set_defaults(whole=build_parser)  # for the commands that make the reference page
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in names:
        importlib.import_module(f"stoker.cli.{name}").add_parser(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    named = given[:1] if given and given[0] in COMMANDS else COMMANDS
    args, unknown = build_parser(named).parse_known_args(given)  # argparse itself exits with 2
    if unknown:
        command = f"stoker {args.command}"
        print(f"{command}: unknown argument {unknown[0]}; see {command} --help", file=sys.stderr)
        return USAGE
    try:
        return int(args.run(args))
    except MistakeError as error:
        problems = [problem for problem in error.problems if isinstance(problem, Problem)]
        return print_problems(problems, error.texts, as_json=getattr(args, "json", False))
    except UsageError as error:
        print(f"stoker: {error}", file=sys.stderr)
        return USAGE
    except SourceError as error:
        print(f"stoker: {error}", file=sys.stderr)
        return PROBLEMS
    except BrokenPipeError:
        # the reader of our output has gone; nobody is left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001 - the last seam: whatever comes here is a bug of ours
        if os.environ.get("STOKER_DEBUG"):
            traceback.print_exc()
            return BUG
        says = " ".join(str(error).split())[:300]
        print(f"stoker: a bug of ours: {type(error).__name__}: {says}; STOKER_DEBUG=1 shows where", file=sys.stderr)
        return BUG
