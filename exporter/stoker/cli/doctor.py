"""`stoker doctor`: what works on this machine, what does not, and what to do about it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from stoker.cli.packs import checked_pack
from stoker.config import Settings, find_config
from stoker.doctor import State
from stoker.doctor.examination import Servers, examine
from stoker.errors import MistakeError
from stoker.sources.http import base_url

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable
    from pathlib import Path

    from stoker.doctor import Finding
    from stoker.documents import Problem

_PROMETHEUS = "http://127.0.0.1:9090"
_ALERTMANAGER = "http://127.0.0.1:9093"
_MARKS = {State.OK: "ok", State.ABSENT: "--", State.DEGRADED: "warn", State.BROKEN: "FAIL"}
_INDENT = " " * 6


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser("doctor", help="say what works on this machine, what does not, and what to do")
    parser.add_argument("--config", metavar="FILE", help="stoker.yaml to go by")
    parser.add_argument("--prometheus", metavar="URL", help=f"the Prometheus to look at (default: {_PROMETHEUS})")
    parser.add_argument("--alertmanager", metavar="URL", help=f"the Alertmanager to look at (default: {_ALERTMANAGER})")
    parser.add_argument("--json", action="store_true", help="findings as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit code 1 when something that was asked for does not work."""
    where = Servers(
        base_url(args.prometheus or _PROMETHEUS),
        base_url(args.alertmanager or _ALERTMANAGER),
        asked_prometheus=args.prometheus is not None,
        asked_alertmanager=args.alertmanager is not None,
    )
    found = list(_told(_findings(find_config(args.config, os.environ), where), quiet=args.json))
    if args.json:
        print(json.dumps([each.as_json() for each in found], ensure_ascii=False))
    else:
        bad = [sum(each.state is state for each in found) for state in (State.BROKEN, State.DEGRADED)]
        print(f"\n{len(found)} findings: {bad[0]} broken, {bad[1]} degraded")
    return int(any(each.state is State.BROKEN for each in found))


def _findings(file: Path | None, where: Servers) -> Iterable[Finding]:
    problems: list[Problem] = []
    settings = Settings()
    try:
        checked = checked_pack(str(file) if file else None)
        settings, problems = checked.settings, list(checked.problems.found)
    except MistakeError as error:
        problems = [problem for problem in error.problems if not isinstance(problem, str)]  # type: ignore[misc]
    if problems:
        # the machine is looked at all the same, with the shipped pack
        checked = checked_pack(None, use_config=False)
    return examine(file, settings, checked.pack, problems, where)


def _told(findings: Iterable[Finding], *, quiet: bool) -> Iterable[Finding]:
    """Print each as it is found."""
    for each in findings:
        if not quiet:
            print(f"{_MARKS[each.state]:<5} {each.topic}: {each.says}", flush=True)
            if each.do and each.state is not State.OK:
                print(f"{_INDENT}{each.do}", flush=True)
        yield each
