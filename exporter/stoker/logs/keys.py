"""Reads `key: 1.5`, `key=1.5` and `key 1.5` out of a line, whatever stands between them and in whatever order."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from stoker.spec.words import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PREFIXES = ("eval_", "eval/", "eval-", "val_", "val/", "validation_", "validation-", "valid_", "test_", "test/")
_WORDS = ("eval ", "evaluation ", "val ", "val. ", "valid ", "validation ", "test ")


# what PyTorch, numpy and JAX print around a number:  tensor(0.7, device='cuda:0')  np.float64(0.7)  Array(0.7, dtype=float32)
_AROUND = r"(?:tensor\(|(?:np\.)?float(?:16|32|64)\(|Array\(|\[)?"
# `0,5312` and `91,2` where a decimal comma is the usual one; `1,234` may be more than a thousand, and is
_COMMA = r"[-+]?(?:0,[0-9]++|[1-9][0-9]{0,8},(?:[0-9]{1,2}|[0-9]{4,}+)(?![0-9]))(?:[eE][-+]?[0-9]++)?"
# `1.234,5`, `1.0.3`, `1,2,3` and `0x1f` are no numbers that end here; `83ms` and `43.5%` are
_END = r"(?![0-9]|[.,][0-9]|x[0-9a-fA-F]|[eE]?\u2212)"


class Key(NamedTuple):
    """What a key means: a gauge, the unit it is printed in, and the label that the key's own name becomes."""

    metric: str
    unit: str
    label: str


def keys_regex(keys: Mapping[str, object]) -> re.Pattern[str]:
    """Finds any of the keys with a number behind it; groups `key` and `value`.

    Blanks in a key stand for any number of blanks. The longest key wins, and a key inside a longer word is none.
    """
    names = sorted((str(key) for key in keys), key=len, reverse=True)
    words = "|".join(r"\s+".join(re.escape(part) for part in name.split()) for name in names)
    return re.compile(
        rf"""(?<![\w/.@-])['"]?(?P<key>{words})['"]?(?:\s*[:=]\s*|\s+){_AROUND}['"]?(?P<value>(?:{WORDS["number"]}|{_COMMA})(?:[kK](?![\w/]))?){_END}"""
    )


def bare(key: str) -> str:
    """`eval_accuracy` is `accuracy`, `Validation Loss` and `Loss` are `loss`."""
    lower = key.lower()
    words = next((word for word in _WORDS if lower.startswith(word)), "")
    if words:
        return lower[len(words) :]
    name = next((key[len(prefix) :] for prefix in _PREFIXES if key.startswith(prefix)), key)
    return name.lower() if name.istitle() else name


def pairs(regex: re.Pattern[str], text: str) -> Iterator[tuple[str, str]]:
    """(key, number as printed) in the order of the line, each key once."""
    seen = set()
    for match in regex.finditer(text):
        key = " ".join(match["key"].split())
        if key not in seen:
            seen.add(key)
            yield key, match["value"]
