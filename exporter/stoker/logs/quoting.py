"""Tells what a line says from what it quotes: a prompt, a request's body or a source line may contain any other log's text."""

from __future__ import annotations

import re

# text: "...   prompt='...   ("...   {"...; an apostrophe inside a word opens nothing
_OPENING = re.compile(r"""(?:^|(?<=[\s:=(\[{,]))(['"])""")
_CLOSING = {quote: re.compile(rf"(?<!\\){quote}(?=[\s,:;.!?)\]}}]|$)") for quote in "'\""}


def quoted(text: str, start: int) -> bool:
    """Whether the character at `start` stands inside a quotation that began before it."""
    if text.find('"', 0, start) < 0 and text.find("'", 0, start) < 0:
        return False
    at = 0
    while (opening := _OPENING.search(text, at, start)) is not None:
        closing = _CLOSING[opening[1]].search(text, opening.end())
        if closing is None or closing.start() >= start:
            return True
        at = closing.end()
    return False
