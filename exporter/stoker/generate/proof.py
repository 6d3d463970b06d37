"""What Prometheus's and Alertmanager's own tools say of the generated files, and what mutation says of the tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stoker.documents import Position, Problem
from stoker.generate.alertmanager import route_cases
from stoker.generate.mutation import as_problems, mutate
from stoker.sources import programs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stoker.spec.pack import Pack


@dataclass(frozen=True, slots=True)
class Proof:
    """One proof: its name and what runs it."""

    name: str
    run: Callable[[], Sequence[Problem]]


def prove(pack: Pack, root: Path) -> Iterator[Proof]:
    """Every proof, quick ones first."""
    rule_files = sorted(
        str(file) for folder in ("recording", "alerts") for file in (root / "rules" / folder).glob("*.yml")
    )
    tests = sorted((root / "rules/tests").glob("*.yml"))
    yield Proof("promtool check rules", lambda: _tool("promtool", ["check", "rules", "--lint=all", *rule_files]))
    yield Proof("promtool test rules", lambda: _each_file(tests))
    prometheus = root / "deploy/prometheus/prometheus.yml"
    if prometheus.exists():
        yield Proof("promtool check config", lambda: _tool("promtool", ["check", "config", str(prometheus)]))
    alertmanager = root / "alertmanager/alertmanager.yml"
    if alertmanager.exists():
        yield Proof("amtool check-config", lambda: _tool("amtool", ["check-config", str(alertmanager)]))
        yield Proof("amtool config routes test", lambda: _routes(pack, alertmanager))
    yield Proof("every mutated rule is noticed", lambda: as_problems(mutate(pack), pack))


def _tool(name: str, arguments: Sequence[str]) -> list[Problem]:
    done = programs.run(name, arguments)
    if done.code == 0:
        return []
    lines = [line.strip() for line in done.output.splitlines() if line.strip()]
    kept = [line for line in lines if "SUCCESS" not in line and not line.startswith(("Checking", "Unit Testing"))]
    return [Problem(Position(name, 0, 0), name, line) for line in kept[:200]]


def _each_file(tests: Sequence[Path]) -> list[Problem]:
    """The tests of all domains, two at a time: promtool itself takes one file after the other."""
    largest_first = sorted(tests, key=lambda file: -file.stat().st_size)
    with ThreadPoolExecutor(2) as pool:
        return [each for found in pool.map(_test_rules, largest_first) for each in found]


def _test_rules(file: Path) -> list[Problem]:
    return _tool("promtool", ["test", "rules", str(file)])


def _routes(pack: Pack, config: Path) -> list[Problem]:
    """Every alert reaches the receiver that its severity promises."""
    found = []
    for case in route_cases(pack):
        labels = [f"{name}={value}" for name, value in case.labels.items()]
        arguments = ["config", "routes", "test", f"--config.file={config}", f"--verify.receivers={case.receiver}"]
        done = programs.run("amtool", [*arguments, *labels])
        if done.code:
            says = f"{case.labels['alertname']} ({case.labels.get('severity')}) does not reach {case.receiver}"
            found.append(Problem(Position(str(config), 1, 1), "route", says, done.output))
    return found
