"""A bounded place between threads that are sent lines and the one that reads them; whoever sends may wait until they are saved."""

from __future__ import annotations

import threading
from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Record(NamedTuple):
    """Lines of one stream.

    Attributes:
        stream: its name; empty for the one without.
        lines: each with its end.
        when: seconds since the epoch, for lines that name no time; None when nothing says it.
        host: that wrote them; empty when nothing says it.
    """

    stream: str
    lines: bytes
    when: float | None
    host: str = ""


class End(Enum):
    """How a delivery ended."""

    SAVED = "saved"
    REPEATED = "repeated"
    REFUSED = "refused"


class Delivery:
    """What came with one request.

    Args:
        records: in the order in which they are read.
        key: by which a repetition is known; empty for none.
    """

    def __init__(self, records: Sequence[Record], key: str = "") -> None:
        self.records = records
        self.key = key
        self.size = sum(len(record.lines) for record in records)
        self.repeated = False
        self._end: End | None = None
        self._ended = threading.Event()

    def end(self, how: End) -> None:
        """Tell whoever waits; only the first end counts."""
        self._end = self._end or how
        self._ended.set()

    def wait(self, seconds: float) -> End | None:
        """How it ended; None when it has not within `seconds`."""
        self._ended.wait(seconds)
        return self._end


class Inbox:
    """Deliveries that were not read yet.

    Args:
        most: bytes of lines that may wait.
        wake: called when something has come.
    """

    def __init__(self, most: int, wake: Callable[[], None]) -> None:
        self._most = most
        self._wake = wake
        self._lock = threading.Lock()
        self._waiting: deque[Delivery] = deque()
        self._size = 0
        self._closed = False

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return self._size

    @property
    def full(self) -> bool:
        """Whether no byte more is taken now."""
        return self._size >= self._most

    def put(self, delivery: Delivery) -> bool:
        """Take a delivery in; False when there is no room for it, or nobody will read it any more.

        One that alone is larger than the room is taken when nothing else waits.
        """
        with self._lock:
            if self._closed or (self._waiting and self._size + delivery.size > self._most):
                return False
            self._waiting.append(delivery)
            self._size += delivery.size
        self._wake()
        return True

    def take(self) -> Delivery | None:
        """The oldest delivery; None when none waits."""
        with self._lock:
            if not self._waiting:
                return None
            delivery = self._waiting.popleft()
            self._size -= delivery.size
            return delivery

    def withdraw(self, delivery: Delivery) -> bool:
        """Take one back that nobody has read; whether that was still possible."""
        with self._lock:
            if delivery not in self._waiting:
                return False
            self._waiting.remove(delivery)
            self._size -= delivery.size
            return True

    def close(self) -> None:
        """Refuse what waits and what comes."""
        with self._lock:
            self._closed = True
            left = list(self._waiting)
            self._waiting.clear()
            self._size = 0
        for delivery in left:
            delivery.end(End.REFUSED)
