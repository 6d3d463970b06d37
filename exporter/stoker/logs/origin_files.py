"""Files, each a stream with an interpreter of its own that goes on across rotation and restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stoker.logs.origin import Origin
from stoker.sources.files_archives import Archive

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stoker.logs.engine_totals import StreamReading
    from stoker.logs.origin import Intake
    from stoker.sources.files import Follower
    from stoker.sources.files_event import Event
    from stoker.sources.files_followed import FollowedFile

_CONTEXT = 262_144
_FORMER = 64


class Files(Origin):
    """See the module.

    Args:
        follower: follows the files.
    """

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._readings: dict[FollowedFile | Archive, StreamReading] = {}
        self._former: dict[str, StreamReading] = {}
        self._restored = False

    def turn(self, intake: Intake, steady: float, stopping: Callable[[], bool]) -> None:
        """See Origin."""
        for event in self._follower.turn(steady):
            self._event(intake, event)
            if stopping():
                break
        self.behind = self._follower.behind
        self.files, self.lag = self._follower.count, self._follower.lag

    @property
    def rotations(self) -> int:  # type: ignore[override]
        """See Origin."""
        return self._follower.rotations

    @property
    def truncations(self) -> int:  # type: ignore[override]
        """See Origin."""
        return self._follower.truncations

    @property
    def partial(self) -> int:  # type: ignore[override]
        """See Origin."""
        return sum(file.partial for file in self._readings)

    def _event(self, intake: Intake, event: Event) -> None:
        file = event.file
        if event.kind == "opened":
            self.opened += 1
        elif event.kind == "data":
            intake.feed(self._reading(intake, file), event.data, None)
        elif event.kind == "left":
            self._readings.pop(file, None)
        elif file in self._readings:
            intake.flush(self._readings[file])
            file.end_line()
            if event.kind == "ended":
                self._former[file.log] = self._readings.pop(file)
                if len(self._former) > _FORMER:
                    del self._former[next(iter(self._former))]

    def _reading(self, intake: Intake, file: FollowedFile | Archive) -> StreamReading:
        found = self._readings.get(file)
        if found is None:
            found = intake.open(file.log, "", file.start == 0)
            self._know(intake, found, file)
            self._readings[file] = found
        return found

    def _know(self, intake: Intake, reading: StreamReading, file: FollowedFile | Archive) -> None:
        """Let the interpreter know what came before: a log goes on in the file that takes its name, and after a restart."""
        same = file.path == file.log or isinstance(file, Archive)
        former = next((each for each in self._readings if each.log == file.log), None)
        older = self._former.pop(file.log, None) if same else None
        if same and file.start == 0 and former is not None and not former.partial:
            older = self._readings.pop(former)
        if older is not None:
            reading.interpreter = older.interpreter
        else:
            if same and self._restored and file.start < _CONTEXT:
                intake.recall(reading, file.former(_CONTEXT))
                reading.interpreter.flush()
            before = file.before(_CONTEXT)
            # where nothing has ended the last line, it is one all the same, and what follows another one
            intake.recall(reading, before + b"\n" * (before[-1:] not in (b"", b"\n", b"\r", b"\b")))
        reading.forget()

    def state(self) -> dict[str, Any]:
        """See Origin."""
        files = {"files": self._follower.state(), "looking": not self._follower.started}
        return {**files, "archives": self._follower.archives.state(), "faults": self._follower.faults.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """See Origin."""
        self._restored = True
        if "files" in state:
            self._follower.restore(state["files"], looking=bool(state.get("looking")))
        if "archives" in state:
            self._follower.archives.restore(state["archives"])
        if "faults" in state:
            self._follower.faults.restore(state["faults"])

    def close(self) -> None:
        """See Origin."""
        self._follower.close()
