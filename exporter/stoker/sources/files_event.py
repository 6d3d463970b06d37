"""What a follower tells of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from stoker.sources.files_archives import Archive
    from stoker.sources.files_followed import FollowedFile


class Event(NamedTuple):
    """What happened to a file.

    Attributes:
        kind: `opened` (data may follow from its offset), `data`, `line` (the last line has ended, though nothing ends it), `cut`
            (the same, and what follows begins anew), `ended` (the same, and nothing follows, or after a long pause and as a file
            opened again), `left` (nothing follows, either, and a line that has not ended is given again as a whole: later, or by
            another file).
        file: the file.
        data: the bytes, for `data`.
    """

    kind: Literal["opened", "data", "line", "cut", "ended", "left"]
    file: FollowedFile | Archive
    data: bytes = b""
