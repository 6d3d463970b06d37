"""The exporter's own site: metrics, health, reload and the status page, as routes of a Server."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Protocol

from stoker.server.exposition import OPENMETRICS, TEXT
from stoker.server.ingest import ingest
from stoker.server.message import Request, Response, Route, from_another_site
from stoker.server.negotiation import accepts_gzip, prefers_openmetrics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stoker.metrics import Sample
    from stoker.server.exposition import Exposition
    from stoker.server.ingest import Door

_WORTH_PACKING = 1024
_PAGE_HEADERS = {
    "X-Frame-Options": "deny",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
}


class Site(Protocol):
    """What the routes ask of the program."""

    def samples(self) -> Iterable[Sample]:
        """Everything to expose."""

    def ready(self) -> bool:
        """Whether the first round of collection is done and the logs' state is restored."""

    def reload(self) -> str:
        """Load the configuration again; what is wrong with it, or an empty string."""

    def forget(self, uuid: str) -> bool:
        """Forget a GPU that is gone; whether it was known."""

    def ingest(self, name: str) -> Door | None:
        """The source of this name, when it is one that is pushed to."""

    def status_page(self) -> bytes:
        """The page at `/`."""


def routes(site: Site, exposition: Exposition) -> list[Route]:
    """The routes of `stoker serve`."""

    def metrics(request: Request) -> Response:
        openmetrics = prefers_openmetrics(request.headers.get("accept", ""))
        body = exposition.render(site.samples(), openmetrics=openmetrics)
        headers = {"Vary": "Accept, Accept-Encoding"}
        if len(body) > _WORTH_PACKING and accepts_gzip(request.headers.get("accept-encoding", "")):
            body = gzip.compress(body, compresslevel=1, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return Response(200, body, OPENMETRICS if openmetrics else TEXT, headers)

    def healthy(_: Request) -> Response:
        return Response(200, b"healthy\n")

    def ready(_: Request) -> Response:
        return Response(200, b"ready\n") if site.ready() else Response(503, b"the first readings are under way\n")

    def reload(request: Request) -> Response:
        if from_another_site(request):
            return Response(403, b"refused: the request comes from another site\n")
        wrong = site.reload()
        return Response(500, f"{wrong}\n".encode()) if wrong else Response(200, b"reloaded\n")

    def forget(request: Request) -> Response:
        if from_another_site(request):
            return Response(403, b"refused: the request comes from another site\n")
        uuid = (request.query.get("uuid") or [""])[0]
        if not uuid:
            return Response(400, b"name the GPU: /-/forget?uuid=GPU-...\n")
        return Response(200, b"forgotten\n") if site.forget(uuid) else Response(404, b"no GPU of that uuid is known\n")

    def status(_: Request) -> Response:
        return Response(200, site.status_page(), "text/html; charset=utf-8", _PAGE_HEADERS)

    return [
        Route("/metrics", {"GET": metrics}),
        Route("/-/healthy", {"GET": healthy}),
        Route("/-/ready", {"GET": ready}),
        Route("/-/reload", {"POST": reload, "PUT": reload}),
        Route("/-/forget", {"POST": forget}),
        ingest(site.ingest),
        Route("/", {"GET": status}),
    ]
