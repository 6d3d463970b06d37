"""Reads Python's tracebacks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from stoker.logs.finding import Finding
from stoker.logs.incidents import detail_of, is_aftermath, kind_of

if TYPE_CHECKING:
    from stoker.logs.finding import Keys
    from stoker.logs.lines import Line

_WORDS = "Traceback (most recent call last)"
_HEAD = f"{_WORDS}:"
# ╭───────────────────── Traceback (most recent call last) ──────────────────────╮     Rich's, with the frames in a box
_BOX = re.compile(r"(?:╭─{2,200}|\+-{2,200}) Traceback \(most recent call last\) (?:─{2,200}╮|-{2,200}\+)$")
_SIDES = ("│", "╰", "|", "+")
# torch.OutOfMemoryError: CUDA out of memory.   KeyError: 'image'   KeyboardInterrupt   data.BadShard: s3://...
_RAISED = re.compile(
    r"^(?P<name>(?:[A-Za-z_]\w*\.)*"
    r"(?:[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Failure|Timeout|Warning|Exceeded|Expired|Fault|Abort)"
    r"|(?<=\.)(?:[A-Z]\w*|error|timeout)|[A-Z][a-z]+[A-Z]\w*))(?::\s+(?P<says>.*)|:?\s*)$"
)
_GROUP = "+ Exception Group "
_IGNORED = "Exception ignored "
"""What the interpreter prints before the traceback of a finalizer: nothing fails by it."""
_CHAIN = ("During handling of the above exception", "The above exception was the direct cause")
_LONGEST = 300
_NEXT = 3
_PREFIX = 500
"""Characters before a traceback's head; a line with more of them only speaks of one."""
_RANKS = 1024
"""Ranks of which a traceback may be open; beyond, the oldest is given up."""
_INTERRUPTED = {"KeyboardInterrupt"}
_NO_FAILURE = {"SystemExit", "GeneratorExit", "StopIteration", "StopAsyncIteration", "CancelledError"}
_REPORTED = {"ChildFailedError"}
"""What torchrun raises with its report, which says more."""
_WRAPPERS = {
    "CalledProcessError",
    "ProcessRaisedException",
    "ProcessExitedException",
    "RayTaskError",
    "EngineDeadError",
    "TrainingFailedError",
    "WorkerCrashedError",
    "SignalException",
}
"""What a launcher raises because a worker has failed; the worker's own words come before, a report after."""
_DIGITS = re.compile(r"\d")


@dataclass(slots=True)
class _Open:
    """A traceback that has begun: where, what stands before each of its lines, whether it is no failure, whether it has a box, how many lines and
    frames there were.
    """

    start: int
    prefix: str
    ignored: bool
    boxed: bool = False
    lines: int = 0
    frames: int = 0


class TracebackReader:
    """Python tracebacks, those of several ranks interleaved; a chain of causes is one incident, named by its first."""

    literals: ClassVar[tuple[str, ...]] = (_WORDS, *_CHAIN, _IGNORED)

    def __init__(self, keys: Keys) -> None:
        del keys
        self._open: dict[str, _Open] = {}
        self._chained: set[str] = set()
        self._ignored: dict[str, int] = {}

    @property
    def awake(self) -> bool:
        """In a traceback."""
        return bool(self._open)

    def read(self, line: Line, text: str, rank: str) -> list[Finding] | None:
        """See Reader."""
        if self._begins(line, text.rstrip(), rank):
            return []
        current = self._open.get(rank)
        if current is None:
            return None
        current.lines += 1
        if current.lines > _LONGEST:
            self._forget(rank)
            return None
        rest = _without(current.prefix, text)
        if current.boxed and rest[:1] in _SIDES:
            current.frames += 1
            return []
        if rest[:1] in (" ", "\t", ""):
            current.frames += rest.lstrip().startswith("File ")
            return []
        raised = _RAISED.match(rest.rstrip())
        if raised is None or not current.frames:
            return None  # another thread's or rank's line in between
        del self._open[rank]
        if rank in self._chained:
            self._chained.discard(rank)
            return []
        return [] if current.ignored else _raised(_last(raised["name"]), raised["says"] or "", current.start)

    def _begins(self, line: Line, text: str, rank: str) -> bool:
        """Whether the line is a traceback's head, or stands before one."""
        box = _BOX.search(text) if text.endswith(("╮", "+")) else None
        if box is not None or text.endswith(_HEAD):
            ignored = line.number - self._ignored.pop(rank, -_NEXT) < _NEXT
            prefix = text[: -len(_HEAD) if box is None else box.start()]
            if len(prefix) > _PREFIX:
                return False
            self._open[rank] = _Open(line.number, prefix, ignored, boxed=box is not None)
            if len(self._open) > _RANKS:
                self._forget(next(iter(self._open)))
        elif any(words in text for words in _CHAIN):
            if rank in self._open or len(self._chained) < _RANKS:
                self._chained.add(rank)
        elif text.lstrip().startswith(_IGNORED):
            self._ignored = {
                rank: line.number,
                **{who: at for who, at in self._ignored.items() if line.number - at < _NEXT},
            }
        else:
            return False
        return True

    def _forget(self, rank: str) -> None:
        del self._open[rank]
        self._chained.discard(rank)


def _last(name: str) -> str:
    """`torch.cuda.OutOfMemoryError` is an OutOfMemoryError; a class that is only called `error` keeps its module."""
    module, _, bare = name.rpartition(".")
    return bare if bare[:1].isupper() else f"{module.rpartition('.')[2]}.{bare}"


def _raised(name: str, says: str, start: int) -> list[Finding]:
    if name in _NO_FAILURE or name in _REPORTED:
        return []
    if name in _INTERRUPTED:
        return [Finding("set", "stoker_train_finished", {"status": "cancelled"}, 1.0, start)]
    text = f"{name}: {says}"
    kind = kind_of(text)
    detail = detail_of(kind, text)
    weak = name in _WRAPPERS or is_aftermath(text)
    return [
        Finding("inc", "stoker_train_errors_total", {"kind": kind}, 1.0, start, kind, detail, weak),
        Finding(
            "inc", "stoker_train_exceptions_total", {"type": name}, 1.0, start, "raised", text[:200], name in _WRAPPERS
        ),
    ]


def _without(prefix: str, text: str) -> str:
    """The line without what stood before the traceback's head: a logger's time and name, blanks, or nothing."""
    if not prefix:
        return text
    if prefix.endswith(_GROUP):
        return text.lstrip(" ").removeprefix("| ")
    head = text[: len(prefix)]
    if prefix.isspace():
        return text[len(head) - len(head.lstrip()) if head.strip() else len(head) :]
    if _DIGITS.sub("0", head) == _DIGITS.sub("0", prefix):
        return text[len(prefix) :]
    return text
