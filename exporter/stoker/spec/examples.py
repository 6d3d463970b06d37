"""Example values of labels: what cases and documentation use where nothing else is said."""

from __future__ import annotations

import re
import re._constants as codes
import re._parser as parser
from typing import Any

EXAMPLES: dict[str, str] = {
    "job": "stoker",
    "cluster": "c1",
    "instance": "node1:9838",
    "gpu": "0",
    "uuid": "GPU-a",
    "run": "llm-7b",
    "source": "train",
    "rank": "0",
    "service": "chat",
    "engine": "0",
    "device": "nvme0n1",
    "mountpoint": "/data",
    "fstype": "ext4",
    "route": "/v1/completions",
    "method": "POST",
    "code": "200",
    "metric": "accuracy",
    "value": "loss",
    "kind": "exception",
    "xid": "79",
    "reason": "hw_thermal",
    "sensor": "core",
    "type": "uncorrected",
    "scope": "volatile",
    "status": "failed",
    "result": "ok",
    "collector": "host_disk",
    "format": "none",
    "name": "revenue",
    "handler": "/metrics",
    "gpu_instance": "",
    "compute_instance": "",
    "user": "",
    "namespace": "",
    "pod": "",
    "container": "",
    "slurm_job": "",
}
"""The first GPU, run, mount ... of the example machine. A label without an entry is its own name, an empty one is absent."""


def example(label: str) -> str:
    """The example value of a label."""
    return EXAMPLES.get(label, label)


def matching(pattern: str, usual: str = "") -> str:
    """A value that an anchored regular expression matches: the usual one where it does, else the shortest of the simple ones.

    Raises:
        ValueError: when none is found, as for a pattern that looks around.
    """
    try:
        if re.fullmatch(pattern, usual):
            return usual
        made = _made(parser.parse(pattern))
    except re.error as error:
        raise ValueError(f"{pattern} is no regular expression: {error}") from error
    if not re.fullmatch(pattern, made):
        raise ValueError(f"no example of {pattern!r} is found")
    return made


_CATEGORIES = {codes.CATEGORY_DIGIT: "0", codes.CATEGORY_WORD: "a", codes.CATEGORY_SPACE: " "}


def _made(tree: Any) -> str:  # noqa: ANN401 - the parser's own type
    text = ""
    for code, argument in tree:
        if code is codes.LITERAL:
            text += chr(argument)
        elif code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
            text += _made(argument[2]) * argument[0]
        elif code is codes.SUBPATTERN:
            text += _made(argument[3])
        elif code is codes.BRANCH:
            text += _made(argument[1][0])
        elif code is codes.IN:
            text += _one_of(argument)
        elif code in (codes.ANY, codes.NOT_LITERAL):
            text += "x"
    return text


def _one_of(items: Any) -> str:  # noqa: ANN401 - the parser's own type
    code, argument = items[0]
    if code is codes.NEGATE:
        return "x"
    if code is codes.CATEGORY:
        return _CATEGORIES.get(argument, "x")
    return chr(argument[0] if code is codes.RANGE else argument)
