"""What is asked by a call and not read from a file: the clock, the drives, the kubelet. Noted to be recorded, and told again by a recording.

An answer, as it is recorded, is a mapping of one entry: `value`, or what the call raised, `unavailable` or `failed`.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from stoker.errors import SourceError, UnavailableError
from stoker.sources.clock import ClockState, clock_state
from stoker.sources.nvme import read_log
from stoker.sources.pod_resources import Assignment, assignments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

CLOCK, KUBELET, DRIVE = "clock", "kubelet", "drive "
"""Names of answers; a drive's own name follows the last one."""
_LARGEST = 1e12
_OUTCOMES = ("value", "unavailable", "failed")


class Calls(NamedTuple):
    """The calls; each raises UnavailableError or SourceError.

    Attributes:
        clock: the kernel's judgement of its clock.
        drive: the health log of the NVMe drive behind a device node.
        kubelet: which pod was given which GPU, by the service behind a socket.
    """

    clock: Callable[[], ClockState] = clock_state
    drive: Callable[[str], bytes] = read_log
    kubelet: Callable[[str], list[Assignment]] = assignments


REAL = Calls()
"""Those of this machine."""


class Noted:
    """Calls whose answers are kept.

    Attributes:
        said: the last answer of each, by its name.
    """

    def __init__(self, calls: Calls) -> None:
        self.said: dict[str, dict[str, Any]] = {}
        self.calls = Calls(self._clock, self._drive, self._kubelet)
        self._asked = calls

    def failed(self, name: str, why: str) -> None:
        """A call did not return."""
        self.said[name] = {"failed": why}

    def _clock(self) -> ClockState:
        return self._note(CLOCK, self._asked.clock, list)

    def _drive(self, path: str) -> bytes:
        return self._note(f"{DRIVE}{os.path.basename(path)}", partial(self._asked.drive, path), bytes.hex)

    def _kubelet(self, path: str) -> list[Assignment]:
        return self._note(KUBELET, partial(self._asked.kubelet, path), lambda found: [list(each) for each in found])

    def _note(self, name: str, call: Callable[[], T], plain: Callable[[T], object]) -> T:
        try:
            found = call()
        except SourceError as error:
            self.said[name] = {"unavailable" if isinstance(error, UnavailableError) else "failed": str(error)}
            raise
        self.said[name] = {"value": plain(found)}
        return found


def told(now: Callable[[], Mapping[str, dict[str, Any]]]) -> Calls:
    """Calls that answer from a recording; what is not in it is unavailable.

    Args:
        now: the answers of the moment, as `check_said` lets them pass.
    """

    def value(name: str) -> Any:  # noqa: ANN401 - of the kind that the name stands for
        answer = now().get(name, {"unavailable": f"{name}: not in the recording"})
        if "unavailable" in answer:
            raise UnavailableError(answer["unavailable"])
        if "failed" in answer:
            raise SourceError(answer["failed"])
        return answer["value"]

    return Calls(
        lambda: ClockState(*value(CLOCK)),
        lambda path: bytes.fromhex(value(f"{DRIVE}{os.path.basename(path)}")),
        lambda _: [Assignment(*each) for each in value(KUBELET)],
    )


def check_said(said: Mapping[str, Any]) -> None:
    """Make sure that answers from a recording can be told.

    Raises:
        ValueError: one cannot.
    """
    for name, answer in said.items():
        if not isinstance(answer, dict) or len(answer) != 1 or not _is_answer(name, *next(iter(answer.items()))):
            raise ValueError(f"{name!r} has no answer of a call")


def _is_answer(name: str, outcome: str, value: object) -> bool:
    if outcome not in _OUTCOMES:
        return False
    if outcome != "value":
        return isinstance(value, str)
    if name.startswith(DRIVE):
        return isinstance(value, str) and _is_hexadecimal(value)
    if name == KUBELET:
        return isinstance(value, list) and all(_is_assignment(each) for each in value)
    return name != CLOCK or (isinstance(value, list) and _is_state(value))


def _is_hexadecimal(text: str) -> bool:
    try:
        bytes.fromhex(text)
    except ValueError:
        return False
    return True


def _is_state(value: list[Any]) -> bool:
    return len(value) == len(ClockState._fields) and type(value[0]) is bool and all(map(_is_number, value[1:]))


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and -_LARGEST < value < _LARGEST  # type: ignore[operator] # it is one of the two


def _is_assignment(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == len(Assignment._fields)
        and all(isinstance(each, str) for each in value)
    )
