r"""Looks through a block of whole lines once, for all expressions at a time, and tells where lines stand that somebody wants.

Hyperscan does it, at hundreds of megabytes a second; where its package is not installed or refuses an expression there is no
scanner, and each line is looked at by itself. A pattern reports every end of a match, so that a line may be hit more than once.
"""

from __future__ import annotations

import logging
import re
import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

try:
    import hyperscan
except ImportError:  # there are no wheels for every machine
    hyperscan = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger(__name__)

SHIFT = 16
"""Bits of a hit below its offset."""
_NUMBER = (1 << SHIFT) - 1
_MOST = _NUMBER - 3
_FLAT = bytes.maketrans(b"\n\r\b", b"   ")
_ENDS, _SPACE = r"[\x0a\x0d\x08]", r"[\x20\x09]"
_END, _BLANKS = (r"\x0a", r"\x0d", r"\x08"), (r"\x20", r"\x09")
# a line of nothing but blanks, behind another one: spelled out, it takes a tenth of the time of all signatures instead of a quarter
_BLANK = "|".join(
    (
        *(first + last for first in _END for last in _END),
        *(first + blank + last for first in _END for blank in _BLANKS for last in _END),
        *(f"{_ENDS}{first}{_SPACE}*{last}{_ENDS}" for first in _BLANKS for last in _BLANKS),
    )
)
_FIRST_BLANK = re.compile(rb"[ \t]*[\n\r\b]")
# an escape in a JSON text; a piece of a line, as CRI and Docker write them
_ESCAPED = r"\x5c[^nr\x0a\x0d\x08]|std(?:out|err) P[ \x3a]|(?:[^n]|[^\x5c]n)\x22,\x22stream\x22\x3a"
# two records on one line: a rank's or a process's after another's, a logger's after a progress bar, one that begins with a time or with its step. These
# are sought with the character before them: "20" or "step" alone, which many lines have, would be looked at everywhere
_DATED = "|".join(f"{before}20{decade}" for before in (*"0123456789%s", r"\x7d") for decade in "23")
_STEPPED = "|".join(
    f"{before}{word}" for before in "0123456789" for word in ("step", "Step", "iter", "Iter", "epoch", "Epoch")
)
_GLUED = (
    r"[^\x0a\x0d\x08]\x5brank|it\x2fs|s\x2fit"
    r"|[^\x0a\x0d\x08\x09\x20\x28\x5b\x22\x27\x3d]\x28[A-Za-z_][^\x28\x29\x0a\x0d\x08]{0,80} pid=[0-9]"
    rf"|{_STEPPED}|(?:{_DATED})[0-9]-[0-9][0-9]-[0-9][0-9][ T][0-9][0-9]:"
)
# what `cleaned` takes away or replaces: control characters, and wide punctuation
_CONTROL = r"[\x00-\x07\x0b\x0c\x0e-\x1f\x7f]|\xef\xbc[\x85\x88\x89\x8c\x9a\x9d]"


class Hits(NamedTuple):
    """What was found in a block.

    Attributes:
        found: `offset << SHIFT | number` of every hit, in the order of the offsets: the offset is the end of the match, the
            number that of the expression, `Scanner.glued` (there may be two records on the line) or `Scanner.escaped`: the block may not show what the line says (a backslash in a JSON text,
            a piece of a line).
        blanks: offsets behind lines of nothing but blanks, in order.
        clean: whether there are no control characters and no wide punctuation in the block.
    """

    found: list[int]
    blanks: list[int]
    clean: bool


class Scanner:
    """All expressions of some formats, compiled together.

    Args:
        expressions: in Hyperscan's form; their numbers are their places.
    """

    def __init__(self, expressions: Sequence[str]) -> None:
        self.glued = len(expressions)
        self.escaped, blank, control = self.glued + 1, self.glued + 2, self.glued + 3
        whole = [*expressions, _GLUED, _ESCAPED, _BLANK, _CONTROL]
        flags = [0] * control + [hyperscan.HS_FLAG_SINGLEMATCH]
        self._database: Any = hyperscan.Database()
        self._database.compile(
            expressions=[each.encode() for each in whole], ids=list(range(len(whole))), elements=len(whole), flags=flags
        )
        self._lock = threading.Lock()
        self._found: list[int] = []
        self._blanks: list[int] = []
        self._controls: list[int] = []
        found, blanks, controls = self._found.append, self._blanks.append, self._controls.append

        def hit(number: int, _: int, end: int, __: int, ___: object) -> None:
            if number < blank:
                found(end << SHIFT | number)
            elif number == blank:
                blanks(end)
            else:
                controls(end)

        self._hit = hit

    def scan(self, block: bytes) -> Hits:
        """The hits in a block that begins with a line and ends with the end of one."""
        with self._lock:  # one block at a time: the memory that a scan needs belongs to the database
            self._database.scan(block, match_event_handler=self._hit)
            if (first := _FIRST_BLANK.match(block)) is not None:
                self._blanks.append(first.end())
            hits = Hits(sorted(self._found), sorted(self._blanks), not self._controls)
            self._found.clear()
            self._blanks.clear()
            self._controls.clear()
        return hits

    def ways(self, texts: Sequence[str]) -> list[Sequence[int]]:
        """For each single line the numbers of the expressions that hit it, in order."""
        encoded = [text.encode("utf-8", "replace").translate(_FLAT) for text in texts]
        found: list[set[int]] = [set() for _ in texts]
        place, end = 0, len(encoded[0]) if encoded else 0
        for hit in self.scan(b"\n".join(encoded) + b"\n").found:
            while hit >> SHIFT > end:
                place += 1
                end += 1 + len(encoded[place])
            if (number := hit & _NUMBER) < self.glued:
                found[place].add(number)
        return [sorted(each) for each in found]


@lru_cache(maxsize=8)
def scanner(expressions: tuple[str, ...]) -> Scanner | None:
    """A scanner for the expressions; None where Hyperscan is missing or one of them is nothing that it can find."""
    if hyperscan is None:
        log.warning("the package hyperscan is not installed: logs are read line by line, which is slower")
        return None
    if not all(expressions) or len(expressions) > _MOST:
        return None
    try:
        return Scanner(expressions)
    except hyperscan.HyperscanError as error:
        log.warning("hyperscan refuses an expression, logs are read line by line: %s", error)
        return None
