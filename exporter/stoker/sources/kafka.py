"""Reads topics of Kafka as a member of a consumer group, with positions that are kept beside the counters.

A partition is read from where this exporter saved it or from where its group has committed it, whichever is later. What is committed is
saved before, so that a kill counts nothing twice; when a partition goes to another member, what was read so far is committed at once.
The one module that imports confluent_kafka, which is installed by the extra `stoker[kafka]`.
"""

from __future__ import annotations

import importlib
import logging
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from stoker.errors import SourceError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

log = logging.getLogger(__name__)

_MESSAGES = 500
_TURN = 16
_PATIENCE = 0.02
_ANSWER = 3.0
_AGAIN = 10.0
_DEFAULTS = {"session.timeout.ms": "10000", "client.id": "stoker"}
"""For what the properties do not say: partitions of a member that was killed are read again after ten seconds."""
_LASTING = 30.0
"""Seconds after which an error that the library did not tell again is over: it tries every ten."""


class Message(NamedTuple):
    """A record.

    Attributes:
        topic: where it was.
        key: empty where there is none.
        value: its bytes.
        when: seconds since the epoch; None when it has no time.
    """

    topic: str
    key: bytes
    value: bytes
    when: float | None


class Kafka:
    """See the module.

    Attributes:
        behind: whether there was more to read than the last turn allowed.
        assigned: partitions that this member reads.
        lag: bytes that are there and not read, by the mean size of what was read.
        lost: times that records were removed before they were read.
        mark: changes with the positions.

    Args:
        properties: of librdkafka; `bootstrap.servers` and `group.id` at least.
        topics: to read.
        from_beginning: whether records older than the group's first start are read.
    """

    def __init__(self, properties: Mapping[str, str], topics: Sequence[str], *, from_beginning: bool) -> None:
        self._properties = dict(properties)
        self._topics = list(topics)
        self._from_beginning = from_beginning
        self._library: Any = None
        self._consumer: Any = None
        self._positions: dict[tuple[str, int], int] = {}
        self._committed: dict[tuple[str, int], int] = {}
        self._owned: set[tuple[str, int]] = set()
        self._ends: dict[tuple[str, int], int] = {}
        self._not_before = 0.0
        self._now = 0.0
        self._failure: SourceError | None = None
        self._said = ("", 0.0)
        self._bytes = self._records = 0
        self.behind = False
        self.lost = 0
        self.mark = 0

    @property
    def caught_up(self) -> bool:
        """Whether all is read that the partitions had when this member got them; without any, they are yet to come."""
        return bool(self._owned) and all(self._positions[key] >= self._ends[key] for key in self._owned)

    @property
    def assigned(self) -> int:
        """See the class."""
        return len(self._owned)

    def turn(self, steady: float) -> Iterator[Message]:
        """The records that are there now.

        Args:
            steady: seconds of a steady clock.

        Raises:
            UnavailableError: when confluent_kafka is not installed.
            SourceError: when brokers cannot be reached, or refuse.
        """
        self.behind, self._now = False, steady
        if self._consumer is None:
            if self._failure is not None and steady < self._not_before:
                raise self._failure
            self._not_before = steady + _AGAIN
        whole = False
        try:
            if self._consumer is None:
                self._open()
            yield from self._read()
            self._failure, whole = None, True
        except SourceError as error:
            self._failure = error
            raise
        finally:
            if not whole:  # what was fetched and not taken is fetched again
                self.close()
        said, since = self._said
        if said and steady - since < _LASTING:
            raise SourceError(said)

    def _read(self) -> Iterator[Message]:
        for _ in range(_TURN):
            try:
                found = self._consumer.consume(_MESSAGES, _PATIENCE)
            except (self._library.KafkaException, RuntimeError) as error:
                raise SourceError(f"kafka: {error}") from error
            for message in found:
                if (wrong := message.error()) is not None:
                    raise SourceError(f"kafka: {wrong.str()}")
                self._said = ("", 0.0)
                value = message.value() or b""
                self._records += 1
                self._bytes += len(value)
                self._positions[message.topic(), message.partition()] = message.offset() + 1
                self.mark += 1
                kind, milliseconds = message.timestamp()
                when = milliseconds / 1000 if kind != self._library.TIMESTAMP_NOT_AVAILABLE else None
                yield Message(message.topic(), message.key() or b"", value, when)
            if not found:
                return
        self.behind = True

    def _open(self) -> None:
        try:
            self._library = importlib.import_module("confluent_kafka")
        except ImportError as error:
            raise UnavailableError("confluent-kafka is not installed: pip install 'stoker[kafka]'") from error
        ours = {
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            # where a position is unknown it is asked for; this is for a log that is cut while it is read
            "auto.offset.reset": "earliest",
            "error_cb": self._error,
            "logger": log,
        }
        try:
            self._consumer = self._library.Consumer({**_DEFAULTS, **self._properties, **ours})
            self._consumer.subscribe(self._topics, on_assign=self._assign, on_revoke=self._revoke, on_lost=self._drop)
        except (self._library.KafkaException, ValueError, TypeError) as error:
            raise SourceError(f"kafka: {error}") from error

    def _error(self, error: Any) -> None:  # noqa: ANN401 - the library's type
        self._said = (f"kafka: {error.str()}", self._now)

    def _assign(self, consumer: Any, partitions: Sequence[Any]) -> None:  # noqa: ANN401 - the library's types
        committed = {(each.topic, each.partition): each.offset for each in consumer.committed(partitions, _ANSWER)}
        for each in partitions:
            key = (each.topic, each.partition)
            first, end = consumer.get_watermark_offsets(each, timeout=_ANSWER)
            known = max(self._positions.get(key, -1), committed[key])
            each.offset = known if known >= 0 else (first if self._from_beginning else end)
            if not first <= each.offset <= end:
                self.lost += 1
                each.offset = first
            self._positions[key], self._ends[key] = each.offset, end
            self._owned.add(key)
        self.mark += 1
        consumer.assign(partitions)

    def _revoke(self, _: object, partitions: Sequence[Any]) -> None:
        """The next member goes on where this one ended."""
        self._commit(wait=True)
        self._drop(_, partitions)

    def _drop(self, _: object, partitions: Sequence[Any]) -> None:
        self._owned -= {(each.topic, each.partition) for each in partitions}

    def saved(self) -> None:
        """What was read is saved, so that the group may know."""
        self._commit(wait=False)

    def _commit(self, *, wait: bool) -> None:
        due = {key: self._positions[key] for key in self._owned if self._positions[key] != self._committed.get(key)}
        if self._consumer is None or not due:
            return
        offsets = [self._library.TopicPartition(*key, offset) for key, offset in due.items()]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=not wait)
        except self._library.KafkaException as error:
            log.warning("positions are not committed, the next save tries again why=%s", error)
        else:
            self._committed |= due

    @property
    def lag(self) -> int:
        """See the class."""
        if self._consumer is None or not self._records:
            return 0
        left = 0
        for key in self._owned:
            place = self._library.TopicPartition(*key)
            _, end = self._consumer.get_watermark_offsets(place, cached=True)
            left += max(0, end - self._positions[key])
        return left * self._bytes // self._records

    def state(self) -> list[list[Any]]:
        """Positions, as plain values."""
        return [[topic, partition, offset] for (topic, partition), offset in sorted(self._positions.items())]

    def restore(self, state: Sequence[Sequence[Any]]) -> None:
        """Take over what `state` gave."""
        self._positions = {(str(topic), int(partition)): int(offset) for topic, partition, offset in state}

    def close(self) -> None:
        """Leave the group, if that does not take long."""
        consumer, self._consumer = self._consumer, None
        self._owned.clear()
        if consumer is not None:
            thread = threading.Thread(target=consumer.close, daemon=True)
            thread.start()
            thread.join(1.0)
