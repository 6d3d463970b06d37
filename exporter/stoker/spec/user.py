"""What a user may write in the part `pack:` of stoker.yaml."""

from __future__ import annotations

from dataclasses import dataclass

from stoker.config.settings import RawPart
from stoker.documents import Duration, setting
from stoker.spec.dashboard import PanelSpec
from stoker.spec.format import FormatSpec
from stoker.spec.metric import MetricSpec
from stoker.spec.recording import RecordingSpec
from stoker.spec.routes import IntervalSpec, RouteSpec, TeamSpec
from stoker.spec.xid import XidChange

CUSTOM = "custom"
"""The domain of what a user adds without naming one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPanel(PanelSpec):
    """A panel of a user."""

    dashboard: str = setting(CUSTOM, doc="Domain whose dashboard it is appended to.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """Times of the default route in place of the shipped ones."""

    group_wait: Duration | None = setting(None, doc="How long a new group waits for company.")
    group_interval: Duration | None = setting(None, doc="How long until additions to a group are sent.")
    repeat_interval: Duration | None = setting(None, doc="How long until it is said again.")


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPack:
    """The part `pack:` of stoker.yaml."""

    scrape_interval: Duration = setting(
        Duration(15), doc="How often Prometheus scrapes; no range may be shorter than four."
    )
    selector: str = setting('job="stoker"', doc="Matchers that every raw metric gets.")
    alerts: dict[str, RawPart] = setting(
        factory=dict, doc="Changes to shipped alerts, or alerts of your own (with `kind`)."
    )
    overrides: tuple[RawPart, ...] = setting(
        (), doc="`match` and parameters of alerts that hold only there; the first match wins."
    )
    xids: dict[str, XidChange] = setting(
        factory=dict,
        doc='What GPUs\' error codes are worth here: `{"63": {class: critical}}`; alerts and runbooks follow.',
    )
    metrics: dict[str, MetricSpec] = setting(factory=dict, doc="Metrics of your own log formats.")
    recordings: dict[str, RecordingSpec] = setting(factory=dict, doc="Recording rules of your own.")
    formats: dict[str, FormatSpec] = setting(factory=dict, doc="Log formats of your own.")
    panels: tuple[UserPanel, ...] = setting((), doc="Panels of your own.")
    routes: tuple[RouteSpec, ...] = setting((), doc="Routes tried before the shipped ones.")
    teams: tuple[TeamSpec, ...] = setting((), doc="Teams tried before the shipped ones.")
    intervals: dict[str, IntervalSpec] = setting(factory=dict, doc="Hours of the week by name, for `active` of routes.")
    routing: Routing = setting(factory=Routing, doc="Times of the default route.")
