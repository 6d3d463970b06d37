"""Reads requests that proxies and servers log as JSON: nginx, Envoy, Traefik, Caddy and those whose fields have usual names."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, ClassVar

from stoker.logs.finding import Finding
from stoker.logs.routes import fold
from stoker.logs.units import convert

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stoker.logs.finding import Keys
    from stoker.logs.lines import Line

_METHOD = ("method", "request_method", "requestmethod", "http_method", "httpmethod", "verb")
_PATH = (
    "path",
    "request_path",
    "requestpath",
    "uri",
    "request_uri",
    "url",
    "requesturl",
    "http_path",
    "target",
    "route",
)
_CODE = (
    "status",
    "status_code",
    "statuscode",
    "response_code",
    "responsecode",
    "downstreamstatus",
    "http_status",
    "response_status",
    "code",
)
_REQUEST = ("request", "request_line")
_LINE = re.compile(r"([A-Z]{3,10}) (\S+) HTTP/[0-9.]+$")
_VERBS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE"})
_UNITS = {
    "_ms": "ms",
    "_msec": "ms",
    "_millis": "ms",
    "_milliseconds": "ms",
    "_us": "us",
    "_usec": "us",
    "_micros": "us",
    "_microseconds": "us",
    "_ns": "ns",
    "_nanos": "ns",
    "_nanoseconds": "ns",
    "_s": "s",
    "_sec": "s",
    "_secs": "s",
    "_seconds": "s",
}
_TIMES = (
    "request_time",
    "duration",
    "latency",
    "response_time",
    "elapsed",
    "elapsed_time",
    "took",
    "request_duration",
    "time_taken",
    "process_time",
    "processing_time",
)
_TOLD = {
    f"{time}{ending}".replace("_", ""): unit
    for time in (*_TIMES, "total", "total_time")
    for ending, unit in _UNITS.items()
}
"""The units of fields that say theirs: `duration_ms`, `durationMs`, `latency_seconds`."""
# nginx's, and what applications that time themselves with Python's clock call it
_SECONDS = ("request_time", "process_time")
# of Elastic's common schema, which counts nanoseconds
_EVENT = "event"
_EVENT_DURATION = "event_duration"
_ALWAYS = {"responsetime": "ms", _EVENT_DURATION: "ns"}
_OF_ENVOY = frozenset({"response_flags", "upstream_host", "upstream_cluster", "response_code_details"})
_SUFFIXED = re.compile(r"[0-9.]+\s?(?:ns|us|µs|μs|ms|s|m|h)(?:[0-9.]+(?:ms|s|m))*$")
_DEPTH = 3
# fields of Python's loggers: the server below the application logs the request as well, but mostly not its time
_OF_PYTHON = frozenset({"event", "levelname", "funcname", "lineno", "logger_name", "pathname", "taskname", "asctime"})


class AccessReader:
    """A record with a method, a path and a status code; how long it took where the field says the unit or its program is known."""

    literals: ClassVar[tuple[str, ...]] = (
        '"GET',
        '"POST',
        '"PUT"',
        '"PATCH"',
        '"DELETE',
        '"HEAD',
        '"OPTIONS',
        '"PUT ',
        '"PATCH ',
    )
    expressions: ClassVar[tuple[str, ...]] = (r'\{.*"(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)[ "]',)

    def __init__(self, keys: Keys) -> None:
        del keys

    @property
    def awake(self) -> bool:
        """Never."""
        return False

    def read(self, line: Line, text: str, rank: str) -> list[Finding] | None:  # noqa: ARG002 - the same for every reader
        """See Reader."""
        bare = text.strip()
        if not (bare.startswith("{") and bare.endswith("}")):
            return None
        try:
            record = json.loads(bare)
        except (ValueError, RecursionError):
            return None
        fields: dict[str, object] = {}
        _flatten(record, fields, 0)
        request = _request(fields)
        if request is None:
            return None
        method, path, code = request
        route = fold(path)
        labels = {"method": method, "route": route, "code": code}
        found = []
        if not _OF_PYTHON & fields.keys():
            found.append(Finding("inc", "stoker_serve_requests_total", labels, 1.0, line.number))
        seconds = _seconds(fields)
        if seconds is not None:
            found.append(Finding("observe", "stoker_serve_request_seconds", {"route": route}, seconds, line.number))
        return found


def _flatten(record: Mapping[str, object], fields: dict[str, object], depth: int, parent: str = "") -> None:
    """Fields by their names in lower case; one further out stands before one of the same name further in."""
    inner = []
    for key, value in record.items():
        before, _, name = str(key).lower().replace("-", "_").rpartition(".")
        if isinstance(value, dict):
            inner.append((name, value))
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            if name == "duration" and (before or parent) == _EVENT:
                name = _EVENT_DURATION
            fields.setdefault(name, value)
    if depth < _DEPTH:
        for name, each in inner:
            _flatten(each, fields, depth + 1, name)


def _request(fields: Mapping[str, object]) -> tuple[str, str, str] | None:
    """(method, path, code) where the record has all of them."""
    code = next((str(fields[name]) for name in _CODE if name in fields), "")
    if not re.fullmatch(r"[1-5][0-9]{2}", code):
        return None
    for name in _REQUEST:
        if match := _LINE.match(str(fields.get(name, ""))):
            return match[1], match[2], code
    method = next((str(fields[name]) for name in _METHOD if name in fields), "").upper()
    path = next((str(fields[name]) for name in _PATH if name in fields), "")
    if method not in _VERBS or not path.startswith(("/", "http://", "https://")):
        return None
    return method, path, code


def _seconds(fields: Mapping[str, object]) -> float | None:
    """How long the request took; None where no field says it, or not in which unit."""
    for name, value in fields.items():
        unit = _unit(name, value, fields)
        if unit:
            try:
                return convert(str(value), unit)
            except ValueError:
                continue
    return None


def _unit(name: str, value: object, fields: Mapping[str, object]) -> str:
    """The unit of a field that is the time of the request, or nothing."""
    if unit := _ALWAYS.get(name) or _TOLD.get(name.replace("_", "")):
        return unit
    if name not in _TIMES:
        return ""
    if isinstance(value, str) and _SUFFIXED.match(value):
        return "auto"
    if name in _SECONDS:
        return "ms" if _OF_ENVOY & fields.keys() and str(value).isdecimal() else "s"
    if name == "duration":
        if "originstatus" in fields or "downstreamstatus" in fields:  # Traefik
            return "ns"
        if _OF_ENVOY & fields.keys():
            return "ms"
        if fields.get("msg") == "handled request" or str(fields.get("logger", "")).startswith("http.log.access"):
            return "s"  # Caddy
    return ""
