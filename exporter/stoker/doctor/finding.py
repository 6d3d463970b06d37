"""What an examination found: how something is, what that means, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How something is.

    `absent` is a normal state: the machine does not have it, or nobody asked for it. `degraded` works in part, or misses
    something that most people want. `broken` was asked for and does not work.
    """

    OK = "ok"
    ABSENT = "absent"
    DEGRADED = "degraded"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor.

    Attributes:
        topic: what was looked at, as in `gpu` or `source pretrain`.
        state: how it is.
        says: what was seen.
        do: what to do; empty where nothing is to be done.
    """

    topic: str
    state: State
    says: str
    do: str = ""

    def as_json(self) -> dict[str, str]:
        """For machines."""
        return {"topic": self.topic, "state": str(self.state), "says": self.says, "do": self.do}
