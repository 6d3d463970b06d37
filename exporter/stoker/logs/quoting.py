"""Tells what a line says from what it quotes or talks about: a prompt, a request's body or an answer may contain any other log's text."""

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


# words of people who talk about a log, or of a conversation's record, and a URL's query: none of them in a program's report of its progress
_SPEECH = re.compile(
    r"(?<![\w/.=\-])(?:(?i:please|explain(?:s|ed)?|asks?|asked|says?|said|thinks?|thought|sees?|examples?|e\.g\.?|i\.e\.?|prompt|question"
    r"|answer|assistant|human|user|paper|wrote|writes?|tells?|told|what|why|how|does|did|you|your|we|they|she|my|means|should|would|could"
    r"|will|because|imagine|suppose|maybe|expect(?:ed|s)?|threshold)|I)(?![\w/=\-]|\.\w)|[?&]\w{1,40}="
    r"|[\u8bf7\u4f60\u6211\u60a8\u5417\u5462\uff1f]|\u4ec0\u4e48|\u600e\u4e48|\u5982\u4f55|\u89e3\u91ca|\u4f8b\u5982|\u6bd4\u5982|\u56de\u7b54"  # please, you, what, how, for example
)
_CITED = re.compile(r"\s*(?:> |// |\++ |# (?=[a-z])|### (?:Response|Instruction|Input|Answer|Human|Assistant|User)\b)")
_BEFORE, _BEHIND = 300, 60
"""Characters before and behind the beginning of a find that belong to the same sentence."""


def spoken(text: str, start: int) -> bool:
    """Whether a find at `start` stands in a sentence or a citation, in words that people use and programs do not."""
    return _SPEECH.search(text, max(0, start - _BEFORE), start + _BEHIND) is not None or _CITED.match(text) is not None
