"""Counts a failure once, however many lines, wrappers and retellings print it."""

from __future__ import annotations

import re

_ECHO = 400
"""Lines within which the same failure is taken for a retelling of itself."""

_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("ecc", re.compile(r"uncorrectable ECC|ECC error encountered", re.IGNORECASE)),
    (
        "oom",
        re.compile(
            r"OutOfMemoryError|(?:CUDA|HIP|XPU) out of memory|out of memory\. Tried|RESOURCE_EXHAUSTED|CUBLAS_STATUS_ALLOC_FAILED"
            r"|cudaErrorMemoryAllocation|DefaultCPUAllocator: can't allocate|cudaMalloc failed: out of memory",
        ),
    ),
    (
        "nccl",
        re.compile(
            r"\bNCCL\b.*(?:error|timed? ?out|failure|abort)|DistBackendError|ncclSystemError|ncclInternalError|ncclUnhandledCudaError"
            r"|ncclRemoteError|Watchdog caught collective|ProcessGroupNCCL.*(?:timeout|timed out|stuck|error)|collective operation timeout",
            re.IGNORECASE,
        ),
    ),
    (
        "cuda",
        re.compile(
            r"CUDA error|AcceleratorError|device-side assert|cuDNN error|CUBLAS_STATUS_|CUDA driver error|cudaError"
        ),
    ),
    ("dataloader", re.compile(r"DataLoader worker|in DataLoader worker process|Failed to load sample", re.IGNORECASE)),
    ("timeout", re.compile(r"TimeoutError|timed out", re.IGNORECASE)),
)


def kind_of(text: str) -> str:
    """The kind of a failure by its words; `exception` where nothing more is known."""
    return next((kind for kind, pattern in _KINDS if pattern.search(text)), "exception")


class Incidents:
    """Remembers what was counted a moment ago, by kind and rank."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], tuple[int, str]] = {}
        self._lines = 0

    def line(self) -> None:
        """A line has passed."""
        self._lines += 1

    def new(self, kind: str, rank: str) -> bool:
        """Whether this is a failure of its own rather than one told again.

        A rank's failure may be told again without the rank (by the launcher), and first without it; another rank's is new.
        """
        found = False
        for (known, who), (when, _) in self._seen.items():
            if known == kind and self._lines - when <= _ECHO and (who == rank or not rank or not who):
                found = True
        self._seen[kind, rank] = (self._lines, rank)
        return not found
