"""Splits an alert into the rules that users' overrides and teams make of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stoker.spec.kinds import KindAlert
from stoker.spec.promql import Selector, matcher, rewrite_selectors, with_matchers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stoker.spec.kinds import Level
    from stoker.spec.pack import Pack

TARGET_LABELS = ("cluster", "instance", "job")
_STATIC = ("alertname", "severity", "domain")
_GPU_INFO = "stoker_gpu_info"
_GPU_KEY = ("instance", "uuid")


@dataclass(frozen=True, slots=True)
class Variant:
    """One rule that an alert becomes.

    Attributes:
        alert: with the parameters that hold here.
        include: what labels have to match, all of them.
        exclude: what earlier rules took already.
        team: value of the label `team`, or empty.
    """

    alert: KindAlert
    include: tuple[Mapping[str, str], ...] = ()
    exclude: tuple[Mapping[str, str], ...] = ()
    team: str = ""


def variants(name: str, alert: KindAlert, domain: str, severity: str, pack: Pack) -> list[Variant]:
    """The rules of one alert and severity, in the order of the overrides, the rest last."""
    found = []
    taken: list[Mapping[str, str]] = []
    for override in pack.overrides:
        if name in override.alerts:
            found.append(Variant(override.alerts[name], (override.match,), tuple(taken)))
            taken.append(override.match)
    found.append(Variant(alert, (), tuple(taken)))
    static = {"alertname": name, "severity": severity, "domain": domain}
    return [teamed for variant in found for teamed in _teams(variant, static, pack)]


def _teams(variant: Variant, static: Mapping[str, str], pack: Pack) -> list[Variant]:
    found = []
    taken: tuple[Mapping[str, str], ...] = ()
    for team in pack.routes.teams:
        if not all(re.fullmatch(team.match[key], static[key]) for key in _STATIC if key in team.match):
            continue
        labels = {label: pattern for label, pattern in team.match.items() if label not in _STATIC}
        if any(label not in variant.alert.by for label in labels):
            continue
        include = (*variant.include, labels) if labels else variant.include
        found.append(Variant(variant.alert, include, (*variant.exclude, *taken), str(team.team)))
        if not labels:
            return found
        taken = (*taken, labels)
    return [*found, Variant(variant.alert, variant.include, (*variant.exclude, *taken))]


def expression(variant: Variant, level: Level, pack: Pack, recorded: Mapping[str, frozenset[str]]) -> str:
    """The rule's PromQL: parameters, restrictions and the job selector in place."""
    plain = variant.alert.expr(level).strip()
    expr = plain
    for match in variant.include:
        expr = restrict(expr, match, pack, recorded)
    by = ", ".join(variant.alert.by)
    for match in variant.exclude:
        expr = f"({expr})\nunless on ({by}) ({restrict(plain, match, pack, recorded)})"
    return with_job(expr, pack)


def restrict(expr: str, match: Mapping[str, str], pack: Pack, recorded: Mapping[str, frozenset[str]]) -> str:
    """The expression for matching labels only; labels of the GPU's model are joined from its information metric."""
    carried: set[str] = set()

    def change(selector: Selector) -> str:
        labels = labels_of(selector.name, pack, recorded)
        carried.update(labels & set(match))
        return with_matchers(selector, [matcher(label, pattern) for label, pattern in match.items() if label in labels])

    restricted = rewrite_selectors(expr, change)
    missing = [matcher(label, pattern) for label, pattern in match.items() if label not in carried]
    if missing:
        restricted = f"({restricted})\nand on ({', '.join(_GPU_KEY)}) {_GPU_INFO}{{{','.join(missing)}}}"
    return restricted


def labels_of(name: str, pack: Pack, recorded: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The labels that a metric or recorded series may carry."""
    if name in recorded:
        return recorded[name]
    desc = pack.catalog.get(name)
    return frozenset((*TARGET_LABELS, *(desc.labels if desc else ())))


def with_job(expr: str, pack: Pack) -> str:
    """The expression with the job selector on every raw metric."""

    def change(selector: Selector) -> str:
        made = ":" in selector.name or selector.name.startswith("ALERTS")  # what rules write has no job
        return with_matchers(selector, [] if made else [pack.selector])

    return rewrite_selectors(expr, change)


def matches(match: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether labels match, as Prometheus anchors it."""
    return all(re.fullmatch(pattern, labels.get(label, "")) for label, pattern in match.items())


def choose(found: Sequence[Variant], labels: Mapping[str, str]) -> Variant:
    """The variant that speaks for these labels."""
    return next(
        variant
        for variant in found
        if all(matches(match, labels) for match in variant.include)
        and not any(matches(match, labels) for match in variant.exclude)
    )
