"""The parent's end of the NVML child: starts it, asks it, and ends it when a call does not return.

A thread in a driver call that hangs cannot be ended, a process can: SIGKILL works unless the call sleeps uninterruptibly in the kernel. Such
a child is left behind and counted; while MOST_LEFT of them are there no further one is started.
"""

from __future__ import annotations

import importlib.util
import json
import math
import mmap
import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from stoker.errors import SourceError
from stoker.sources.nvml_events import EVENT_CALLS, EventPipe
from stoker.sources.nvml_lost import STARTING, EndedError, HungError, SlowError, StartError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

_ANNOUNCEMENT = struct.Struct("<dq80s")  # as in nvml_calls, which cannot be imported here: it loads pynvml
_START_LIMIT = 20.0
_WAKE_LIMIT = 1.0
"""At least so long a child that has answered before may take to begin; one that is stopped does not."""
_LOOK = 0.2
"""How often the running call is looked at, by the deadline: a hang is seen this much late at most."""
_SLOW_CALLS = {"nvmlInit": 6.0}
"""Calls that may take this many times longer: without persistence mode the driver wakes up every GPU in it, a second or two each."""
_KILL_LIMIT = 1.0
_KILL_LEAST = 0.1
_CHUNK = 1 << 16
_NO_CALL = ("", "start", "idle")
"""Names in the announcement while no call is made: before the first request, after one was made, after its answer."""
MOST_LEFT = 4
_ROOT = str(Path(__file__).resolve().parents[2])
_PROGRAM = "import sys; sys.path[:0] = sys.argv[3:]; from stoker.sources.nvml_child import main; main()"


class NvmlProcess:
    """A child, started when first asked.

    Attributes:
        events: where its children, one after another, tell the events that they find.

    Args:
        env: the child's environment; LD_LIBRARY_PATH decides which library it finds.
        deadline: seconds that one call may take.
    """

    def __init__(self, env: Mapping[str, str], deadline: float) -> None:
        self._env = dict(env)
        self._deadline = deadline
        self._process: subprocess.Popen[bytes] | None = None
        self._shared: mmap.mmap | None = None
        self._rest = b""
        self.answered = False
        self._left: list[subprocess.Popen[bytes]] = []
        self._until = math.inf
        self.started = 0
        self.events = EventPipe()

    @property
    def running(self) -> bool:
        """Whether there is a child that can be asked."""
        return self._process is not None

    @property
    def pid(self) -> int | None:
        """Of the child."""
        return self._process.pid if self._process else None

    @property
    def rested(self) -> float | None:
        """Monotonic seconds since when a child that waits to be asked does nothing: it has looked for events just before; None for any other."""
        if self._shared is None:
            return None
        begun, _, call = _ANNOUNCEMENT.unpack_from(self._shared, 0)
        return float(begun) if call.rstrip(b"\0") == b"idle" else None

    def left(self) -> int:
        """How many children could not be killed and still exist."""
        self._left[:] = [process for process in self._left if process.poll() is None]
        return len(self._left)

    def ask(
        self,
        skip: Iterable[int],
        patience: Callable[[int], float] = lambda _: math.inf,
        until: float = math.inf,
        *,
        watch: Iterable[int] = (),
        events: bool = True,
    ) -> Generator[dict[str, Any], None, None]:
        """Ask for everything and give the answers as they come, without the last.

        Args:
            skip: indices of devices to leave out.
            patience: seconds after which a call of this device is told to take long.
            until: monotonic seconds at which a call counts as hung, though it may have begun late.
            watch: indices of devices that are left out since another child has read them; this one looks for their events.
            events: whether it looks for events from now on.

        Raises:
            SlowError: a call takes long; the child can be set aside.
            HungError: a call did not return; the child is dead.
            EndedError: the child ended by itself.
            StartError: it could not be started.
            SourceError: too many of its predecessors hang in the driver.
        """
        if self._process is None:
            self._start()
        self._announce()
        process = self._process
        assert process is not None
        assert process.stdin is not None
        request = json.dumps({"skip": sorted(skip), "watch": sorted(watch), "events": events}).encode() + b"\n"
        try:
            process.stdin.write(request)
            process.stdin.flush()
        except OSError as error:
            raise self._ended(process) from error
        complete = False
        self._until = until
        try:
            while not complete:
                answer = self._answer(process, patience)
                self.answered = True
                complete = "end" in answer
                if not complete:
                    yield answer
                if "fatal" in answer:
                    return
        except SlowError:
            complete = True  # what it has still to say is for who waits for it
            raise
        finally:
            if not complete:
                self.end()  # what it has still to say would be taken for the answer to the next request

    def set_aside(self) -> NvmlProcess:
        """The child, with the call that it makes, as one of its own; this one starts another child when it is asked next.

        It is asked nothing more and looks for no events after its answers: each event comes to every child that looks for it.
        """
        aside = NvmlProcess(self._env, self._deadline)
        aside._process, aside._shared, aside._rest = self._process, self._shared, self._rest
        aside._left, aside.events = self._left, self.events
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process, self._shared, self._rest = None, None, b""
        return aside

    def finish(self, until: float) -> dict[str, Any]:
        """The answer that a child which was set aside owes.

        Args:
            until: as of `ask`.

        Raises:
            HungError, EndedError: as by `ask`.
        """
        assert self._process is not None
        self._until = until
        return self._answer(self._process)

    def kill(self) -> None:
        """Kill the child from another thread; who is waiting for it sees its end."""
        process = self._process
        if process is not None:
            process.kill()

    def end(self) -> None:
        """End the child. Never waits longer than a second, and not long when a look is out of time."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what was not yet written to a dead child
                    pipe.close()
        if self._shared is not None:
            self._shared.close()
            self._shared = None
        self._rest = b""
        try:
            process.wait(min(_KILL_LIMIT, max(_KILL_LEAST, self._until - time.monotonic())))
        except subprocess.TimeoutExpired:
            self._left.append(process)

    def _start(self) -> None:
        if self.left() >= MOST_LEFT:
            raise SourceError(
                f"{MOST_LEFT} NVML processes hang in the driver and cannot be killed; not starting another"
            )
        found = importlib.util.find_spec("pynvml")
        if found is None or found.origin is None:
            raise StartError("the Python package nvidia-ml-py is not installed")
        try:
            self._spawn(os.path.dirname(found.origin))
        except OSError as error:
            if self._shared is not None:
                self._shared.close()
                self._shared = None
            raise StartError(f"cannot start the NVML process: {error.strerror}") from error
        self.answered = False
        self.started += 1

    def _spawn(self, packages: str) -> None:
        with _memory() as file:
            os.truncate(file.fileno(), _ANNOUNCEMENT.size)
            self._shared = mmap.mmap(file.fileno(), _ANNOUNCEMENT.size)
            events = self.events.writer()
            # -I -S: no user's site, no start-up files: 6 MB less, and nothing of the environment changes what is imported
            command = [
                sys.executable,
                "-I",
                "-S",
                "-c",
                _PROGRAM,
                str(file.fileno()),
                str(events),
                _ROOT,
                packages,
            ]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._env,
                pass_fds=(file.fileno(), events),
                start_new_session=True,  # Ctrl-C on the terminal is the parent's to handle
            )

    def _answer(
        self, process: subprocess.Popen[bytes], patience: Callable[[int], float] = lambda _: math.inf
    ) -> dict[str, Any]:
        """The child's next answer."""
        line = self._line(process, patience)
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict):
            return found
        _, index, call = self._announced()
        self.end()
        raise EndedError("answered what cannot be read", call, index)

    def _ended(self, process: subprocess.Popen[bytes]) -> EndedError:
        """What became of a child that ended by itself."""
        _, index, call = self._announced()
        try:
            code = process.wait(_KILL_LIMIT)
        except subprocess.TimeoutExpired:
            why = "closed its output"
        else:
            why = f"ended by {_signal_name(-code)}" if code < 0 else f"ended with exit code {code}"
        self.end()
        return EndedError(why, call, index)

    def _line(self, process: subprocess.Popen[bytes], patience: Callable[[int], float]) -> bytes:
        """The child's next line."""
        assert process.stdout is not None
        output = process.stdout.fileno()
        waiting = select.poll()
        waiting.register(output, select.POLLIN)
        while b"\n" not in self._rest:
            now = time.monotonic()
            begun, index, call = self._announced()
            limit = min(begun + self._limit(index, call), self._until)
            slow = begun + patience(index) if index >= 0 and call not in EVENT_CALLS else math.inf
            # the call changes while this waits, so that it looks again before the call that it saw would be overdue
            if not waiting.poll(max(0.0, min(limit - now, slow - now, self._deadline * _LOOK)) * 1000 + 1):
                if now >= limit:
                    self.end()
                    raise HungError(call, index, limit - begun)
                if now >= slow:
                    raise SlowError(call, index)
                continue
            data = os.read(output, _CHUNK)
            if not data:
                raise self._ended(process)
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _limit(self, index: int, call: str) -> float:
        if index != STARTING:
            return self._deadline * _SLOW_CALLS.get(call, 1.0)
        return max(self._deadline, _WAKE_LIMIT) if self.answered else _START_LIMIT

    def _announce(self) -> None:
        """The child is asked now, and has not made a call since, unless it looks for events: that call keeps its name and its time."""
        assert self._shared is not None
        if self._announced()[2] not in _NO_CALL:
            return
        self._shared[:] = _ANNOUNCEMENT.pack(time.monotonic(), STARTING, b"start")

    def _announced(self) -> tuple[float, int, str]:
        assert self._shared is not None
        begun, index, packed = _ANNOUNCEMENT.unpack_from(self._shared, 0)
        call = packed.rstrip(b"\0").decode(errors="replace")
        return (begun, STARTING, "start") if call == "idle" else (begun, index, call)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _memory() -> IO[bytes]:
    """A file to share; only in memory where the system can."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("stoker-nvml"), "r+b")
    return tempfile.TemporaryFile()
