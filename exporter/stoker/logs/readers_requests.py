"""Reads the requests of servers that log each of them more than once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

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
_MOST = 20000


class RayServeReader:
    """Ray Serve: a request is logged by the proxy and by the replica, under one id; it counts once."""

    literals: ClassVar[tuple[str, ...]] = (" -- ", "proxy.py:")

    def __init__(self, keys: Keys) -> None:
        del keys
        self._known: dict[str, None] = {}

    @property
    def awake(self) -> bool:
        """Never."""
        return False

    def read(self, line: Line, text: str, rank: str) -> list[Finding] | None:  # noqa: ARG002 - the same for every reader
        """See Reader."""
        match = _REQUEST.match(text) or _EARLIER.match(text)
        if match is None:
            return None
        request = match["id"]
        if request:
            if request in self._known:
                return []
            self._known[request] = None
            if len(self._known) > _MOST:
                del self._known[next(iter(self._known))]
        route = fold(match["path"] or "/")
        labels = {"method": match["method"], "route": route, "code": match["code"]}
        return [
            Finding("inc", "stoker_serve_requests_total", labels, 1.0, line.number),
            Finding(
                "observe", "stoker_serve_request_seconds", {"route": route}, with_suffix(match["took"]), line.number
            ),
        ]
