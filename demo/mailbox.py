"""A mailbox on loopback: takes mail over SMTP and notifications over HTTP, keeps each in a file, and shows them in a browser."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiosmtpd.controller import Controller

from demo.pages import page

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP, Envelope, Session


def keep(folder: Path, ending: str, data: bytes) -> None:
    """One file for each message, in the order in which they came; appears whole."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{time.time():017.6f}{ending}"
    part = folder / f".{name}"
    part.write_bytes(data)
    part.rename(folder / name)


class Keeper:
    """aiosmtpd's handler."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802, ARG002 - the library's
        """Keep the message."""
        content: Any = envelope.content
        await asyncio.to_thread(keep, self.folder, ".eml", content if isinstance(content, bytes) else content.encode())
        return "250 kept"


def webhook(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server that keeps what is posted to /NAME in `folder`/received/NAME/, and shows what was received."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = page(folder, self.path)
            data = b"there is no such page\n" if found is None else found.text.encode(errors="replace")
            self.send_response(HTTPStatus.NOT_FOUND if found is None else HTTPStatus.OK)
            self.send_header("Content-Type", f"{'text/plain' if found is None else found.kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
            self.end_headers()
            self.wfile.write(data)

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            name = self.path.strip("/").replace("/", "-") or "webhook"
            keep(folder / "received" / name, ".json", data)
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's signature
            pass

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def main() -> None:
    """Receive until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--smtp", type=int, required=True)
    parser.add_argument("--http", type=int, required=True)
    args = parser.parse_args()
    controller = Controller(Keeper(args.folder / "received/mail"), hostname="127.0.0.1", port=args.smtp)
    controller.start()
    server = webhook(args.folder, args.http)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    stop.wait()
    server.shutdown()
    controller.stop()
    sys.exit(0)


if __name__ == "__main__":
    main()
