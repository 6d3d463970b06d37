"""The words of logs that say what a number beside them is, or that it is none."""

from __future__ import annotations

_FINE = ("trace", "debug", "info", "notice")
_WORST = ("warn", "warning", "error", "err", "critical", "fatal", "panic", "severe")
LEVELS = frozenset(case(level) for level in (*_FINE, *_WORST) for case in (str, str.upper)) | {"LOG"}
"""As loggers print them."""
BAD = frozenset(case(level) for level in _WORST for case in (str, str.upper))
"""Of a warning, and worse."""
STOP = frozenset(
    (
        "in", "at", "of", "to", "after", "for", "with", "by", "from", "the", "on", "is", "was", "and", "a", "an",
        "or", "than", "per", "are", "has", "have", "had", "within", "over", "up", "its", "only", "about", "now",
    )
)  # fmt: skip
"""Small words, which name nothing."""
QUALIFIERS = frozenset(
    (
        "train", "training", "val", "valid", "validation", "eval", "evaluation", "test", "avg", "average", "mean",
        "max", "min", "peak", "total", "current", "best", "gpu", "cpu", "learning", "grad", "gradient", "loss",
        "queue", "batch", "step", "global", "time",
    )
)  # fmt: skip
"""Words that belong to the name behind them."""
IDS = frozenset(
    (
        "id", "ids", "pid", "ppid", "tid", "port", "thread", "rank", "local_rank", "global_rank", "world_size",
        "seed", "uid", "gid", "version", "line", "lineno", "worker", "node", "device", "gpu", "shard", "partition",
        "offset", "year", "job", "task", "session", "user", "index", "idx", "no", "nr", "num_workers", "number",
        "request", "slot", "core", "cuda", "cpu", "host", "part", "#",
    )
)  # fmt: skip
"""Names of what is counted, chosen or drawn, and not measured."""
DONE = frozenset(("read", "wrote", "sent", "got", "found", "built", "kept", "lost", "made", "took", "sold", "left"))
"""What was done with what is counted, without the ending that tells."""
PACES = frozenset(("rate", "speed", "throughput", "pace"))
"""What a rate is called in front of it."""
WRAPPERS = frozenset(
    ("metrics", "data", "payload", "fields", "stats", "values", "message", "log", "event", "extra", "context", "record")
)
"""Objects whose name says nothing of what is in them."""
