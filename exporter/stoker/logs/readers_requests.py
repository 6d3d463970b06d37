"""Reads the requests of servers that log each of them more than once."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from stoker.logs.finding import Finding
from stoker.logs.routes import fold
from stoker.logs.units import with_suffix

if TYPE_CHECKING:
    from stoker.logs.finding import Keys
    from stoker.logs.lines import Line

# INFO 2026-11-22 19:17:37,665 proxy 192.0.2.2 c5e7b47e-d09c-4b0f-afe9-cd8a95518545 -- POST /embed 500 83.5ms
# INFO 2026-11-22 19:17:37,808 proxy 192.0.2.2  -- GET  404 2.7ms
_REQUEST = re.compile(
    r"^\w+ [0-9-]{10} [0-9:,]{8,12} (?P<who>\S+) \S+ (?P<id>[0-9a-f-]{36})? ?-- "
    r"(?P<method>[A-Z]{3,7}) (?P<path>\S*) (?P<code>[1-5][0-9]{2}) (?P<took>[0-9.]+m?s)\s*$"
)
# before 2.40: (its path may be left out)
# INFO 2024-01-01 10:00:00,123 proxy 127.0.0.1 d5e7b47e-d09c-4b0f-afe9-cd8a95518545 / proxy.py:1160 - GET 200 13.3ms
_EARLIER = re.compile(
    r"^\w+ [0-9-]{10} [0-9:,]{8,12} (?P<who>\S+) \S+ (?P<id>[0-9a-f-]{36}|[0-9a-zA-Z]{8,16}) (?:(?P<path>/\S*) )?(?:\S+ )?"
    r"(?:http_)?proxy\.py:\d+ - (?P<method>[A-Z]{3,7}) (?P<code>[1-5][0-9]{2}) (?P<took>[0-9.]+m?s)\s*$"
)
# with encoding=JSON, the message of a record that has the route and the id in fields of their own
# POST /embed 200 83.5ms   proxy.py:1160 - GET 200 13.3ms
_MESSAGE = re.compile(
    r"^(?:\w+\.py:\d+ - )?(?P<method>[A-Z]{3,7}) (?:(?P<path>/\S*) )?(?P<code>[1-5][0-9]{2}) (?P<took>[0-9.]+m?s)\s*$"
)
_MOST = 20000


class _Request(NamedTuple):
    """One record of a request, as it is written; the id is empty where there is none."""

    id: str
    method: str
    path: str
    code: str
    took: str


class RayServeReader:
    """Ray Serve: a request is logged by the proxy and by the replica, under one id; it counts once."""

    literals: ClassVar[tuple[str, ...]] = (" -- ", "proxy.py:", '"component_name"', '"replica"')

    def __init__(self, keys: Keys) -> None:
        del keys
        self._known: dict[str, None] = {}

    @property
    def awake(self) -> bool:
        """Never."""
        return False

    def read(self, line: Line, text: str, rank: str) -> list[Finding] | None:  # noqa: ARG002 - the same for every reader
        """See Reader."""
        request = _from_json(text) if text.startswith("{") else _from_text(text)
        if request is None:
            return None
        if request.id:
            if request.id in self._known:
                return []
            self._known[request.id] = None
            if len(self._known) > _MOST:
                del self._known[next(iter(self._known))]
        route = fold(request.path or "/")
        labels = {"method": request.method, "route": route, "code": request.code}
        return [
            Finding("inc", "stoker_serve_requests_total", labels, 1.0, line.number),
            Finding(
                "observe", "stoker_serve_request_seconds", {"route": route}, with_suffix(request.took), line.number
            ),
        ]


def _from_text(text: str) -> _Request | None:
    match = _REQUEST.match(text) or _EARLIER.match(text)
    if match is None:
        return None
    return _Request(match["id"] or "", match["method"], match["path"] or "", match["code"], match["took"])


def _from_json(text: str) -> _Request | None:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    match = _MESSAGE.match(str(record.get("message", "")))
    if match is None:
        return None
    path = match["path"] or str(record.get("route") or "")
    return _Request(str(record.get("request_id") or ""), match["method"], path, match["code"], match["took"])
