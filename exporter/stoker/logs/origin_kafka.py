"""Topics of Kafka: a stream for each that the records name, by a field, by their key or by their topic."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from stoker.errors import SourceError
from stoker.logs.ingest_body import UnreadableError, records_of
from stoker.logs.origin import Origin
from stoker.logs.streams import Batches, Streams
from stoker.sources.kafka import Kafka

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stoker.config.settings import KafkaSettings
    from stoker.logs.origin import Intake
    from stoker.sources.inbox import Record
    from stoker.sources.kafka import Message

_NAME = 256


class Topics(Origin):
    """See the module.

    Args:
        intake: of the source.
        settings: of this kind.
    """

    def __init__(self, intake: Intake, settings: KafkaSettings) -> None:
        self._settings = settings
        self._from_beginning = intake.settings.from_ == "beginning"
        self._streams = Streams(intake.limits.streams_per_source)
        self._kafka: Kafka | None = None
        self._kept: list[list[Any]] = []
        self._lost = 0

    @property
    def settled(self) -> bool:  # type: ignore[override]
        """See Origin."""
        return self._kafka is not None and self._kafka.caught_up

    def turn(self, intake: Intake, steady: float, stopping: Callable[[], bool]) -> None:
        """See Origin."""
        if self._kafka is None:
            properties = {**_properties(self._settings.properties_file), "group.id": str(self._settings.group)}
            properties["bootstrap.servers"] = ",".join(map(str, self._settings.brokers))
            topics = [str(each) for each in self._settings.topics]
            self._kafka = Kafka(properties, topics, from_beginning=self._from_beginning)
            self._kafka.restore(self._kept)
        batches = Batches(intake)
        try:
            for message in self._kafka.turn(steady):
                self._take(intake, batches, message)
                if stopping():
                    break
        finally:
            batches.flush()
            self.mark, self.behind = self._kafka.mark, self._kafka.behind
            self.files, self.lag = self._kafka.assigned, self._kafka.lag
            intake.lose("overwritten", self._kafka.lost - self._lost)
            self._lost = self._kafka.lost

    def _take(self, intake: Intake, batches: Batches, message: Message) -> None:
        value, now = message.value, intake.clock()
        stream = message.key.decode("utf-8", "replace")[:_NAME] or message.topic
        for record in _records(value, stream, str(self._settings.stream_field or ""), now):
            host = record.host
            reading = self._streams.reading(intake, (record.stream, host), record.stream, host)
            batches.add(reading, record.lines, record.when if record.when is not None else message.when)

    def saved(self) -> None:
        """See Origin."""
        if self._kafka is not None:
            self._kafka.saved()

    def state(self) -> dict[str, Any]:
        """See Origin."""
        return {"kafka": self._kept if self._kafka is None else self._kafka.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """See Origin."""
        self._kept = list(state.get("kafka", ()))

    def close(self) -> None:
        """See Origin."""
        if self._kafka is not None:
            self._kafka.close()


def _records(value: bytes, stream: str, field: str, now: float) -> list[Record]:
    """The records of a message; one that begins as JSON does and is none is a line, as a trainer's `{'loss': 0.5}`."""
    if value.lstrip()[:1] == b"{":
        with contextlib.suppress(UnreadableError):
            return records_of(value, "application/json", stream, field, now)
    return records_of(value, "text/plain", stream, field, now)


def _properties(path: str | None) -> dict[str, str]:
    """Properties of librdkafka from a file: `name=value` a line.

    Raises:
        SourceError: when it cannot be read.
    """
    if path is None:
        return {}
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line.strip() for line in file]
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}
