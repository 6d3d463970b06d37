"""Takes away what launchers and containers put before a line, and keeps the rank that it names."""

from __future__ import annotations

import re

_RANK = re.compile(
    r"\s*(?:"
    r"\[(?:default|rank|Rank|RANK)[ :]?(?P<bracket>\d{1,6})\]:?\s?"  # [rank3]: [default0]: [Rank 0] [rank 0]
    r"|(?P<slurm>\d{1,5}): (?=\S)"  # Slurm's srun --label:  7: text
    r")"
)
_OTHER = re.compile(
    r"\s*(?:"
    r"\((?:APIServer|EngineCore|Worker|VllmWorker|ApiServer|TP|DP|PP)[^()]{0,60}\)\s?"  # (EngineCore_0 pid=12)
    r"|[a-z][\w.-]{0,60}-\d+\s+\| "  # docker compose:  svc-1  | text
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:Z|[+-]\d\d:\d\d) (?:stdout|stderr) [FP] "  # Kubernetes CRI
    r")"
)


def unwrap(text: str) -> tuple[str, str]:
    """(rank, the line without prefixes); the rank is empty where none is named."""
    rank = ""
    for _ in range(4):  # a container's prefix, a launcher's, a rank's
        first = text[:1]
        if first not in "[( " and not first.isalnum():
            break
        match = _RANK.match(text)
        if match is not None:
            rank = rank or match["bracket"] or match["slurm"] or ""
            text = text[match.end() :]
            continue
        match = _OTHER.match(text)
        if match is None:
            break
        text = text[match.end() :]
    return (str(int(rank)) if rank else ""), text
