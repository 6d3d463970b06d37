"""The whole spec as one typed value: the shipped files with the user's changes laid over them."""

from __future__ import annotations

from collections.abc import Mapping as CatalogMapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from stoker.config.settings import Links, RawPart
from stoker.documents import At, Duration, Mapping, Node, Position, Problems, Text, decode, nearest, read_yaml, setting
from stoker.errors import DescError
from stoker.metrics import Desc
from stoker.spec.dashboard import DashboardSpec
from stoker.spec.declared import declare_one
from stoker.spec.format import FormatSpec
from stoker.spec.kinds import KINDS, KindAlert
from stoker.spec.merge import changed
from stoker.spec.metric import MetricSpec
from stoker.spec.recording import RecordingSpec
from stoker.spec.routes import RECEIVERS, RoutesSpec
from stoker.spec.user import CUSTOM, UserPack, UserPanel
from stoker.spec.xid import XidTable, changed_xids, shipped_xids
from stoker.spec.xid_words import with_xids

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

_TIMES = ("group_wait", "group_interval", "repeat_interval")
_NO_DOMAIN = {"routes.yaml", "xid.yaml"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainSpec:
    """A domain file."""

    metrics: dict[str, MetricSpec] = setting(factory=dict, doc="Metrics from logs or from users, by full name.")
    recordings: dict[str, RecordingSpec] = setting(factory=dict, doc="Recording rules, by name.")
    alerts: dict[str, RawPart] = setting(factory=dict, doc="Alerts, by name.")
    dashboard: DashboardSpec | None = setting(None, doc="The domain's dashboard.")


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatsFile:
    """A file of log formats."""

    formats: dict[str, FormatSpec] = setting(doc="Formats, by name.")


@dataclass(frozen=True, slots=True)
class Override:
    """Alerts with other parameters where labels match.

    Attributes:
        match: label to an anchored RE2.
        alerts: the changed alerts by name.
    """

    match: dict[str, str]
    alerts: dict[str, KindAlert]
    position: Position


@dataclass(frozen=True, slots=True)
class Domain:
    """One domain, decoded."""

    name: str
    metrics: dict[str, MetricSpec]
    recordings: dict[str, RecordingSpec]
    alerts: dict[str, KindAlert]
    dashboard: DashboardSpec | None
    panels: tuple[UserPanel, ...] = ()


@dataclass(frozen=True, slots=True)
class Pack:
    """The spec.

    Attributes:
        domains: by name, sorted.
        formats: log formats by name.
        routes: who is told.
        overrides: in the order in which they are tried.
        selector: matchers of every raw metric.
        scrape_interval: seconds.
        xids: error codes of GPUs and NVSwitches; None where only metrics and formats were read.
        links: bases of the links in annotations and dashboards.
        receivers: names that routes may lead to.
        catalog: every metric that exists; filled in by `stoker.catalog.complete`, which sees the collectors.
        changed: names of shipped alerts whose parameters the user changed.
        texts: content of every file, by the name that positions carry.
    """

    domains: dict[str, Domain]
    formats: dict[str, FormatSpec]
    routes: RoutesSpec
    overrides: tuple[Override, ...] = ()
    selector: str = 'job="stoker"'
    scrape_interval: Duration = Duration(15)
    xids: XidTable | None = None
    links: Links = field(default_factory=Links)
    receivers: tuple[str, ...] = RECEIVERS
    catalog: CatalogMapping[str, Desc] = field(default_factory=dict)
    changed: frozenset[str] = frozenset()
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, MetricSpec]:
        """Metrics of all domains."""
        return {name: spec for domain in self.domains.values() for name, spec in domain.metrics.items()}

    @property
    def recordings(self) -> dict[str, RecordingSpec]:
        """Recording rules of all domains."""
        return {name: spec for domain in self.domains.values() for name, spec in domain.recordings.items()}

    @property
    def alerts(self) -> dict[str, KindAlert]:
        """Alerts of all domains."""
        return {name: alert for domain in self.domains.values() for name, alert in domain.alerts.items()}


def shipped(file: Path) -> bool:
    """Whether a file lies in the shipped pack's folder."""
    return file.resolve().is_relative_to(Path(str(resources.files("stoker_pack"))).resolve())


def shipped_files() -> Iterator[tuple[str, str]]:
    """(path below rules/, content) of every file of the spec, sorted."""
    yield from _files(resources.files("stoker_pack"), "stoker_pack")


def _files(folder: Traversable, prefix: str) -> Iterator[tuple[str, str]]:
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _files(entry, f"{prefix}/{entry.name}")
        elif entry.name.endswith(".yaml"):
            yield f"{prefix}/{entry.name}", entry.read_text(encoding="utf-8")


class _Loader:
    def __init__(self, problems: Problems, *, alerts: bool) -> None:
        self.problems = problems
        self.with_alerts = alerts
        self.domains: dict[str, Domain] = {}
        self.formats: dict[str, FormatSpec] = {}
        self.routes = RoutesSpec()
        self.texts: dict[str, str] = {}
        self.alert_nodes: dict[str, Mapping] = {}
        self.changed: set[str] = set()
        self.xids = shipped_xids() if alerts else None
        self.codes_changed = False

    def xid_changes(self, part: RawPart | None) -> None:
        """The user's error codes, before the alerts that are made of them are read."""
        node = _only(part.node, "xids") if part is not None else None
        spec = decode(node, UserPack, Problems()) if isinstance(node, Mapping) and node.entries else None
        if spec is not None and self.xids is not None:
            self.xids = changed_xids(self.xids, spec.xids, self.problems)
            self.codes_changed = bool(spec.xids)

    def file(self, path: str, text: str) -> None:
        self.texts[path] = text
        name = path.rsplit("/", 1)[-1]
        is_format = "/logs/" in path
        if not is_format and name in _NO_DOMAIN and not (name == "routes.yaml" and self.with_alerts):
            return
        node = read_yaml(text, path, self.problems)
        if is_format:
            made = decode(node, FormatsFile, self.problems, file=path)
            self._formats(made.formats if made else {})
        elif name == "routes.yaml":
            self.routes = decode(node, RoutesSpec, self.problems, file=path) or self.routes
        else:
            if not self.with_alerts:
                node = _only(node, "metrics")
            spec = decode(node, DomainSpec, self.problems, file=path)
            if spec is not None:
                self._domain(name.removesuffix(".yaml"), spec)

    def _formats(self, formats: dict[str, FormatSpec]) -> None:
        for name, spec in formats.items():
            if name in self.formats:
                self.problems.add(_at(name), "duplicate-format", f"the format {name} is declared twice", "rename one")
            self.formats[str(name)] = spec

    def _domain(self, name: str, spec: DomainSpec) -> None:
        alerts = {}
        for alert_name, part in spec.alerts.items():
            alert = self.alert(alert_name, part.node)
            if alert is not None:
                alerts[str(alert_name)] = alert
        self._metrics(spec.metrics)
        self._unique("recording", spec.recordings, {key for each in self.domains.values() for key in each.recordings})
        self.domains[name] = Domain(
            name, {str(key): value for key, value in spec.metrics.items()}, spec.recordings, alerts, spec.dashboard
        )

    def _metrics(self, metrics: dict[str, MetricSpec]) -> None:
        self._unique("metric", metrics, {key for each in self.domains.values() for key in each.metrics})
        for name, spec in metrics.items():
            try:
                declare_one(name, spec)
            except DescError as error:
                self.problems.add(_at(name), "metric", str(error), "")

    def _unique(self, what: str, named: dict[str, MetricSpec] | dict[str, RecordingSpec], before: set[str]) -> None:
        for name in named:
            if name in before:
                self.problems.add(_at(name), "duplicate-name", f"the {what} {name} is declared twice", "rename one")

    def alert(self, name: str, node: Node) -> KindAlert | None:
        """An alert's node as a value of its kind."""
        if not isinstance(node, Mapping):
            self.problems.add(node.position, "type", f"the alert {name} is no mapping", "see the reference of the spec")
            return None
        if name in self.alert_nodes:
            self.problems.add(_at(name), "duplicate-name", f"the alert {name} is declared twice", "rename one")
            return None
        self.alert_nodes[str(name)] = node
        alert = self.decode_alert(node)
        if (
            alert is not None
            and self.codes_changed
            and with_xids(node, self.xids or shipped_xids()) != with_xids(node, shipped_xids())
        ):
            self.changed.add(str(name))  # its cases were written for the shipped table
        return alert

    def decode_alert(self, node: Mapping) -> KindAlert | None:
        """See `alert`."""
        kind = node.get("kind")
        word = getattr(kind, "value", None)
        if kind is None or not isinstance(word, str) or word not in KINDS:
            where = kind.position if kind is not None else node.position
            right = nearest(str(word), KINDS) or f"one of {', '.join(KINDS)}"
            wrong = f"{word} is no kind of alert" if kind is not None else "an alert needs a kind"
            self.problems.add(where, "kind", wrong, right)
            return None
        rest = Mapping(node.position, tuple((key, value) for key, value in node if key != "kind"))
        if self.xids is not None:
            rest = with_xids(rest, self.xids)
        return decode(rest, KINDS[word], self.problems)

    def user(self, part: RawPart | None) -> UserPack:
        """The user's part laid over the shipped one."""
        if part is None:
            return UserPack()
        node = part.node if self.with_alerts else _only(part.node, "metrics", "formats")
        spec = decode(node, UserPack, self.problems)
        if spec is None:
            return UserPack()
        self._metrics(spec.metrics)
        for name in spec.formats:
            self.formats.pop(str(name), None)  # a user's format takes the place of the shipped one of its name
        self._formats(spec.formats)
        custom: dict[str, KindAlert] = {}
        for name, change in spec.alerts.items():
            self._user_alert(name, change.node, custom)
        panels: dict[str, list[UserPanel]] = {}
        for panel in spec.panels:
            panels.setdefault(str(panel.dashboard), []).append(panel)
        if spec.metrics or spec.recordings or custom or CUSTOM in panels:
            self.domains[CUSTOM] = Domain(CUSTOM, dict(spec.metrics), dict(spec.recordings), custom, None)
        for domain, added in panels.items():
            if domain not in self.domains:
                where = added[0].at.value("dashboard")
                right = nearest(domain, self.domains) or f"one of {', '.join(self.domains)}"
                self.problems.add(where, "unknown-dashboard", f"there is no dashboard {domain}", right)
                continue
            old = self.domains[domain]
            self.domains[domain] = Domain(
                old.name, old.metrics, old.recordings, old.alerts, old.dashboard, tuple(added)
            )
        return spec

    def _user_alert(self, name: Text | str, node: Node, custom: dict[str, KindAlert]) -> None:
        own = isinstance(node, Mapping) and node.get("kind") is not None
        if own:
            alert = self.alert(name, node)
            if alert is not None:
                custom[str(name)] = alert
            return
        domain = next((each for each in self.domains.values() if name in each.alerts), None)
        if domain is None:
            right = nearest(name, self.alert_nodes) or "an alert of your own needs a kind"
            self.problems.add(_at(name), "unknown-alert", f"there is no alert {name}", right)
            return
        merged = changed(self.alert_nodes[str(name)], node, domain.alerts[str(name)], str(name), self.problems)
        alert = self.decode_alert(merged)
        if alert is not None:
            self.alert_nodes[str(name)] = merged
            self.changed.add(str(name))
            domain.alerts[str(name)] = alert

    def overrides(self, parts: tuple[RawPart, ...]) -> tuple[Override, ...]:
        """The user's overrides, decoded."""
        found = (self._override(part.node) for part in parts)
        return tuple(each for each in found if each is not None)

    def _override(self, node: Node) -> Override | None:
        match_node = node.get("match") if isinstance(node, Mapping) else None
        if not isinstance(node, Mapping) or not isinstance(match_node, Mapping) or not match_node.entries:
            self.problems.add(node.position, "override", "an override needs a match", 'as match: {run: "pretrain-.*"}')
            return None
        match: dict[str, str] = {
            label: Text(str(getattr(value, "raw", "")), value.position) for label, value in match_node
        }
        alerts = {}
        known = {name: alert for domain in self.domains.values() for name, alert in domain.alerts.items()}
        for name, change in node:
            if name == "match":
                continue
            if name not in known:
                self.problems.add(name.position, "unknown-alert", f"there is no alert {name}", nearest(name, known))
                continue
            merged = changed(self.alert_nodes[str(name)], change, known[str(name)], str(name), self.problems)
            alert = self.decode_alert(merged)
            if alert is not None:
                alerts[str(name)] = alert
        return Override(match, alerts, node.position)


def _at(name: str) -> Position:
    return name.position if isinstance(name, Text) else Position("", 0, 0)


def _matchers(selector: str) -> str:
    """Without the comma that may end a list of matchers, so that more can be put behind it."""
    return Text(selector.strip().rstrip(","), selector.position if isinstance(selector, Text) else Position("", 0, 0))


def _only(node: Node | None, *keys: str) -> Node | None:
    if not isinstance(node, Mapping):
        return node
    return Mapping(node.position, tuple((key, value) for key, value in node if key in keys))


def load_pack(user: RawPart | None = None, problems: Problems | None = None, *, alerts: bool = True) -> Pack:
    """The shipped spec with the part `pack:` of stoker.yaml laid over it.

    Args:
        user: the node of `pack:`, or None.
        problems: where mistakes go; without it they are raised.
        alerts: False reads metrics and formats only, which is all that the exporter needs.

    Raises:
        MistakeError: when `problems` is None and something is wrong.
    """
    mine = Problems() if problems is None else problems
    loader = _Loader(mine, alerts=alerts)
    loader.xid_changes(user)
    for path, text in shipped_files():
        loader.file(path, text)
    spec = loader.user(user)
    overrides = loader.overrides(spec.overrides)
    routes = loader.routes
    times = {name: value for name in _TIMES if (value := getattr(spec.routing, name)) is not None}
    if times:
        routes = replace(routes, **times)
    if spec.routes or spec.teams:
        routes = replace(routes, routes=(*spec.routes, *routes.routes), teams=(*spec.teams, *routes.teams))
    if spec.intervals:
        routes = replace(routes, intervals={**routes.intervals, **spec.intervals})
    if problems is None:
        mine.raise_if_any()
    return Pack(
        domains=dict(sorted(loader.domains.items())),
        formats=dict(sorted(loader.formats.items())),
        routes=routes,
        overrides=overrides,
        selector=_matchers(spec.selector),
        scrape_interval=spec.scrape_interval,
        changed=frozenset(loader.changed),
        texts=loader.texts,
        xids=loader.xids,
    )


__all__ = ["CUSTOM", "At", "Domain", "Override", "Pack", "UserPack", "load_pack", "shipped_files"]
