"""Lines that others push over HTTP: taken from an inbox, each delivery whole, a repeated one once.

The keys of deliveries are saved with the counters, so that a sender that got no answer, since the exporter was killed or the network
failed, sends again without counting twice. A delivery is answered once it is saved.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from stoker.logs.origin import Origin
from stoker.logs.streams import Batches, Streams
from stoker.sources.inbox import Delivery, End, Inbox
from stoker.sources.secret import SecretFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stoker.config.settings import IngestSettings
    from stoker.logs.origin import Intake

_DIGEST = 8
_TURN = 4 * 2**20
"""Bytes of lines after which it is another source's turn."""


class Ingest(Origin):
    """See the module. Any thread may ask for what has a docstring that says so; the rest is the engine's.

    Attributes:
        inbox: where deliveries are put, by any thread.
        settings: of this kind.
        body_size: bytes that one delivery may have.

    Args:
        intake: of the source.
        settings: of this kind.
    """

    pushed = True
    again = False

    def __init__(self, intake: Intake, settings: IngestSettings) -> None:
        limits = intake.limits
        self.settings = settings
        self.body_size = int(limits.ingest_body)
        self.inbox = Inbox(int(limits.push_queue), intake.wake)
        self._token = SecretFile(str(settings.token_file)) if settings.token_file is not None else None
        self._name = str(intake.settings.name)
        self._streams = Streams(limits.streams_per_source)
        self._most_keys = limits.ingest_keys
        self._keys: OrderedDict[str, None] = OrderedDict()
        self._taken: list[Delivery] = []

    def admits(self, token: str) -> bool:
        """Whether who shows this token may push; any thread may ask.

        Raises:
            SourceError: when the file of the token cannot be read.
        """
        return self._token is None or self._token.equals(token)

    @property
    def waiting(self) -> bool:  # type: ignore[override]
        """See Origin."""
        return bool(self._taken)

    def turn(self, intake: Intake, steady: float, stopping: Callable[[], bool]) -> None:  # noqa: ARG002 - nothing depends on time
        """See Origin."""
        size = 0
        while size < _TURN and not stopping() and (delivery := self.inbox.take()) is not None:
            self._taken.append(delivery)
            size += delivery.size
            if not self._known(delivery):
                batches = Batches(intake)
                for record in delivery.records:
                    key = (record.stream, record.host)
                    reading = self._streams.reading(intake, key, record.stream or self._name, record.host)
                    batches.add(reading, record.lines, record.when)
                batches.flush()
            else:
                delivery.repeated = True
                intake.lose("repeated", 1)
        self.lag = self.inbox.size
        self.behind = self.lag > 0
        if self._token is not None:
            self._token.check()  # the others get no answer without it, and the source says why

    def _known(self, delivery: Delivery) -> bool:
        """Whether a delivery of the same key was read before; from now on it is known."""
        if not delivery.key:
            return False
        digest = blake2b(delivery.key.encode("utf-8", "surrogateescape"), digest_size=_DIGEST).hexdigest()
        known = digest in self._keys
        self._keys[digest] = None
        self._keys.move_to_end(digest)
        if len(self._keys) > self._most_keys:
            self._keys.popitem(last=False)
        return known

    def saved(self) -> None:
        """See Origin."""
        taken, self._taken = self._taken, []
        for delivery in taken:
            delivery.end(End.REPEATED if delivery.repeated else End.SAVED)

    def state(self) -> dict[str, Any]:
        """See Origin."""
        return {"keys": "".join(self._keys)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """See Origin."""
        text = str(state.get("keys", ""))
        size = 2 * _DIGEST
        self._keys = OrderedDict.fromkeys(text[start : start + size] for start in range(0, len(text), size))

    def close(self) -> None:
        """See Origin."""
        self.inbox.close()
        for delivery in self._taken:
            delivery.end(End.REFUSED)
