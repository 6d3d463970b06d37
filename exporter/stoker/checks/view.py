"""The pack as the checks see it: every expression with its owner, parsed once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stoker.documents import Duration, Text
from stoker.spec.analysis import PromqlError, catalog_labels, parse, recorded_labels
from stoker.spec.kinds import KindAlert
from stoker.spec.promql import fill, named_params

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.documents import Position
    from stoker.metrics import Desc
    from stoker.spec.alert import Number
    from stoker.spec.pack import Domain, Pack

_EXTERNAL = re.compile(r"(up|ALERTS|ALERTS_FOR_STATE|(prometheus|alertmanager|scrape|go|process)_\w+)\Z")
"""Series that Prometheus and its surroundings bring."""
_GRAFANA = ("$__rate_interval", "$__interval", "$__range")


@dataclass(frozen=True, slots=True)
class Written:
    """An expression as somebody wrote it.

    Attributes:
        owner: the alert, recording or panel, for messages.
        domain: its domain.
        text: with `$params`, knowing its place.
        alert: the alert that it belongs to, if any.
        tree: its syntax tree with parameters filled in, None when it does not parse.
        error: the parser's words in that case.
    """

    owner: str
    domain: str
    text: Text
    alert: KindAlert | None
    tree: Any
    error: str


@dataclass(frozen=True, slots=True)
class Made:
    """An expression as a kind made it, for what only the whole shows: a bound beside a counter, a window that is a number.

    Attributes:
        owner: the alert.
        alert: as declared.
        tree: its syntax tree.
    """

    owner: str
    alert: KindAlert
    tree: Any

    def place(self, name: str) -> Position:
        """Where the author wrote the name of a metric, or the alert."""
        for text in self.alert.texts():
            if isinstance(text, Text) and name in text:
                return text.at(text.find(name))
        return self.alert.at.position

    def place_of(self, number: float) -> Position:
        """Where the author set a parameter of this value, or the alert."""
        at = self.alert.at
        names = [name for name, value in self.alert.numbers().items() if value == number and name in at.values]
        return at.value(names[0] if names else "levels")


def all_params(alert: KindAlert) -> dict[str, Number]:
    """Every parameter that some level of an alert has."""
    return {name: value for level in reversed(alert.resolved()) for name, value in level.params.items()}


class View:
    """Read-only access for checks."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.recorded = recorded_labels(pack)
        self.labels_of = catalog_labels(pack.catalog, self.recorded)
        self.written: tuple[Written, ...] = tuple(self._all())
        self.made: tuple[Made, ...] = tuple(self._made())

    def _all(self) -> Iterator[Written]:
        for domain in self.pack.domains.values():
            for name, recording in domain.recordings.items():
                yield self._one(f"recording {name}", domain, recording.expr, None)
            for name, alert in domain.alerts.items():
                for text in alert.texts():
                    yield self._one(str(name), domain, text, alert)
            yield from self._panels(domain)

    def _made(self) -> Iterator[Made]:
        for name, alert in self.pack.alerts.items():
            for level in alert.resolved():
                try:
                    yield Made(str(name), alert, parse(alert.expr(level)))
                except (PromqlError, KeyError):
                    continue  # said by the check of expressions

    def _panels(self, domain: Domain) -> Iterator[Written]:
        rows = domain.dashboard.rows if domain.dashboard else ()
        for panel in [*(panel for row in rows for panel in row.panels), *domain.panels]:
            for text in [panel.expr, *(query.expr for query in panel.queries)]:
                if text is not None:
                    yield self._one(f"panel {panel.title}", domain, text, None)

    def _one(self, owner: str, domain: Domain, text: str, alert: KindAlert | None) -> Written:
        placed = text if isinstance(text, Text) else Text(text)
        tree, error = None, ""
        try:
            tree = parse(self.filled(placed, alert))
        except (PromqlError, KeyError) as caught:
            error = str(caught)
        return Written(owner, domain.name, placed, alert, tree, error)

    def filled(self, text: str, alert: KindAlert | None) -> str:
        """The expression with numbers for its parameters."""
        if alert is None:
            plain = text
            for word in _GRAFANA:
                plain = plain.replace(word, "5m")
            return fill(plain, {token.text[1:].strip("{}"): Duration(300) for token in named_params(plain)})
        return fill(text, all_params(alert))

    def desc(self, name: str) -> Desc | None:
        """The metric of a name, also of a part of a histogram."""
        catalog = self.pack.catalog
        for known in (name, name.removesuffix("_bucket"), name.removesuffix("_sum"), name.removesuffix("_count")):
            if known in catalog:
                return catalog[known]
        return None

    def known(self, name: str) -> bool:
        """Whether somebody brings such a series."""
        return self.desc(name) is not None or name in self.recorded or _EXTERNAL.match(name) is not None

    def known_names(self) -> list[str]:
        """Every metric and recorded series that an expression may name."""
        return [*self.pack.catalog, *self.recorded, "up", "ALERTS", "ALERTS_FOR_STATE"]
