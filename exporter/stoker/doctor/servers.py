"""Looks at Prometheus and Alertmanager: whether they answer, scrape this exporter, have its rules and its routing."""

from __future__ import annotations

import time
import urllib.parse
from typing import TYPE_CHECKING, Any

from stoker.doctor.finding import Finding, State
from stoker.documents import duration_text, parse_duration
from stoker.errors import SourceError
from stoker.sources.http import get_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stoker.spec.pack import Pack

_OBJECTIVES = 30 * 86400.0
_SKEW = 5.0
_SHOWN = 5


class Prometheus:
    """A Prometheus to be looked at.

    Args:
        url: its address, as `base_url` has checked it.
        asked: whether the user named it; a default address where none answers is no failure.
        clock: seconds since the epoch.
    """

    def __init__(self, url: str, *, asked: bool, clock: Callable[[], float] = time.time) -> None:
        self._url = url
        self._asked = asked
        self._clock = clock

    def look(self, pack: Pack) -> Iterator[Finding]:
        """Everything about it."""
        try:
            version = self._get("status/buildinfo")["version"]
        except SourceError as error:
            yield _silent("prometheus", self._url, "--prometheus", error, asked=self._asked)
            return
        yield Finding("prometheus", State.OK, f"{version} answers at {self._url}")
        for part in (
            self._time,
            self._retention,
            lambda: self._targets(pack),
            lambda: self._rules(pack),
            self._alertmanagers,
        ):
            try:
                yield from part()
            except SourceError as error:
                yield Finding("prometheus", State.DEGRADED, str(error), "this part could not be looked at")

    def _get(self, path: str, **arguments: str) -> Any:  # noqa: ANN401 - whatever it answers
        query = f"?{urllib.parse.urlencode(arguments)}" if arguments else ""
        answer = get_json(f"{self._url}/api/v1/{path}{query}")
        if not isinstance(answer, dict) or answer.get("status") != "success":
            raise SourceError(f"/api/v1/{path} does not answer as Prometheus does")
        return answer["data"]

    def _time(self) -> Iterator[Finding]:
        begun = self._clock()
        there = float(self._get("query", query="time()")["result"][1])
        off = max(0.0, begun - there, there - self._clock())
        if off > _SKEW:
            says = f"its clock and this machine's are {off:.0f} s apart: the age of what logs say is wrong by as much"
            yield Finding("prometheus clock", State.DEGRADED, says, "synchronise both (chrony, systemd-timesyncd)")

    def _retention(self) -> Iterator[Finding]:
        text = str(self._get("status/runtimeinfo").get("storageRetention", ""))
        kept = next((found for each in text.split(" or ") if (found := parse_duration(each.strip()))), None)
        if kept is not None and kept < _OBJECTIVES:
            says = f"keeps {duration_text(kept)}: objectives over 30 days look further back"
            yield Finding(
                "prometheus retention", State.DEGRADED, says, "start it with --storage.tsdb.retention.time=35d"
            )

    def _targets(self, pack: Pack) -> Iterator[Finding]:
        selector = f"{{{pack.selector}}}"
        rows = self._get("query", query=f"up{selector}")["result"]
        down = sorted(row["metric"].get("instance", "") for row in rows if float(row["value"][1]) != 1.0)
        topic = "prometheus targets"
        if not rows:
            right = "add the scrape job of deploy/prometheus/prometheus.yml, or set `pack: {selector: …}` to your job's name"
            yield Finding(topic, State.BROKEN, f"no target matches {selector}", right)
        elif down:
            says = f"{len(down)} of {len(rows)} are down: {_some(down)}"
            yield Finding(topic, State.BROKEN, says, f"{self._url}/targets says why")
        else:
            yield Finding(topic, State.OK, f"{len(rows)} of {selector}, all up")

    def _rules(self, pack: Pack) -> Iterator[Finding]:
        found = [rule for group in self._get("rules")["groups"] for rule in group["rules"]]
        loaded = {rule["name"] for rule in found if rule["type"] == "alerting"}
        wanted = {str(name) for name, alert in pack.alerts.items() if alert.enabled}
        missing = sorted(wanted - loaded)
        topic = "prometheus rules"
        right = "add rules/recording/*.yml and rules/alerts/*.yml to its `rule_files`, and reload it"
        if missing:
            says = f"{len(wanted) - len(missing)} of {len(wanted)} alerts are loaded; missing: {_some(missing)}"
            yield Finding(topic, State.BROKEN if len(missing) == len(wanted) else State.DEGRADED, says, right)
        else:
            yield Finding(topic, State.OK, f"all {len(wanted)} alerts are loaded")
        failing = sorted({f"{rule['name']}: {rule.get('lastError', '')}" for rule in found if rule["health"] == "err"})
        if failing:
            yield Finding(topic, State.BROKEN, f"rules that fail: {_some(failing)}", f"{self._url}/rules says more")

    def _alertmanagers(self) -> Iterator[Finding]:
        active = [each["url"] for each in self._get("alertmanagers")["activeAlertmanagers"]]
        if not active:
            right = "name one under `alerting: {alertmanagers: …}`, as deploy/prometheus/prometheus.yml does"
            yield Finding("prometheus alerting", State.BROKEN, "knows no Alertmanager: alerts reach nobody", right)


def alertmanager(url: str, *, asked: bool) -> Iterator[Finding]:
    """Whether an Alertmanager answers, and tells the watchdog to somebody."""
    try:
        answer = get_json(f"{url}/api/v2/status")
        version, config = answer["versionInfo"]["version"], str(answer["config"]["original"])
    except SourceError as error:
        yield _silent("alertmanager", url, "--alertmanager", error, asked=asked)
        return
    except (KeyError, TypeError) as error:
        yield Finding(
            "alertmanager",
            State.BROKEN,
            f"{url} does not answer as Alertmanager does: no {error}",
            "name another address",
        )
        return
    yield Finding("alertmanager", State.OK, f"{version} answers at {url}")
    if "StokerWatchdog" not in config:
        says = "its routing does not know StokerWatchdog, so that nobody would notice its silence"
        yield Finding(
            "alertmanager", State.DEGRADED, says, "use alertmanager/alertmanager.yml, or take its routes into yours"
        )


def _silent(topic: str, url: str, flag: str, error: SourceError, *, asked: bool) -> Finding:
    state = State.BROKEN if asked else State.ABSENT
    return Finding(topic, state, f"{url}: {error}", f"{flag} URL says where it is")


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
