"""Reads a log to learn from it: what a format reads already is set aside, the rest goes to the miner, tracebacks to nobody."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from stoker.logs.interpreter import Interpreter
from stoker.logs.learn import Miner
from stoker.logs.learn_masks import Mask
from stoker.logs.learn_tables import Tables
from stoker.logs.learn_words import IDS, LEVELS
from stoker.logs.unwrap import messages, unwrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from stoker.logs.formats import CompiledFormats
    from stoker.logs.learn import Template

_PROSE = 6
"""Words that make a sentence."""
_RARE = 3
_PLAIN = re.compile(r"[A-Za-z]?[a-z']+[.,;:!?]?")
_MEMBER = re.compile(r"""["']([\w.-]+)["']\s*:\s*-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?(?=\s*[,}\]])""")
_PAIR = re.compile(r"(?:^|\s)([\w.-]+)=-?[0-9][\w.%]*(?=\s|$)")
_TEXT = re.compile(r'(?<=[=:\s])"(?:[^"\\]|\\.)*"(?!\s*:)')
_NO_MEASURES = IDS | {"time", "ts", "timestamp", "level", "levelno", "process", "v", "created", "msecs", "lineno"}


class LogLearner:
    """Bytes in, templates out; each stream of the log has an interpreter of its own.

    Args:
        formats: what is read already.
        line_length: bytes after which a line is cut.
        clock: seconds since the epoch.
        guessed: learn from lines, too, that formats read by their words alone, of which they may leave numbers out.

    Attributes:
        miner: has the templates; those of lines that a format reads are in a group of its name.
        tables: has the tables in CSV, whose lines are in no template.
        lines: not empty ones.
        read: lines that gave something, by format.
        silent: lines that belong to a format and gave nothing of their own, such as those of a traceback.
        errors: by reason.
    """

    def __init__(
        self, formats: CompiledFormats, *, line_length: int, clock: Callable[[], float], guessed: bool = False
    ) -> None:
        self._guessing = {each.name for each in formats.formats if each.guess} if guessed else set()
        self._formats = formats
        self._line_length = line_length
        self._clock = clock
        self.miner = Miner()
        self.tables = Tables(self._mine)
        self.lines = 0
        self.silent = 0
        self.read: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self._stream = self._open()

    def feed(self, data: bytes) -> None:
        """Take the next bytes of a stream."""
        self._stream.feed(data)

    def end(self) -> None:
        """The stream has ended; another one may follow."""
        self._stream.flush()
        self.tables.end()
        self.lines += self._stream.stats.lines
        self.errors += self._stream.stats.errors
        self._stream = self._open()

    @property
    def lines_so_far(self) -> int:
        """Also of the stream that has not ended."""
        return self.lines + self._stream.stats.lines

    @property
    def training(self) -> bool:
        """Whether a training program's format reads some of the lines."""
        return any(each.kind == "training" and self.read[each.name] for each in self._formats.formats)

    def _open(self) -> Interpreter:
        return Interpreter(
            self._formats,
            line_length=self._line_length,
            timezone=None,
            clock=self._clock,
            on_unread=self._unread,
            on_read=self._claimed,
        )

    def _claimed(self, text: str, name: str, gave: bool) -> None:  # noqa: FBT001 - the interpreter's signature
        if gave and name in self._guessing:
            self._unread(text)
        elif gave:
            self.read[name] += 1
            self.miner.add(unwrap(text)[1], name)
        else:
            self.silent += 1

    def _unread(self, text: str) -> None:
        self.tables.add(unwrap(text)[1])

    def _mine(self, text: str) -> None:
        for each in _inner(text) if text.endswith(("}", '"')) or '="' in text else (text,):
            self.miner.add(each)


def _inner(text: str) -> list[str]:
    """What a format would be tried on: a line of JSON or logfmt with numbers of its own, else the message in it."""
    bare = _TEXT.sub('""', text)
    found = (_MEMBER if text.lstrip().startswith("{") else _PAIR).findall(bare)
    if any(key.lower() not in _NO_MEASURES for key in found):
        return [text]
    return [unwrap(each)[1] for each in messages(text)] or [text]


def is_prose(template: Template) -> bool:
    """Whether it is a sentence that somebody wrote, and nothing that a program says again and again."""
    if template.count >= _RARE:
        return False
    words = [word.text for word in template.words]
    if any(Mask.TIME in word for word in words[:3]) or any(word.strip("[](){}:-|,") in LEVELS for word in words[:6]):
        return False
    plain = [word for word in words if _PLAIN.fullmatch(word)]
    return len(plain) >= _PROSE and len(plain) * 2 > len(words) and not any(word.endswith("=") for word in words)
