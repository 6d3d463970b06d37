"""The ways in which the NVML child is lost."""

from __future__ import annotations

from stoker.errors import DeadlineError, SourceError

STARTING = -2
"""Index in the announcement while the child starts; Python itself needs longer than a call may on a busy machine."""


class HungError(DeadlineError):
    """A call did not return.

    Attributes:
        call: NVML's name of it; `start` when the child itself did not get going.
        index: of the device, below 0 when it concerned none.
        seconds: for which it was waited for.
    """

    def __init__(self, call: str, index: int, seconds: float) -> None:
        super().__init__(
            "the NVML process does not answer"
            if index == STARTING
            else f"{call} of GPU {index} did not return within {seconds:g} s"
            if index >= 0
            else f"{call} did not return"
        )
        self.call = call
        self.index = index
        self.seconds = seconds


class SlowError(SourceError):
    """A call takes longer than the other devices are to wait for; its child goes on with it.

    Attributes:
        index: of the device.
    """

    def __init__(self, call: str, index: int) -> None:
        super().__init__(f"{call} of GPU {index} takes long")
        self.index = index


class EndedError(SourceError):
    """The child ended by itself, or answered what cannot be read; it is dead.

    Attributes:
        call: the call that it had announced; `start` when it had made none since it was asked.
        index: of the device, below 0 when it concerned none.
    """

    def __init__(self, why: str, call: str, index: int) -> None:
        of = f" of GPU {index}" if index >= 0 else ""
        super().__init__(f"the NVML process {why}" + ("" if index == STARTING else f" in {call}{of}"))
        self.call = call
        self.index = index


class StartError(SourceError):
    """The child could not be started, which says nothing about NVML."""
