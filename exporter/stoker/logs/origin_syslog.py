"""Syslog that others send: a stream for each host, program and process, so that what they write at the same time does not mix.

Syslog has no answer, so that what was received and not yet saved is lost when the exporter is killed; an orderly end reads it first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from stoker.logs.origin import Origin
from stoker.logs.streams import Batches, Streams
from stoker.logs.times import line_time
from stoker.sources.syslog import Receiver
from stoker.sources.syslog_message import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from stoker.config.settings import SyslogSettings
    from stoker.logs.origin import Intake

_TURN = 2**20
"""Bytes after which it is another source's turn."""


class Syslog(Origin):
    """See the module.

    Attributes:
        receiver: listens.

    Args:
        intake: of the source.
        settings: of this kind.
    """

    pushed = True
    again = False

    def __init__(self, intake: Intake, settings: SyslogSettings) -> None:
        limits = intake.limits
        self.receiver = Receiver(
            str(settings.listen),
            settings.protocol,
            queue=int(limits.push_queue),
            longest=int(limits.line_length),
            wake=intake.wake,
        )
        self._streams = Streams(limits.streams_per_source)
        zone = intake.settings.timezone
        self._zone = ZoneInfo(str(zone)) if zone else None

    def turn(self, intake: Intake, steady: float, stopping: Callable[[], bool]) -> None:  # noqa: ARG002 - nothing depends on time
        """See Origin."""
        if not stopping():
            self.receiver.open()
        now = intake.clock()
        batches = Batches(intake)
        for received in self.receiver.take(_TURN):
            self.waiting = True
            message = parse(received.data)
            host = message.host or received.sender
            key = (host, message.app, message.process)
            name = f"{host}/{message.app or intake.settings.name}"
            reading = self._streams.reading(intake, key, name, host)
            form = "iso" if message.when[:1].isdigit() else "%b %d %H:%M:%S"
            when = line_time(message.when, form, self._zone, now) if message.when else None
            batches.add(reading, message.text.rstrip(b"\r\n\0") + b"\n", when)
        batches.flush()
        for reason, count in self.receiver.lost().items():
            intake.lose(reason, count)
        self.lag = self.receiver.size
        self.behind = self.lag > 0

    def close(self) -> None:
        """See Origin."""
        self.receiver.close()
