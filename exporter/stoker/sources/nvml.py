"""The gate to NVIDIA's management library: one look at all GPUs, through a child process.

No library, or no driver, is a normal state (UnavailableError). The library is looked for again when the driver's files in /proc change and
once an hour; a NVML that failed otherwise is asked again after half a minute. A call that hangs or crashes costs its device a pause, longer
each time, and nobody else anything: the child is replaced at once and the other GPUs are read in the same round.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stoker.errors import SourceError, UnavailableError
from stoker.sources.nvml_answers import is_failure
from stoker.sources.nvml_aside import Aside
from stoker.sources.nvml_events import EVENT_CALLS
from stoker.sources.nvml_known import KnownGpus
from stoker.sources.nvml_lost import STARTING, EndedError, HungError, SlowError, StartError
from stoker.sources.nvml_pauses import LIBRARY, Pauses
from stoker.sources.nvml_process import MOST_LEFT, NvmlProcess
from stoker.sources.nvml_round import Round, by_index, index_of
from stoker.sources.nvml_running import running
from stoker.sources.nvml_unwatched import Unwatched
from stoker.sources.nvml_values import ErrorKey, Gpu, Snapshot
from stoker.sources.pci import Bus
from stoker.sources.processes import boot_id
from stoker.sources.pseudofile import read_if_there

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    from stoker.sources.nvml_events import XidEvent

log = logging.getLogger(__name__)

_NO_DRIVER = frozenset({"LIBRARY_NOT_FOUND", "DRIVER_NOT_LOADED"})
_LOOK_AGAIN = 3600.0
_TRY_AGAIN = 30.0
_RENEW_EVERY = 300.0
_KEEP = 120.0
_CALL = 0.6
"""Of a look's time that one call may have, for that of the others to be enough."""
_FAIR = 0.5
"""Of the time that one call may have: one that had less when the look was over is asked again in the next one, and not called hung."""
_NO_EVENTS = 900.0
"""Seconds without events after one of their calls was lost: the kernel's log has them too, and the readings do not need these calls."""


class NvmlGate:
    """All GPUs of this machine.

    Attributes:
        looked: whether a first look has ended, whatever it found.

    Args:
        sysfs: usually /sys.
        procfs: usually /proc.
        memory: a small mapping that the application keeps across restarts.
        clock: seconds since the epoch.
        monotonic: seconds that never go back; also of the pauses.
        env: the child's environment, and where NVIDIA_VISIBLE_DEVICES is looked up.
        deadline: seconds that one NVML call may take.
        budget: seconds that one look may take when calls hang; the first one at least `deadline` more when NVML's start has taken long.
        process_user: `off`, `uid` or `name`: whether processes are told with their user.
        root: where /dev, and the files by which a container is known, are.
        process: speaks with NVML in place of a child of its own: one that records, or a recording.
    """

    def __init__(  # noqa: PLR0913 - everything of the outside world can be moved by a test
        self,
        *,
        sysfs: Path = Path("/sys"),
        procfs: Path = Path("/proc"),
        memory: MutableMapping[str, object] | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        env: Mapping[str, str] | None = None,
        deadline: float = 5.0,
        budget: float = 8.5,
        process_user: str = "off",
        root: Path = Path("/"),
        process: NvmlProcess | None = None,
    ) -> None:
        self.procfs = procfs
        self.process_user = process_user
        self._version = f"{procfs}/driver/nvidia/version"
        self._clock = clock
        self._monotonic = monotonic
        self._env = dict(os.environ if env is None else env)
        self._deadline = deadline
        self._budget = budget
        self._known = KnownGpus({} if memory is None else memory)
        self._bus = Bus(sysfs, root, self._env)
        self._process = NvmlProcess(self._env, deadline) if process is None else process
        self._lock = threading.Lock()
        self._closed = False
        self._errors: dict[ErrorKey, int] = {}
        self._pauses = Pauses()
        self._aside = Aside()
        self._slow: set[int] = set()
        self._blocked: tuple[float, str, str, object] | None = None
        self._driver: object = None
        self._renew_at = 0.0
        self._seen = 0
        self._last: tuple[float, Snapshot] | None = None
        self._missed: set[str] = set()
        self._events_at = 0.0
        self._unwatched = Unwatched()
        self._renew = False
        self.looked = False

    def snapshot(self, fresh: float = 0.0) -> Snapshot:
        """Look at all GPUs, or give a look that is at most `fresh` seconds old.

        Raises:
            UnavailableError: there is no driver here, and no GPU was ever known.
            SourceError: the process that speaks with NVML does not start, so that nothing is known of any GPU.
        """
        with self._lock:
            now = self._monotonic()
            if self._last is not None and fresh and now - self._last[0] <= fresh:
                return self._last[1]
            try:
                found = self._look(now)
            finally:
                self.looked = True
            self._last = (now, found)
            return found

    def events(self) -> list[XidEvent]:
        """The XIDs that NVML told since the last time, without looking; those that had no room are counted as an error."""
        found = self._process.events.take()
        if lost := sum(event.lost for event in found):
            key = ErrorKey("", "", "nvmlEventSetWait_v2", "INSUFFICIENT_SIZE")
            self._errors[key] = self._errors.get(key, 0) + lost
        return found

    def processes(self) -> frozenset[int] | None:
        """Numbers of the processes on all GPUs as of the last look, without looking; None when that told nothing of them."""
        last = self._last
        if last is None or self._monotonic() - last[0] > _KEEP:
            return None
        lists = [rows for gpu in last[1].gpus for rows in running(gpu).values()]
        return frozenset(row.pid for rows in lists for row in rows) if lists else None

    def identify(self, pci_bus_id: str) -> tuple[str, str] | None:
        """Index and uuid of the GPU at a PCI address (`PCI:0000:91:00`, `00000000:91:00.0`, `0000:91:00.0`), also of one that is gone."""
        return self._known.identify(pci_bus_id)

    def forget(self, uuid: str) -> bool:
        """Forget a GPU that is gone for good; whether it was known."""
        return self._known.forget(uuid)

    def close(self) -> None:
        """End the child, within a second; a look that is under way fails."""
        self._closed = True
        self._process.events.close()
        self._process.kill()
        self._aside.kill()
        if self._lock.acquire(timeout=1.0):
            try:
                self._process.end()
            finally:
                self._lock.release()

    def _look(self, now: float) -> Snapshot:
        driver = read_if_there(self._version)  # changes when the driver is loaded, unloaded or replaced
        if driver != self._driver:
            # loaded, unloaded or updated: a library that is loaded already would not fit any more
            self._driver = driver
            self._blocked = None
            self._pauses.clear()
            self._slow.clear()
            self._process.end()
        failures: list[str] = []
        devices: int | None = 0
        gpus: list[Gpu] = []
        unread: set[int] = set()
        if self._closed:
            raise SourceError("the gate to NVML is closed")
        if self._blocked is None or now >= self._blocked[0]:
            self._blocked = None
            devices, gpus, unread = self._ask(now, failures)
        if self._blocked is not None:
            _, call, error, _ = self._blocked
            failures.append(f"{call}: {error}")
            devices = None if error in _NO_DRIVER else 0
            self._known.note((), self._clock())
            if devices is None and not self._known.gone(()):
                raise UnavailableError(
                    "no NVIDIA driver is loaded"
                    if error == "DRIVER_NOT_LOADED"
                    else "no libnvidia-ml.so.1 is installed"
                )
        gone = [gpu for gpu in self._known.gone([gpu.uuid for gpu in gpus]) if index_of(gpu) not in unread]
        if self._blocked is None:
            failures += [f"GPU {gpu.gpu} ({gpu.uuid}) was known and is gone" for gpu in gone]
            for gpu in gone:
                if gpu.uuid not in self._missed:  # once, when it is noticed: no call fails for a GPU that is not listed
                    self._count(gpu.gpu, gpu.uuid, "nvmlDeviceGetCount", "NOT_FOUND")
            self._missed = {gpu.uuid for gpu in gone}
        self._unwatched.child(self._process.pid)
        gpus += gone
        return Snapshot(
            gpus=tuple(sorted(gpus, key=by_index)),
            devices=devices,
            pci_devices=self._bus.gpus(),
            boot_max=self._known.boot_max(boot_id(str(self.procfs)), devices),
            errors=dict(self._errors),
            failures=tuple(dict.fromkeys(failures)),  # the same call with other arguments may fail the same way
            restarts=max(0, self._process.started - 1),
            left=self._process.left(),
            unwatched=self._unwatched.seconds((gpu.uuid for gpu in gpus), time.monotonic()),
            stuck=self._pauses.stuck(self._monotonic()),
        )

    def _ask(self, now: float, failures: list[str]) -> tuple[int, list[Gpu], set[int]]:
        """Ask the child, and its replacement when it is lost, until every device that is not paused was read or the time is over.

        Returns:
            How many devices there are, what was read of them, and those of which nothing is known.
        """
        if self._renew:
            self._renew = False
            self._process.end()
        begun = time.monotonic()
        # the library's own start may take long, and is not tried again for nothing: until it has answered, its calls' limits are enough
        until = math.inf if self._before(now) is None else begun + self._budget
        # a device that hangs may cost a child for good: with no more of them to spare, only the others are read
        paused = self._pauses.all() if self._process.left() >= MOST_LEFT else self._pauses.at(now)
        this = Round(now, begun, failures, paused, until)
        try:
            self._read_all(this)
        finally:
            self._settle(this)
        if self._closed:
            raise SourceError("the gate to NVML is closed")
        read, paused = this.read, this.paused
        before = self._before(now)
        if before is not None and self._blocked is None:
            # those that were not reached because of others keep what they said a round ago
            for gpu in before.gpus:
                if gpu.up and int(gpu.gpu) not in paused | set(read) and this.count == before.devices:
                    read[int(gpu.gpu)] = gpu
        unread = set(range(this.count)) - paused - set(read) if self._blocked is None else set()
        failures += [f"GPU {index} was not read: calls of others took all the time" for index in sorted(unread)]
        for index in paused - set(read):
            if index < this.count:
                read[index] = self._known.down(index, self._known.uuid_at(index))
                failures.append(f"GPU {index} is left out for a while: {self._pauses.why(index)}")
        self._pauses.answered(index for index, gpu in read.items() if gpu.up)
        live = [gpu for gpu in read.values() if gpu.up]
        answering = {gpu.uuid for gpu in live}
        for index, gpu in read.items():
            if not gpu.up and gpu.uuid in answering:
                read[index] = Gpu(str(index), "", up=False)  # the one that was known at this index has moved
        down = any(not gpu.up for index, gpu in read.items() if index not in paused)
        if down and now >= self._renew_at and self._process.left() < MOST_LEFT:
            # a GPU that was reset, or permissions that came back, are only seen by a library that is initialised anew; by the next look
            # and not now, since until then somebody has to wait for events
            self._renew_at = now + _RENEW_EVERY
            self._renew = True
        self._known.note(live, self._clock())
        return this.count, [read[index] for index in sorted(read)], unread

    def _before(self, now: float) -> Snapshot | None:
        """The look before this one, while it is recent enough to speak for a device that this one does not reach."""
        return self._last[1] if self._last is not None and now - self._last[0] <= _KEEP else None

    def _read_all(self, this: Round) -> None:
        while not self._closed:
            worked = self._process.answered
            try:
                self._collect(this)
            except SlowError as slow:
                self._aside.add(slow.index, self._process.set_aside())
            except (HungError, EndedError) as lost:
                if self._closed:
                    return
                if lost.index == STARTING and not worked and this.replaced:
                    raise  # twice it did not even get as far as NVML
                self._lost(lost, this)
            except StartError:
                raise
            except SourceError as crowded:
                this.failures.append(str(crowded))
                self._count("", "", "nvmlInit", "TIMEOUT")
                self._block(this.now, "nvmlInit", "TIMEOUT")
            else:
                return
            if self._blocked is not None or time.monotonic() >= this.until:
                return

    def _settle(self, this: Round) -> None:
        """Wait for the calls that took long."""
        for index, outcome in self._aside.settle(this.until):
            if isinstance(outcome, dict):
                outcome.pop("watched", None)  # by a child that is no more
                self._take(outcome, this)
                self._slow.add(index)  # it is waited for from now on: each child that is set aside costs a start
            elif not self._closed:
                self._lost(outcome, this)

    def _patience(self, index: int) -> float:
        """How long a device is waited for before the others are read meanwhile."""
        return math.inf if index in self._slow else self._aside.patience(self._time_of_a_call())

    def _time_of_a_call(self) -> float:
        return min(self._deadline, self._budget * _CALL)

    def _lost(self, lost: HungError | EndedError, this: Round) -> None:
        """Decide what a child that was lost costs."""
        if this.cut_short(lost, _FAIR * self._time_of_a_call()):
            return
        hung = isinstance(lost, HungError)
        log.warning("nvml: %s; its process is replaced", lost)
        call = "nvmlInit" if lost.index == STARTING else lost.call
        error = "TIMEOUT" if hung else "PROCESS_ENDED"
        whose = (str(lost.index), self._known.uuid_at(lost.index)) if lost.index >= 0 else ("", "")
        self._count(*whose, call, error)
        this.count = max(this.count, self._seen)
        if not this.replaced and (lost.index == STARTING or not hung):
            this.replaced = True  # somebody killed or stopped it: if another one works, nothing is missing
            return
        this.failures.append(str(lost))
        if call in EVENT_CALLS:
            self._events_at = this.now + _NO_EVENTS
            return
        if lost.index < 0 and time.monotonic() >= this.until:
            return  # it had no time left, which says nothing about the library
        if hung:
            self._pauses.hung(lost.index, this.now)
        if lost.index < 0:
            self._block(this.now, call, error)
        else:
            self._pauses.begin(lost.index, this.now, str(lost))
            self._slow.discard(lost.index)
            this.paused.add(lost.index)

    def _collect(self, this: Round) -> None:
        """One request for all that was not read yet."""
        skip = this.paused | set(this.read) | self._aside.indices
        disturbed = bool(self._aside.indices or this.failures)
        until = this.until if disturbed else math.inf
        events = self._monotonic() >= self._events_at
        self._unwatched.child(self._process.pid)
        if (rested := self._process.rested) is not None:
            self._unwatched.looked(rested)
        with closing(self._process.ask(skip, self._patience, until, watch=this.read, events=events)) as answers:
            for answer in answers:
                if "fatal" in answer:
                    self._pauses.told(LIBRARY)
                    call, error = answer["fatal"]
                    if not self._closed:
                        self._count("", "", call, error)
                    self._block(self._monotonic(), call, error)
                elif "count" in answer:
                    this.system = answer
                    self._pauses.told(LIBRARY)
                    self._unwatched.child(self._process.pid)
                    self._unwatched.looked(time.monotonic())
                    this.count = int(answer["count"])
                    for call, error in answer.get("errors", ()):
                        self._count("", "", call, error)
                    if this.count != self._seen:
                        self._pauses.clear()  # they may have moved to other indices
                        self._slow.clear()
                    self._seen = this.count
                    if this.until == math.inf:
                        this.until = max(this.begun + self._budget, time.monotonic() + self._deadline)
                elif "registered" in answer:
                    self._unwatched.told(answer, time.monotonic())
                    for call, error in answer["errors"]:
                        self._count(str(answer["registered"]), answer["uuid"], call, error)
                else:
                    self._take(answer, this)

    def _take(self, answer: Mapping[str, Any], this: Round) -> None:
        """Note what a device answered."""
        gpu = self._known.told(answer, this.system)
        self._unwatched.told(answer, time.monotonic())
        this.read[int(answer["index"])] = gpu
        self._pauses.told(int(answer["index"]))
        for call, error in answer["errors"]:
            self._count(gpu.gpu, gpu.uuid, call, error)
            this.failures += [f"GPU {gpu.gpu}: {call}: {error}"] if is_failure(call, error) else []

    def _count(self, gpu: str, uuid: str, call: str, error: str) -> None:
        key = ErrorKey(gpu, uuid, call, error)
        self._errors[key] = self._errors.get(key, 0) + 1

    def _block(self, now: float, call: str, error: str) -> None:
        wait = _LOOK_AGAIN if error in _NO_DRIVER else _TRY_AGAIN
        self._blocked = (now + wait, call, error, self._driver)
