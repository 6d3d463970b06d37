"""Proves the rule tests: every rule is changed in every place, and each change has to make a test fail.

A test that passes whatever the rule says is worth nothing. The mutants of an alert go into one file under names of their own
(`GpuDown__3`), a case is asked of all of them at once, and promtool tells which of them it noticed. Short cases come first, and
a mutant that was noticed is left out of the longer ones: most of the time goes into cases of hours and days.
"""

from __future__ import annotations

import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from stoker.documents import Position, Problem, Text, parse_duration, write_yaml
from stoker.generate.mutants import Mutant, mutants
from stoker.generate.rule_tests import alert_tests, evaluation, lasts, recordings_needed
from stoker.generate.rules import alert_rules, recording_group
from stoker.sources import programs
from stoker.spec.analysis import recorded_labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stoker.spec.kinds import KindAlert
    from stoker.spec.pack import Domain, Pack

_EACH_MINUTE = "1m"
_COARSE = "5m"
_FIRST_ROUND = 200.0
_Tried = tuple[dict[str, Any], Mutant]
_BROKEN = re.compile(r"rule: (\w+?)__(\d+), time: [^\n]*err: ")
_FAILED = re.compile(r'alertname=\\?"(\w+?)__(\d+)\\?"')


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an alert's mutants."""

    alert: str
    total: int
    survivors: tuple[str, ...]
    broken: str = ""


def mutate(pack: Pack, only: Sequence[str] = (), workers: int = 2) -> list[Verdict]:
    """Try the mutants of every enabled alert (or of those named)."""
    jobs = [
        (name, alert, domain)
        for domain in pack.domains.values()
        for name, alert in domain.alerts.items()
        if alert.enabled and (not only or name in only)
    ]
    # the longest first, so that no worker is left with it alone at the end
    order = sorted(jobs, key=lambda job: _cost(job[0], job[1], job[2], pack), reverse=True)
    with ThreadPoolExecutor(workers) as pool:
        verdicts = pool.map(lambda job: judge(job[0], job[1], job[2], pack), order)
        found = {verdict.alert: verdict for verdict in verdicts}
    return [found[name] for name, _, _ in jobs]


def _cost(name: str, alert: KindAlert, domain: Domain, pack: Pack) -> float:
    return sum(lasts(test) for test in alert_tests(name, alert, domain, pack))


def judge(name: str, alert: KindAlert, domain: Domain, pack: Pack) -> Verdict:
    """One alert: every mutant against every case, until one notices it."""
    recorded = recorded_labels(pack)
    rules = list(alert_rules(name, alert, domain, pack, recorded))
    changed = [(rule, mutant) for rule in rules for mutant in mutants(rule, pack.selector)]
    original = len(changed)
    changed.append(({}, Mutant({}, "nothing")))  # all rules as they are, which all cases have to pass
    tests = list(alert_tests(name, alert, domain, pack))
    if not tests:
        return Verdict(name, original, (), "no case holds for its changed numbers")
    alive = set(range(len(changed)))
    said = ""
    with tempfile.TemporaryDirectory(prefix="stoker-mutation-") as folder:
        stand = _Stand(name, Path(folder), rules, domain, pack)
        everything = {original: changed[-1]}
        paced = [Paced(test, stand.pace(test, everything)) for test in tests]
        # what the seldom evaluations let through is asked once more as often as the rule tests themselves evaluate
        exact = [Paced(test, evaluation([test])) for test, pace in paced if pace != evaluation([test])]
        for some in [*rounds(paced), *rounds(exact)]:
            noticed, output = stand.noticed(some, {number: changed[number] for number in sorted(alive)})
            said = said or _first_line(output)
            alive -= noticed
            if original not in alive:
                return Verdict(name, original, (), "its own cases fail in promtool")
            if len(alive) == 1:
                break
    if original and len(alive) == len(changed):
        return Verdict(name, original, (), said or "no mutant was noticed")
    survivors = tuple(mutant.what for number, (_, mutant) in enumerate(changed[:-1]) if number in alive)
    return Verdict(name, original, survivors)


class Paced(NamedTuple):
    """A test and how often rules are evaluated in it."""

    test: dict[str, Any]
    pace: str

    @property
    def evaluations(self) -> float:
        """How often the rules are evaluated."""
        return lasts(self.test) / (parse_duration(self.pace) or 1.0)


def rounds(tests: Sequence[Paced]) -> Iterator[list[Paced]]:
    """The tests in groups, short ones first; each group costs about as much as all before it, so that there are few groups."""
    gathered: list[Paced] = []
    cost = spent = 0.0
    for each in sorted(tests, key=lambda paced: paced.evaluations):
        if gathered and cost + each.evaluations > max(spent, _FIRST_ROUND):
            yield gathered
            spent, cost, gathered = spent + cost, 0.0, []
        gathered.append(each)
        cost += each.evaluations
    if gathered:
        yield gathered


class _Stand:
    """Where the mutants of one alert are tried: a folder with rules and tests, in which promtool runs."""

    def __init__(self, name: str, root: Path, rules: Sequence[dict[str, Any]], domain: Domain, pack: Pack) -> None:
        self._name = name
        self._root = root
        self._rules = rules
        files, groups = _recordings(root, domain, pack)
        self._head: dict[str, Any] = {"rule_files": [*files, "alerts.yml"], "group_eval_order": [*groups, "mutants"]}

    def pace(self, test: dict[str, Any], everything: dict[int, _Tried]) -> str:
        """How often rules have to be evaluated in a test.

        One that goes on for hours need not cost an evaluation each minute, if the rules as they are pass it with fewer.
        """
        usual = evaluation([test])
        if usual == _EACH_MINUTE:
            killed, _ = self.noticed([Paced(test, _COARSE)], everything)
            if not killed:
                return _COARSE
        return usual

    def noticed(self, tests: Sequence[Paced], tried: dict[int, _Tried]) -> tuple[set[int], str]:
        """The numbers of the mutants that these tests notice, and what promtool said."""
        killed: set[int] = set()
        while True:
            # a mutant whose evaluation fails ends the whole case, so it is noted and taken out before the rest is judged
            files = self._write(tests, {number: each for number, each in tried.items() if number not in killed})
            done = programs.run("promtool", ["test", "rules", *files], cwd=self._root)
            broken = {int(number) for _, number in _BROKEN.findall(done.output)}
            killed |= broken or {int(number) for _, number in _FAILED.findall(done.output)}
            if not broken:
                # what concerns no mutant in particular (a file that promtool refuses) notices nothing
                return killed, done.output

    def _write(self, tests: Sequence[Paced], tried: dict[int, _Tried]) -> list[str]:
        mutated = []
        for number, (rule, mutant) in tried.items():
            # other variants of the level stay as they are: the mutant is held against all that a case expects of its severity
            siblings = [mutant.rule if each is rule else each for each in self._rules if _speaks(each, rule)]
            mutated += [{**_bare(each), "alert": f"{self._name}__{number}"} for each in siblings]
        content = {"groups": [{"name": "mutants", "rules": mutated}]}
        (self._root / "alerts.yml").write_text(write_yaml(content), encoding="utf-8")
        files = []
        for interval in sorted({each.pace for each in tests}):
            document = {**self._head, "evaluation_interval": interval}
            alike = [each.test for each in tests if each.pace == interval]
            document["tests"] = [_asked_of_all(test, self._name, tried) for test in alike]
            files.append(f"tests-{interval}.yml")
            (self._root / files[-1]).write_text(write_yaml(document), encoding="utf-8")
        return files


def _bare(rule: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in rule.items() if key != "annotations"}


def _recordings(root: Path, domain: Domain, pack: Pack) -> tuple[list[str], list[str]]:
    needed = recordings_needed(domain, pack)
    for each in needed:
        content = {"groups": [recording_group(pack.domains[each], pack)]}
        (root / f"record-{each}.yml").write_text(write_yaml(content), encoding="utf-8")
    return [f"record-{each}.yml" for each in needed], [f"stoker-{each}-record" for each in needed]


def _speaks(each: dict[str, Any], rule: dict[str, Any]) -> bool:
    return not rule or each["labels"]["severity"] == rule["labels"]["severity"]


def _asked_of_all(test: dict[str, Any], name: str, tried: dict[int, _Tried]) -> dict[str, Any]:
    """The test with each of its questions asked of each mutant, of a changed rule about its severity alone."""
    asked = []
    for question in test["promql_expr_test"]:
        for number, (rule, _) in tried.items():
            mutant = f'alertname="{name}__{number}"'
            level = f'severity="{rule["labels"]["severity"]}"' if rule else ""
            samples = [
                {**sample, "labels": sample["labels"].replace(f'alertname="{name}"', mutant)}
                for sample in question["exp_samples"]
                if level in sample["labels"]
            ]
            expr = question["expr"].replace(f'alertname="{name}"', mutant)
            asked.append({**question, "expr": expr, "exp_samples": samples})
    return {**test, "promql_expr_test": asked}


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if "error" in line.lower()), "")


def as_problems(verdicts: Sequence[Verdict], pack: Pack) -> list[Problem]:
    """A problem for each mutant that no test noticed."""
    found = []
    for verdict in verdicts:
        alert = pack.alerts[verdict.alert]
        name = next((key for key in pack.alerts if key == verdict.alert), verdict.alert)
        where = name.position if isinstance(name, Text) else alert.at.position
        if where == Position("", 0, 0):
            where = alert.at.position
        if verdict.broken:
            found.append(
                Problem(where, "mutation", f"{verdict.alert}: {verdict.broken}", "its tests have to be able to fail")
            )
        for what in sorted(set(verdict.survivors)):
            says = f"{verdict.alert}: no test notices when {what}"
            found.append(Problem(where, "mutation", says, "add a case on the other side of it"))
    return found
