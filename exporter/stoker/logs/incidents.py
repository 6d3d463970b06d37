"""Counts a failure once, however many lines, wrappers and retellings print it."""

from __future__ import annotations

import re

_ECHO = 400
"""Lines within which the same failure is taken for a retelling of itself."""
_AFTER = 5000
"""Lines within which a weak sign is taken for the aftermath of a failure."""
_MOST = 1000
_WORDS = 4000
"""Characters of a failure's words that are looked at."""
_DETAIL = 200
"""Characters of a detail that are compared."""

KINDS = (
    "oom",
    "nccl",
    "cuda",
    "ecc",
    "dataloader",
    "exception",
    "killed",
    "preempted",
    "timeout",
    "overload",
    "bad_request",
    "other",
)
"""Kinds of failures that a format may name."""
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("ecc", re.compile(r"uncorrectable ECC|ECC error encountered", re.IGNORECASE)),
    (
        "oom",
        re.compile(
            r"OutOfMemoryError|(?:CUDA|HIP|XPU|Decode|Prefill)(?: error:)? out of memory|out of memory\. Tried|RESOURCE_EXHAUSTED"
            r"|CUBLAS_STATUS_ALLOC_FAILED|cudaErrorMemoryAllocation|DefaultCPUAllocator: can't allocate|OOM when allocating"
            r"|cudaMalloc failed: out of memory|CUDA error: out of memory|ResourceExhaustedError|hipErrorOutOfMemory",
        ),
    ),
    (
        "nccl",
        re.compile(
            r"\bNCCL\b.{0,300}?(?:error|timed? ?out|failure|abort)|DistBackendError|ncclSystemError|ncclInternalError|ncclUnhandledCudaError"
            r"|ncclRemoteError|Watchdog caught collective|ProcessGroup(?:NCCL|Gloo).{0,300}?(?:timeout|timed out|stuck|error)"
            r"|collective operation timeout|gloo/transport|DistNetworkError|DistStoreError|\bRCCL\b.{0,300}?error|HCCL.{0,300}?(?:error|timeout)",
            re.IGNORECASE,
        ),
    ),
    (
        "cuda",
        re.compile(
            r"CUDA error|AcceleratorError|device-side assert|cuDNN error|CUDNN_STATUS_|CUBLAS_STATUS_|CUDA driver error|cudaError"
            r"|HIP error|CUDA_ERROR_|CUDA kernel errors",
        ),
    ),
    (
        "dataloader",
        re.compile(
            r"DataLoader worker|in DataLoader worker process|Failed to load sample|DataLoader timed out", re.IGNORECASE
        ),
    ),
    ("timeout", re.compile(r"TimeoutError|TimeoutExpired|DeadlineExceeded|timed out", re.IGNORECASE)),
)
_DIES_OF = {"killed": ("timeout", "preempted")}
"""Kinds that follow from others: a job that has run out of its time is killed then."""
_AMOUNT = re.compile(r"(?:allocate|allocating)\D{0,40}?([0-9.]+ ?[KMGT]?i?B?)", re.IGNORECASE)
_AFTERMATH = re.compile(r"Connection (?:closed|reset) by peer|remote process exited or there was a network error")


def kind_of(text: str) -> str:
    """The kind of a failure by its words; `exception` where nothing more is known."""
    return next((kind for kind, pattern in _KINDS if pattern.search(text, 0, _WORDS)), "exception")


def detail_of(kind: str, text: str) -> str:
    """What tells one failure of a kind from another: how much memory was asked for, or the words of an exception."""
    if kind == "oom":
        amount = _AMOUNT.search(text, 0, _WORDS)
        return amount[1] if amount else ""
    return text[:_DETAIL] if kind in ("exception", "dataloader", "timeout") else ""


def is_aftermath(text: str) -> bool:
    """Whether the words only say that another rank has gone."""
    return bool(_AFTERMATH.search(text, 0, _WORDS))


class Incidents:
    """Remembers what was counted a moment ago, by kind, rank and detail.

    Attributes:
        lines: that have passed so far; whoever reads them counts.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, str], int] = {}
        self.lines = 0

    def told(self, kind: str, rank: str, detail: str = "", *, weak: bool = False) -> bool:
        """Whether this failure was told before.

        A rank's failure may be told again without the rank (by the launcher), and first without it; another rank's is new.
        A weak one is new only when nothing failed before.
        """
        told, detail = False, detail[:_DETAIL]
        same = (kind, *_DIES_OF.get(kind, ()))
        for (known, who, what), when in list(self._seen.items()):
            ago = self.lines - when
            if ago > _AFTER:
                del self._seen[known, who, what]
            elif weak or (
                ago <= _ECHO
                and known in same
                and (who == rank or not rank or not who)
                and (what == detail or not what or not detail)
            ):
                told = True
        return told

    def remember(self, kind: str, rank: str, detail: str = "") -> None:
        """This was told now."""
        key = (kind, rank, detail[:_DETAIL])
        self._seen.pop(key, None)
        self._seen[key] = self.lines
        if len(self._seen) > _MOST:
            del self._seen[next(iter(self._seen))]
