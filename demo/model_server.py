"""A small model server on loopback, and the clients that keep it busy.

It completes a prompt word by word, several requests at a time, and logs twice: its own log has vLLM's line of figures every few
seconds, and the access log has the form in which nginx in front of it would write, with the time that a request took.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import signal
import sys
import threading
import time
from collections import deque
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, cast

WORDS = ["loss", "falls", "night", "is", "quiet", "until", "a", "page", "goes", "off", "somebody", "wakes"]
CLIENTS = 3
SLOTS = 2
"""Requests that are worked on at once; others wait."""
CACHE = 48
"""Prompts whose state is kept."""
CONTEXT = 100
"""Characters that a prompt may have."""
REPORT = 5.0
"""Seconds from one line of figures to the next."""


class Figures:
    """What the server counts between two lines of its log."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.prompt = self.generated = self.running = self.waiting = 0
        self.cache: deque[str] = deque(maxlen=CACHE)

    def add(self, **changes: int) -> None:
        """Change some of the counts."""
        with self.lock:
            for name, change in changes.items():
                setattr(self, name, getattr(self, name) + change)

    def line(self) -> str:
        """The line as vLLM writes it; then the counts begin anew."""
        with self.lock:
            prompt, generated, self.prompt, self.generated = self.prompt / REPORT, self.generated / REPORT, 0, 0
            return (
                f"(APIServer pid=1) INFO {datetime.now().astimezone():%m-%d %H:%M:%S} [loggers.py:259] Engine 000: "
                f"Avg prompt throughput: {prompt:.1f} tokens/s, Avg generation throughput: {generated:.1f} tokens/s, "
                f"Running: {self.running} reqs, Waiting: {self.waiting} reqs, "
                f"GPU KV cache usage: {100 * len(self.cache) / (2 * CACHE):.1f}%, Prefix cache hit rate: 0.0%\n"
            )


class ModelServer(ThreadingHTTPServer):
    """Completes prompts with a word chain; logs each answer."""

    daemon_threads = True
    access_log: IO[str]
    figures: Figures
    slots: threading.Semaphore


class Handler(BaseHTTPRequestHandler):
    """POST /v1/completions, GET /health."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Health."""
        self._answer(time.monotonic(), HTTPStatus.OK if self.path == "/health" else HTTPStatus.NOT_FOUND, {})

    def do_POST(self) -> None:
        """Complete a prompt; one that is too long is a bad request, and now and then there is no memory for one."""
        begun = time.monotonic()
        prompt = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["prompt"]
        if len(prompt) > CONTEXT:
            self._answer(begun, HTTPStatus.BAD_REQUEST, {"error": "prompt too long"})
        elif prompt.startswith("memory"):
            self._answer(begun, HTTPStatus.SERVICE_UNAVAILABLE, {"error": "no memory for another request"})
        else:
            self._answer(begun, HTTPStatus.OK, {"choices": [{"text": self._complete(prompt)}]})

    def _complete(self, prompt: str) -> str:
        server = cast("ModelServer", self.server)
        server.figures.add(waiting=1)
        with server.slots:
            server.figures.add(waiting=-1, running=1)
            chance = random.Random(prompt)
            words = []
            for _ in range(chance.randint(4, 16)):
                time.sleep(0.02)  # a word takes its time, as a token does
                words.append(chance.choice(WORDS))
            server.figures.cache.append(prompt)
            server.figures.add(running=-1, prompt=len(prompt.split()), generated=len(words))
        return " ".join(words)

    def _answer(self, begun: float, status: HTTPStatus, content: object) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        cast("ModelServer", self.server).access_log.write(
            f"{self.client_address[0]} - - [{datetime.now(UTC):%d/%b/%Y:%H:%M:%S +0000}] "
            f'"{self.command} {self.path} HTTP/1.1" {status.value} {len(data)} "-" "demo" rt={time.monotonic() - begun:.3f}\n'
        )

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's signature
        """The access log is written by `_answer`."""


def ask(port: int, seed: int) -> None:
    """About two requests a second: one in fifty is too long, one in a hundred comes when there is no memory."""
    chance = random.Random(seed)
    while True:
        time.sleep(chance.uniform(0.2, 0.8))
        prompt = " ".join(chance.sample(WORDS, 4))
        prompt = chance.choices([prompt, "x" * (CONTEXT + 1), f"memory {prompt}"], [97, 2, 1])[0]
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("POST", "/v1/completions", json.dumps({"prompt": prompt}))
            connection.getresponse().read()
            connection.close()
        except OSError:
            time.sleep(1)


def report(figures: Figures, log: IO[str]) -> None:
    """A line of figures every few seconds."""
    while True:
        time.sleep(REPORT)
        log.write(figures.line())


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--access-log", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with (
        args.log.open("a", encoding="utf-8", buffering=1) as log,
        args.access_log.open("a", encoding="utf-8", buffering=1) as access_log,
    ):
        server = ModelServer(("127.0.0.1", args.port), Handler)
        server.access_log, server.figures, server.slots = access_log, Figures(), threading.Semaphore(SLOTS)
        threading.Thread(target=report, args=(server.figures, log), daemon=True).start()
        for seed in range(CLIENTS):
            threading.Thread(target=ask, args=(args.port, seed), daemon=True).start()
        server.serve_forever()


if __name__ == "__main__":
    main()
