"""Events that several sources tell of, as NVML and the kernel's log do of an XID: each counts once.

An event has no number that all tell, so that two tellings are one event when they come from different sources, are about the same thing and
their times are near. A telling takes the nearest event that its source has not told yet; when there is none it is an event of its own. So
five events told twice are five, and what only one source tells counts as well. Two different events of which each is told by another source
only, within the window, are taken for one.

A time is a span: NVML's events happened between two looks, lines were written between two readings where they say nothing themselves. A line that
names its time is believed, however late it is read: what is further apart than the window is another event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from stoker.logs.state import finite

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from stoker.metrics import Observation

_WINDOW = 30.0
"""Seconds by which the times of two tellings may differ: NVML tells up to a call's deadline late, and loggers write whole seconds, and in turns."""
_KEPT = 600.0
"""Seconds after which nobody tells of an event any more."""
_MOST = 1024


class Span(NamedTuple):
    """A moment of which only bounds are known; seconds since the epoch."""

    since: float
    until: float

    def read(self) -> float:
        """See Moment: the latest that it may be."""
        return self.until


@dataclass(slots=True)
class _Event:
    """One event.

    Attributes:
        since, until: when it happened.
        sources: that have told of it.
        severity: that one of them gave; empty when none did.
    """

    since: float
    until: float
    sources: set[str]
    severity: str


class Once:
    """The events of the last minutes.

    Attributes:
        changes: how often they changed.
    """

    def __init__(self) -> None:
        self._events: dict[tuple[str, ...], list[_Event]] = {}
        self._count = 0
        self._looked: dict[str, float] = {}
        self.changes = 0

    def first(self, source: str, key: tuple[str, ...], severity: str, observation: Observation, now: float) -> bool:
        """Whether nobody has told of this event before, or nobody how bad it is.

        Args:
            source: that tells.
            key: what the event is, equal whoever tells.
            severity: that the source gave; empty when it gave none.
            observation: what it said.
            now: seconds since the epoch.
        """
        span = self._span(source, observation, now)
        if span is None:
            return True
        events = self._events.setdefault(key, [])
        others = [event for event in events if source not in event.sources and _apart(event, span) <= _WINDOW]
        self.changes += 1
        if not others:
            events.append(_Event(span.since, span.until, {source}, severity))
            self._count += 1
            if self._count > _MOST:
                self._forget(now - _KEPT, most=_MOST // 2)
            return True
        same = min(others, key=lambda event: (_apart(event, span), abs(event.until - span.until)))
        same.sources.add(source)
        worse = bool(severity) and not same.severity  # counted where nobody is woken: better once more than never
        same.severity = same.severity or severity
        return worse

    def looked(self, sources: Iterable[str], now: float) -> None:
        """Everything that these sources have was read: what they say next happened since."""
        self._looked.update(dict.fromkeys(sources, now))
        # what was written while nobody looked may be told by whoever has not looked since
        old = min(self._looked.values(), default=now) - _KEPT
        if any(event.until < old for events in self._events.values() for event in events):
            self._forget(old)

    def _span(self, source: str, observation: Observation, now: float) -> Span | None:
        """When it happened; None for a line that nobody knows when it was written."""
        moment, when = observation.moment, observation.time
        if isinstance(moment, Span):
            return moment
        if when is not None:
            return Span(when, when)
        looked = self._looked.get(source)
        return None if looked is None else Span(min(looked, now), now)

    def _forget(self, before: float, most: int = _MOST) -> None:
        """Forget the events before a time, and the oldest that are more than there is room for."""
        rows = sorted(
            (event.until, place, key) for key, events in self._events.items() for place, event in enumerate(events)
        )
        kept = {(key, place) for until, place, key in rows[-most:] if until >= before}
        self._events = {
            key: left
            for key, events in self._events.items()
            if (left := [event for place, event in enumerate(events) if (key, place) in kept])
        }
        self._count = len(kept)
        self.changes += 1

    def state(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "looked": dict(self._looked),
            "events": [
                [list(key), event.since, event.until, sorted(event.sources), event.severity]
                for key, events in self._events.items()
                for event in events
            ],
        }

    def restore(self, state: Mapping[str, Any], sources: Container[str]) -> None:
        """Take over what `state` gave, as far as its sources still exist; keys may be missing."""
        looked = state.get("looked", {})
        self._looked = {str(name): finite(when) for name, when in looked.items() if name in sources}
        for key, since, until, tellers, severity in state.get("events", ()):
            event = _Event(finite(since), finite(until), set(map(str, tellers)), str(severity))
            self._events.setdefault(tuple(map(str, key)), []).append(event)
            self._count += 1


def _apart(event: _Event, span: Span) -> float:
    """Seconds between two spans; 0 when they touch."""
    return max(0.0, span.since - event.until, event.since - span.until)
