"""Writes promtool's rule tests: one test for each case of each alert.

What fires is read from the series ALERTS, which the rules themselves write: so the very rules that users load are tested,
their labels are compared exactly, and annotations (which `alert_rule_test` compares letter by letter) stay free text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stoker.documents import Duration, duration_text, parse_duration, write_yaml
from stoker.generate.artifact import Artifact
from stoker.generate.rules import head
from stoker.generate.series import expand_series, metric_labels, selected
from stoker.generate.variants import TARGET_LABELS, choose, variants
from stoker.spec.alert import Fires
from stoker.spec.examples import example
from stoker.spec.promql import selectors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stoker.spec.alert import Case
    from stoker.spec.kinds import KindAlert
    from stoker.spec.pack import Domain, Pack

_LONG = 7200.0
_DAYS = 2 * 86400.0
_HOUR = 3600.0


def lasts(test: dict[str, Any]) -> float:
    """Seconds until a test's last question."""
    return max((parse_duration(check["eval_time"]) or 0.0 for check in test["promql_expr_test"]), default=0.0)


def _hourly(test: dict[str, Any]) -> bool:
    """Whether a test goes on for days, and nothing in it happens or is asked but at full hours."""
    times = [parse_duration(check["eval_time"]) or 0.0 for check in test["promql_expr_test"]]
    return lasts(test) > _DAYS and not any(each % _HOUR for each in (*times, parse_duration(test["interval"]) or 1.0))


def evaluation(tests: Sequence[dict[str, Any]]) -> str:
    """How often rules are evaluated in a file of tests: each 15 s, each minute where a test goes on for hours, each hour where all do for days."""
    if tests and all(map(_hourly, tests)):
        return "1h"
    return "1m" if max(map(lasts, tests), default=0.0) > _LONG else "15s"


def rule_tests(pack: Pack) -> Iterator[Artifact]:
    """rules/tests/<domain>.yml; what goes on for days is in <domain>-days.yml, since a file has one pace for all of its tests."""
    for domain in pack.domains.values():
        every = _tests(domain, pack)
        for suffix, tests in (
            ("", [test for test in every if not _hourly(test)]),
            ("-days", [test for test in every if _hourly(test)]),
        ):
            if tests:
                document = test_document(domain, pack, tests)
                text = write_yaml(document, head(f"Rule tests of {domain.name}, for promtool.", domain.name))
                yield Artifact(f"rules/tests/{domain.name}{suffix}.yml", text)


def _tests(domain: Domain, pack: Pack) -> list[dict[str, Any]]:
    return [
        test
        for name, alert in domain.alerts.items()
        if alert.enabled
        for test in alert_tests(name, alert, domain, pack)
    ]


def test_document(domain: Domain, pack: Pack, tests: Sequence[dict[str, Any]]) -> dict[str, object]:
    """A whole file."""
    needed = recordings_needed(domain, pack)
    return {
        "rule_files": [*(f"../recording/{each}.yml" for each in needed), f"../alerts/{domain.name}.yml"],
        "evaluation_interval": evaluation(tests),
        "group_eval_order": [*(f"stoker-{each}-record" for each in needed), f"stoker-{domain.name}"],
        "tests": list(tests),
    }


def recordings_needed(domain: Domain, pack: Pack) -> list[str]:
    """The domains whose recordings the alerts of this one use, and those that these use in turn."""
    home = {str(name): each.name for each in pack.domains.values() for name in each.recordings}
    todo = [alert.template() for alert in domain.alerts.values() if alert.enabled]
    seen: set[str] = set()
    while todo:
        for selector in selectors(todo.pop()):
            if selector.name in home and selector.name not in seen:
                seen.add(selector.name)
                todo.append(pack.recordings[selector.name].expr)
    return sorted({home[name] for name in seen})


def cases(name: str, alert: KindAlert, pack: Pack) -> list[Case]:
    """The kind's own cases and those written by hand; the latter hold for the shipped numbers and labels only."""
    by_hand = list(alert.cases) if pack.alerts.get(name) is alert and name not in pack.changed else []
    fixed = {label: value for label, value in selected(pack).items() if value != example(label)}
    by_hand = [each for each in by_hand if not _speaks_of(each, fixed)]
    return [*alert.own_cases(), *by_hand]


def alert_tests(name: str, alert: KindAlert, domain: Domain, pack: Pack) -> Iterator[dict[str, Any]]:
    """One test for each case."""
    if not any(name in override.alerts for override in pack.overrides):
        for each in cases(name, alert, pack):
            yield case_test(name, alert, each, domain, pack)
        return
    # where an override speaks for the example labels, its numbers are the ones to prove
    here = _chosen(name, alert, Fires(at=Duration(0)), domain, pack)
    for each in cases(name, here, pack) if here.enabled else ():
        if all(_chosen(name, alert, fires, domain, pack) is here for fires in each.fires):
            yield case_test(name, here, each, domain, pack)


def _chosen(name: str, alert: KindAlert, fires: Fires, domain: Domain, pack: Pack) -> KindAlert:
    """The alert with the numbers that hold for the labels with which it fires."""
    labels = expected_labels(alert, fires, pack)
    carried = {
        label: example(label)
        for text in alert.texts()
        for selector in selectors(text)
        for label in (*TARGET_LABELS, *metric_labels(selector.name, pack))
    }
    found = variants(name, alert, domain.name, labels["severity"], pack)
    return choose(found, {**carried, **selected(pack), **labels}).alert


def _speaks_of(case: Case, labels: Mapping[str, str]) -> bool:
    """Whether a case gives one of these labels a value of its own."""
    texts = [*case.series, *(f'{label}="' for fires in case.fires for label in fires.labels)]
    return any(f'{label}="' in text for label in labels for text in texts)


def case_test(name: str, alert: KindAlert, case: Case, domain: Domain, pack: Pack) -> dict[str, Any]:
    """One case as promtool reads it."""
    times: dict[float, list[Fires]] = {float(at): [] for at in case.quiet}
    for fires in case.fires:
        times.setdefault(float(fires.at), []).append(fires)
    expr = f'ALERTS{{alertname="{name}",alertstate="firing"}}'
    checks = []
    for at in sorted(times):
        samples = [_sample(name, alert, fires, domain, pack) for fires in times[at]]
        checks.append({"expr": expr, "eval_time": duration_text(at), "exp_samples": samples})
    return {
        "name": f"{name}: {case.name}",
        "interval": duration_text(case.interval),
        "input_series": expand_series(case.series, pack),
        "promql_expr_test": checks,
    }


def _sample(name: str, alert: KindAlert, fires: Fires, domain: Domain, pack: Pack) -> dict[str, object]:
    labels = expected_labels(alert, fires, pack)
    team = choose(variants(name, alert, domain.name, labels["severity"], pack), labels).team
    if team:
        labels["team"] = team
    labels = {"alertname": name, "alertstate": "firing", **dict(sorted(labels.items()))}
    inside = ",".join(f'{label}="{value}"' for label, value in labels.items() if value)
    return {"labels": f"ALERTS{{{inside}}}", "value": 1}


def expected_labels(alert: KindAlert, fires: Fires, pack: Pack) -> dict[str, str]:
    """The labels of the alert that has to fire."""
    severity = fires.severity or alert.resolved()[0].severity
    fixed = selected(pack)
    labels = {str(label): fixed.get(str(label), example(str(label))) for label in alert.by}
    return {**labels, **{str(key): str(value) for key, value in fires.labels.items()}, "severity": str(severity)}
