"""A small model server on loopback with an access log in uvicorn's form, and the client that keeps it busy."""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, cast

WORDS = [
    "the",
    "loss",
    "falls",
    "and",
    "the",
    "night",
    "is",
    "quiet",
    "until",
    "a",
    "page",
    "goes",
    "off",
    "and",
    "somebody",
    "wakes",
]


class ModelServer(ThreadingHTTPServer):
    """Completes prompts with a word chain; logs each answer."""

    daemon_threads = True
    access_log: IO[str]


class Handler(BaseHTTPRequestHandler):
    """POST /v1/completions, GET /health."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Health."""
        self._answer(HTTPStatus.OK if self.path == "/health" else HTTPStatus.NOT_FOUND, {"status": "ok"})

    def do_POST(self) -> None:
        """Complete a prompt; one that is too long is a bad request."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        chance = random.Random(body["prompt"])
        if len(body["prompt"]) > 100:  # noqa: PLR2004 - the size of this model's context
            self._answer(HTTPStatus.BAD_REQUEST, {"error": "prompt too long"})
            return
        text = " ".join(chance.choice(WORDS) for _ in range(8))
        self._answer(HTTPStatus.OK, {"choices": [{"text": text}]})

    def _answer(self, status: HTTPStatus, content: object) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        host, port = self.client_address[:2]
        line = f'INFO:     {host}:{port} - "{self.command} {self.path} HTTP/1.1" {status.value} {status.phrase}\n'
        cast("ModelServer", self.server).access_log.write(line)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's signature
        """The access log is written by `_answer`."""


def ask(port: int, stop: threading.Event) -> None:
    """Two requests a second, one in fifty too long."""
    chance = random.Random(3)
    while not stop.wait(0.5):
        prompt = "x" * 200 if chance.random() < 0.02 else " ".join(chance.sample(WORDS, 4))  # noqa: PLR2004 - one in fifty
        body = json.dumps({"prompt": prompt}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/completions", body)
        try:
            urllib.request.urlopen(request, timeout=5).read()
        except urllib.error.HTTPError:
            pass
        except OSError:
            time.sleep(1)


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with args.log.open("a", encoding="utf-8", buffering=1) as log:
        server = ModelServer(("127.0.0.1", args.port), Handler)
        server.access_log = log
        threading.Thread(target=ask, args=(args.port, threading.Event()), daemon=True).start()
        server.serve_forever()


if __name__ == "__main__":
    main()
