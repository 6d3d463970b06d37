"""The NVML child's answers written down as they come, and read again in place of a child."""

from __future__ import annotations

import math
from contextlib import closing
from typing import TYPE_CHECKING, Any

from stoker.sources.nvml_lost import EndedError, HungError
from stoker.sources.nvml_process import NvmlProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from stoker.sources.recording import Round

_HUNG = "hung"


def _patient(_: int) -> float:
    return math.inf


class RecordingProcess(NvmlProcess):
    """A child whose answers are kept: `taken` gives those since it was last asked."""

    def __init__(self, env: Mapping[str, str], deadline: float) -> None:
        super().__init__(env, deadline)
        self._answers: list[dict[str, Any]] = []
        self._lost: dict[int, dict[str, Any]] = {}
        self._asked = False
        self._before: list[dict[str, Any]] = []

    def ask(
        self,
        skip: Iterable[int],
        patience: Callable[[int], float] = _patient,  # noqa: ARG002 - a device is waited for: the answers stay in order
        until: float = math.inf,
        *,
        watch: Iterable[int] = (),
        events: bool = True,
    ) -> Generator[dict[str, Any], None, None]:
        """See NvmlProcess."""
        self._asked = True
        try:
            with closing(super().ask(skip, _patient, until, watch=watch, events=events)) as answers:
                for answer in answers:
                    self._answers.append(
                        {key: value for key, value in answer.items() if key != "watched"}
                    )  # it has no events
                    yield answer
        except (HungError, EndedError) as lost:
            why = _HUNG if isinstance(lost, HungError) else "ended"
            answer = {"lost": [lost.index, lost.call, why]}
            self._answers.append(answer)
            self._lost[lost.index] = answer
            raise

    def taken(self) -> list[dict[str, Any]]:
        """A round's answers; a device that is left out since it hung before is among them, as one that hangs.

        While the gate does not ask, since NVML as a whole failed, the answer before is still what there is to say.
        """
        if not self._asked:
            return self._before
        answers, self._answers, self._asked = self._answers, [], False
        for answer in answers:
            if "index" in answer:
                self._lost.pop(answer["index"], None)
        left_out = [lost for index, lost in self._lost.items() if index >= 0 and lost not in answers]
        self._before = answers + left_out
        return self._before


class RecordedProcess(NvmlProcess):
    """No child at all: the answers of a round of a recording.

    Args:
        now: the round that is played.
    """

    def __init__(self, now: Callable[[], Round]) -> None:
        super().__init__({}, math.inf)
        self._now = now
        self._alive = False
        self._told: set[int] = set()

    def ask(
        self,
        skip: Iterable[int],
        patience: Callable[[int], float] = _patient,  # noqa: ARG002 - nothing takes long
        until: float = math.inf,  # noqa: ARG002 - see above
        *,
        watch: Iterable[int] = (),  # noqa: ARG002 - a recording has no events
        events: bool = True,  # noqa: ARG002 - a recording has none
    ) -> Generator[dict[str, Any], None, None]:
        """See NvmlProcess."""
        left_out = set(skip)
        answers = self._now().answers
        if not self._alive:
            self._alive = True
            self.started += 1
        self.answered = True
        for place, answer in enumerate(answers):
            if "lost" in answer:
                index, call, why = answer["lost"]
                known = index in left_out or place in self._told
                if index < 0 and place < len(answers) - 1:
                    self._told.add(place)  # a child that was lost by itself, and replaced by one that answered
                if not known:
                    self.end()
                    raise HungError(call, index, 0.0) if why == _HUNG else EndedError(why, call, index)
            elif answer.get("index") not in left_out:
                yield answer
                if "fatal" in answer:
                    self.end()
                    return
        self._told.clear()

    def end(self) -> None:
        """See NvmlProcess."""
        self._alive = False

    def kill(self) -> None:
        """See NvmlProcess: there is nobody to wait for."""
