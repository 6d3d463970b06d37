"""Proves the rule tests: every rule is changed in every place, and each change has to make a test fail.

A test that passes whatever the rule says is worth nothing. All mutants of an alert go into one file under names of their own
(`GpuDown__3`), every case is asked of each of them, and one run of promtool tells which mutants nobody noticed.
"""

from __future__ import annotations

import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from stoker.documents import Duration, Position, Problem, Text, duration_text, parse_duration, write_yaml
from stoker.generate.rule_tests import alert_tests, evaluation, recordings_needed
from stoker.generate.rules import alert_rules, recording_group
from stoker.sources import programs
from stoker.spec.analysis import recorded_labels
from stoker.spec.promql import Token, number_text, tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stoker.spec.kinds import KindAlert
    from stoker.spec.pack import Domain, Pack

_FLIPS = {">": ("<", ">="), "<": (">", "<="), ">=": ("<", ">"), "<=": (">", "<"), "==": ("!=",), "!=": ("==",)}
_LISTS = {"by", "on"}
_LONG = 2 * 3600.0
_COARSE = "5m"
_BATCH = 150
"""Evaluations of a rule that a run of promtool is asked for, if no single test takes more."""
_BROKEN = re.compile(r"rule: (\w+?)__(\d+), time: [^\n]*err: ")
_FAILED = re.compile(r'alertname=\\?"(\w+?)__(\d+)\\?"')


@dataclass(frozen=True, slots=True)
class Mutant:
    """A rule changed in one place."""

    rule: dict[str, Any]
    what: str


def mutants(rule: dict[str, Any]) -> Iterator[Mutant]:
    """Every change of one rule: bounds, comparisons, windows, grouping labels, `for`, `keep_firing_for`."""
    expr = str(rule["expr"])
    stream = list(tokens(expr))
    for index, token in enumerate(stream):
        for new, what in _changes(stream, index):
            yield Mutant({**rule, "expr": expr[: token.start] + new + expr[token.end :]}, f"{what} in the expression")
    for start, end, label in _grouped(stream):
        yield Mutant({**rule, "expr": _cleaned(expr[:start], expr[end:])}, f"{label} taken out of a label list")
    for key in ("for", "keep_firing_for"):
        if key in rule:
            seconds = parse_duration(rule[key]) or Duration(0)
            longer = {**rule, key: duration_text(seconds * 2)}
            shorter = {**rule, key: duration_text(max(0, seconds // 2))}
            yield Mutant(longer, f"{key}: {rule[key]} became {longer[key]}")
            yield Mutant(shorter, f"{key}: {rule[key]} became {shorter[key]}")


def _changes(stream: Sequence[Token], index: int) -> Iterator[tuple[str, str]]:
    token = stream[index]
    before = stream[index - 1].text if index else ""
    if token.kind == "operator" and token.text in _FLIPS and not _in_braces(stream, index):
        for flipped in _FLIPS[token.text]:
            if flipped.rstrip("=") != token.text.rstrip("=") or _exact(stream, index):
                yield flipped, f"{token.text} became {flipped}"
    elif token.kind == "number" and not _in_braces(stream, index) and stream[index - 2].text != "vector":
        value = float(token.text)
        for new in _other_numbers(value):
            text = number_text(round(new, 9))
            yield (f"({text})" if new < 0 else text), f"{token.text} became {text}"
    elif token.kind == "duration" and before in ("[", "offset"):
        seconds = parse_duration(token.text) or Duration(0)
        for factor in (0.5, 2):
            text = duration_text(max(60.0, seconds * factor))
            if text != duration_text(seconds):
                yield text, f"{token.text} became {text}"


_SMALL = 5


def _other_numbers(value: float) -> tuple[float, float]:
    """Numbers that nobody meant: a quarter more and less, one more and less for small whole numbers."""
    if value == 0:
        return 2.0, -1.0
    if value == int(value) and abs(value) < _SMALL:
        return value + 1, value - 1
    return value * 1.25, value * 0.75


def _exact(stream: Sequence[Token], index: int) -> bool:
    """Whether both sides can be equal: `>` and `>=` differ for gauges and for "nothing happened at all".

    What functions over ranges extrapolate meets a bound by chance only, and a moment in time never.
    """
    texts = [token.text for token in stream]
    if "[" not in texts and "time" not in texts:
        return index + 1 < len(stream) and stream[index + 1].kind == "number"
    return "increase" in texts[:index] and stream[index].text == ">" and texts[index + 1 : index + 2] == ["0"]


def _in_braces(stream: Sequence[Token], index: int) -> bool:
    depth = 0
    for token in stream[:index]:
        depth += {"{": 1, "}": -1}.get(token.text, 0)
    return depth > 0


def _grouped(stream: Sequence[Token]) -> Iterator[tuple[int, int, str]]:
    """Start, end and name of every label in a `by` or `on` list of more than one."""
    for index, token in enumerate(stream):
        if token.text in _LISTS and index + 1 < len(stream) and stream[index + 1].text == "(":
            labels = []
            for inner in stream[index + 2 :]:
                if inner.text == ")":
                    break
                if inner.kind == "name":
                    labels.append(inner)
            for label in labels if len(labels) > 1 else ():
                yield label.start, label.end, label.text


def _cleaned(before: str, after: str) -> str:
    """Take the comma away with the label."""
    if before.rstrip().endswith(","):
        return before.rstrip()[:-1] + after
    return before + re.sub(r"\A\s*,\s*", "", after)


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
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda job: judge(job[0], job[1], job[2], pack), jobs))


def judge(name: str, alert: KindAlert, domain: Domain, pack: Pack) -> Verdict:
    """One alert: every mutant against every case, in one run of promtool."""
    recorded = recorded_labels(pack)
    rules = list(alert_rules(name, alert, domain, pack, recorded))
    changed = [(rule, mutant) for rule in rules for mutant in mutants(rule)]
    original = len(changed)
    changed.append((rules[0], Mutant(rules[0], "nothing")))  # which all cases have to pass
    tests = list(alert_tests(name, alert, domain, pack))
    if not tests:
        return Verdict(name, original, (), "no case holds for its changed numbers")
    killed: set[int] = set()
    with tempfile.TemporaryDirectory(prefix="stoker-mutation-") as folder:
        trial = _Trial(Path(folder), name, rules, domain, pack)
        for batch in trial.batches(tests, changed[-1][1], original):
            while True:
                # a mutant whose evaluation fails ends the whole case, so it is noted and taken out before the rest is judged
                alive = {number: pair for number, pair in enumerate(changed) if number not in killed}
                done = trial.run(alive, batch)
                broken = {int(number) for _, number in _BROKEN.findall(done.output)}
                killed |= broken or {int(number) for _, number in _FAILED.findall(done.output)}
                if not broken:
                    break
            if original in killed:
                return Verdict(name, original, (), "its own cases fail in promtool")
    if original and not killed:
        return Verdict(name, original, (), _first_line(done.output) or "no mutant was noticed")
    survivors = tuple(mutant.what for number, (_, mutant) in enumerate(changed[:-1]) if number not in killed)
    return Verdict(name, original, survivors)


class _Paced(NamedTuple):
    """A test, how often rules are evaluated in it, and how many evaluations that makes."""

    test: dict[str, Any]
    pace: str
    cost: float


class _Trial:
    """Holds the mutants of one alert against its tests, in a folder of its own."""

    def __init__(self, root: Path, name: str, rules: Sequence[dict[str, Any]], domain: Domain, pack: Pack) -> None:
        self._root = root
        self._name = name
        self._rules = rules
        files, groups = _recordings(root, domain, pack)
        self._head: dict[str, Any] = {"rule_files": [*files, "alerts.yml"], "group_eval_order": [*groups, "mutants"]}

    def batches(self, tests: Sequence[dict[str, Any]], mutant: Mutant, number: int) -> list[list[_Paced]]:
        """The tests with how often rules are evaluated in them, in batches, those first that cost least.

        Most mutants are noticed by a short test, so that the long ones are asked about a few. A test that goes on for
        hours need not cost an evaluation each minute, if the rule as it is passes it with fewer.
        """
        found = []
        for test in tests:
            last = max((parse_duration(check["eval_time"]) or 0.0 for check in test["promql_expr_test"]), default=0.0)
            pace = evaluation([test])
            if last > _LONG and not self.run({number: (self._rules[0], mutant)}, [_Paced(test, _COARSE, 0)]).code:
                pace = _COARSE
            found.append(_Paced(test, pace, last / (parse_duration(pace) or 1.0)))
        batches: list[list[_Paced]] = []
        cost = 0.0
        for paced in sorted(found, key=lambda each: each.cost):
            cost += paced.cost
            if not batches or cost > _BATCH:
                batches.append([])
                cost = paced.cost
            batches[-1].append(paced)
        return batches

    def run(self, alive: Mapping[int, tuple[dict[str, Any], Mutant]], batch: Sequence[_Paced]) -> programs.Finished:
        """Promtool's answer; `alive` has the changed rule and the mutant of each number."""
        mutated = []
        for number, (rule, mutant) in alive.items():
            # the other levels and variants stay as they are: the mutant is held against all that a case expects
            siblings = [mutant.rule if each is rule else each for each in self._rules]
            mutated += [{**_bare(each), "alert": f"{self._name}__{number}"} for each in siblings]
        content = {"groups": [{"name": "mutants", "rules": mutated}]}
        (self._root / "alerts.yml").write_text(write_yaml(content), encoding="utf-8")
        files: list[str] = []
        for interval in sorted({paced.pace for paced in batch}):
            document = {**self._head, "evaluation_interval": interval}
            alike = [paced.test for paced in batch if paced.pace == interval]
            document["tests"] = [_asked_of_all(test, self._name, list(alive)) for test in alike]
            files.append(f"tests-{interval}.yml")
            (self._root / files[-1]).write_text(write_yaml(document), encoding="utf-8")
        return programs.run("promtool", ["test", "rules", *files], cwd=self._root)


def _bare(rule: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in rule.items() if key != "annotations"}


def _recordings(root: Path, domain: Domain, pack: Pack) -> tuple[list[str], list[str]]:
    needed = recordings_needed(domain, pack)
    for each in needed:
        content = {"groups": [recording_group(pack.domains[each], pack)]}
        (root / f"record-{each}.yml").write_text(write_yaml(content), encoding="utf-8")
    return [f"record-{each}.yml" for each in needed], [f"stoker-{each}-record" for each in needed]


def _asked_of_all(test: dict[str, Any], name: str, numbers: Sequence[int]) -> dict[str, Any]:
    """The test with each of its questions asked of each mutant."""
    asked = []
    for question in test["promql_expr_test"]:
        for number in numbers:
            mutant = f'alertname="{name}__{number}"'
            samples = [
                {**sample, "labels": sample["labels"].replace(f'alertname="{name}"', mutant)}
                for sample in question["exp_samples"]
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
