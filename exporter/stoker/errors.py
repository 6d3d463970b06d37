"""Every exception that Stoker raises on purpose.

StokerError
├── MistakeError      a user's mistake, with the Problems that say where and what (exit code 1)
├── UsageError        a wrong flag or argument (exit code 2)
├── SourceError       the outside world failed: a device, a file, a program (degrades what it touches)
│   ├── UnavailableError   the thing is not on this machine; a normal state, said once
│   └── DeadlineError      a call did not return in time
└── DescError         our own mistake in declaring or using a metric (exit code 3)

Anything else that escapes is a bug of ours: exit code 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class StokerError(Exception):
    """The root: never raised itself."""


class MistakeError(StokerError):
    """A user's mistake in a document. `problems` are documents.Problem values, all of them, sorted.

    `texts` maps file names to their content, where the one who raises has it, for excerpts.
    """

    def __init__(self, problems: Sequence[object]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)
        self.texts: dict[str, str] = {}


class UsageError(StokerError):
    """A wrong flag or argument on the command line."""


class SourceError(StokerError):
    """The outside world failed; what depends on it degrades and says so."""


class UnavailableError(SourceError):
    """What was asked for does not exist on this machine: a normal state."""


class DeadlineError(SourceError):
    """A call into the outside world did not return in time."""


class DescError(StokerError):
    """A metric was declared or used wrongly by our own code."""
