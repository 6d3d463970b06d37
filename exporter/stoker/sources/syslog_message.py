"""Takes syslog apart: the frames of a TCP connection (RFC 6587), and the header of a message (RFC 5424, RFC 3164 and what is sent in its
place). Opens nothing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_NAME = 128
"""Characters of a host, a program or a process that are kept."""
# <165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3"] text
_MODERN = re.compile(
    rb"<\d{1,3}>\d{1,2} (?P<when>\S+) (?P<host>\S+) (?P<app>\S+) (?P<process>\S+) \S+ "
    rb'(?:-|(?:\[(?:[^\]"\\]|\\.|"(?:[^"\\]|\\.)*")*\])+)(?: |$)'
)
# <34>Oct 11 22:14:15 mymachine su[12]: text;  the same without a host (what programs write to /dev/log), and with an ISO time (rsyslog)
_CLASSIC = re.compile(
    rb"<\d{1,3}>(?P<when>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[\d.,]*(?:Z|[+-]\d\d:?\d\d)?)"
    rb"(?: (?P<host>[^\s:\[\]]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*))?? (?P<app>[^\s:\[\]]{1,128})(?:\[(?P<process>[^\]\s]{0,128})\]: ?|: |:\Z)"
)
_PRIORITY = re.compile(rb"<\d{1,3}>")
_COUNT = re.compile(rb"([1-9]\d{0,8}) (?=<|\Z)")
_COUNT_BEGUN = re.compile(rb"[1-9]\d{0,8} ?\Z")
_MARK = b"\xef\xbb\xbf"
_ENDS = re.compile(rb"[\n\0]")


class Message(NamedTuple):
    """A message without its header; what the header does not say is empty.

    Attributes:
        host, app, process: who wrote it.
        when: the time as written.
        text: the rest.
    """

    host: str
    app: str
    process: str
    when: str
    text: bytes


def parse(data: bytes) -> Message:
    """Take the header from a message; one without a header that is known is all text."""
    match = _MODERN.match(data) or _CLASSIC.match(data)
    if match is None:
        priority = _PRIORITY.match(data)
        return Message("", "", "", "", data[priority.end() :] if priority else data)
    host, app, process, when = (_text(match[name]) for name in ("host", "app", "process", "when"))
    return Message(host, app, process, when, data[match.end() :].removeprefix(_MARK))


def _text(value: bytes | None) -> str:
    text = (value or b"").decode("utf-8", "replace")[:_NAME]
    return "" if text == "-" else text


class Frames:
    """The messages of one connection: counted ones (`17 <34>1 - - ...`) and such that end with a line.

    Args:
        most: bytes of a message that are kept; the rest of a longer one is dropped and counted in `cut`.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._rest = bytearray()
        self._left = 0
        self._skipping = False
        self.cut = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that end in `data`."""
        self._rest += data
        found: list[bytes] = []
        while self._rest:
            if not self._left and not self._skipping and not self._begin():
                break
            if not (self._counted(found) if self._left else self._line(found)):
                break
        return found

    def _begin(self) -> bool:
        """Whether it is known how the next message ends."""
        count = _COUNT.match(self._rest)
        if count is not None:
            if count.end() == len(self._rest):
                return False
            self._left = int(count[1])
            del self._rest[: count.end()]
        elif _COUNT_BEGUN.match(self._rest):
            return False
        return True

    def _counted(self, found: list[bytes]) -> bool:
        if not self._skipping and len(self._rest) < min(self._left, self._most):
            return False
        if not self._skipping:
            if self._left > self._most:
                self.cut += 1
            size = min(self._left, self._most)
            found.append(bytes(self._rest[:size]))
            del self._rest[:size]
            self._left -= size
            self._skipping = self._left > 0
            return True
        size = min(self._left, len(self._rest))
        del self._rest[:size]
        self._left -= size
        self._skipping = self._left > 0
        return True

    def _line(self, found: list[bytes]) -> bool:
        end = _ENDS.search(self._rest)
        size = end.start() if end is not None else len(self._rest)
        if end is None and size <= self._most and not self._skipping:
            return False
        if not self._skipping:
            self.cut += size > self._most
            if size:
                found.append(bytes(self._rest[: min(size, self._most)]))
        del self._rest[: size if end is None else end.end()]
        self._skipping = end is None
        return True

    def flush(self) -> list[bytes]:
        """The last message, when nothing ended it."""
        rest, self._rest = bytes(self._rest), bytearray()
        return [rest] if rest and not self._skipping else []
