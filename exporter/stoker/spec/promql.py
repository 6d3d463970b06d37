"""PromQL as text: finds the selectors of an expression, adds matchers to them and fills in parameters.

A lexer is enough for that and keeps the author's layout; what needs the meaning of an expression (its labels, its types)
is in `spec.analysis`. Offsets are kept, so that a problem can point at the very metric.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from stoker.documents import Duration, duration_text, parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|\#[^\n]*)
  | (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
  | (?P<duration>(?:[0-9]+(?:ms|[smhdwy]))+(?![A-Za-z0-9_.]))
  | (?P<number>0[xX][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)
  | (?P<param>\$[A-Za-z_][A-Za-z0-9_]*|\$\{[^}]*\})
  | (?P<name>[A-Za-z_][A-Za-z0-9_:]*|:[A-Za-z_][A-Za-z0-9_:]*)
  | (?P<operator>==|!=|>=|<=|=~|!~|[-+*/%^<>=@])
  | (?P<punctuation>[()\[\]{},:])
    """,
    re.VERBOSE,
)
_KEYWORDS = frozenset(
    [
        "and",
        "or",
        "unless",
        "by",
        "without",
        "on",
        "ignoring",
        "group_left",
        "group_right",
        "offset",
        "bool",
        "inf",
        "nan",
        "atan2",
        "start",
        "end",
    ]
)
AGGREGATIONS = frozenset(
    ["sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values", "bottomk", "topk", "quantile"],
)
_LABEL_LISTS = frozenset(["by", "without", "on", "ignoring", "group_left", "group_right"])


class Token(NamedTuple):
    """A piece of an expression: its kind, its text and the offset at which it starts."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """The offset behind its last character."""
        return self.start + len(self.text)


class Selector(NamedTuple):
    """A metric in an expression.

    Attributes:
        name: the metric's name.
        start: offset of the name.
        matchers: what stands between its braces, without them; empty when it has none.
        end: offset behind the name and its braces.
        range: the text of its range (`5m`, `$over`), or an empty string.
    """

    name: str
    start: int
    matchers: str
    end: int
    range: str


def tokens(expr: str) -> Iterator[Token]:
    """The tokens of an expression, without blanks; a character that fits nowhere is a token of kind `bad`."""
    offset = 0
    while offset < len(expr):
        match = _TOKEN.match(expr, offset)
        if match is None:
            yield Token("bad", expr[offset], offset)
            offset += 1
            continue
        if match.lastgroup != "space":
            yield Token(str(match.lastgroup), match[0], offset)
        offset = match.end()


def selectors(expr: str) -> list[Selector]:
    """Every metric of an expression, in order. Expressions that start with braces have no name and are not listed."""
    stream = list(tokens(expr))
    found = []
    index = 0
    while index < len(stream):
        token = stream[index]
        following = stream[index + 1].text if index + 1 < len(stream) else ""
        if token.kind == "name" and token.text.lower() in _LABEL_LISTS and following == "(":
            index = _behind(stream, index + 1)
            continue
        if token.text == "{":  # a selector without a name
            index = _behind(stream, index)
            continue
        is_word = token.text.lower() in _KEYWORDS or token.text.lower() in AGGREGATIONS
        if token.kind == "name" and following != "(" and not is_word:
            found.append(_selector(expr, stream, index))
            if following == "{":
                index = _behind(stream, index + 1)
                continue
        index += 1
    return found


def _selector(expr: str, stream: list[Token], index: int) -> Selector:
    name = stream[index]
    end = name.end
    matchers = ""
    behind = index + 1
    if behind < len(stream) and stream[behind].text == "{":
        close = _behind(stream, behind)
        end = stream[close - 1].end
        matchers = expr[stream[behind].end : end - 1].strip().rstrip(",").strip()
        behind = close
    window = ""
    if behind < len(stream) and stream[behind].text == "[":
        close = _behind(stream, behind)
        window = expr[stream[behind].end : stream[close - 1].start].strip()
    return Selector(name.text, name.start, matchers, end, window)


_CLOSE = {"(": ")", "{": "}", "[": "]"}


def _behind(stream: list[Token], index: int) -> int:
    """Index of the token behind the bracket that opens at `index`."""
    opened, closes = stream[index].text, _CLOSE[stream[index].text]
    depth = 0
    for at in range(index, len(stream)):
        if stream[at].text == opened:
            depth += 1
        elif stream[at].text == closes:
            depth -= 1
            if depth == 0:
                return at + 1
    return len(stream)


def rewrite_selectors(expr: str, change: Callable[[Selector], str]) -> str:
    """The expression with every selector (name and braces, not its range) replaced by what `change` returns."""
    parts = []
    offset = 0
    for selector in selectors(expr):
        parts += [expr[offset : selector.start], change(selector)]
        offset = selector.end
    return "".join(parts) + expr[offset:]


def with_matchers(selector: Selector, matchers: list[str]) -> str:
    """The selector's text with more matchers, put behind its own; ones that it has already are not repeated."""
    own = [selector.matchers] if selector.matchers else []
    added = [each for each in matchers if each and not re.search(rf"(?:^|,)\s*{re.escape(each)}", selector.matchers)]
    joined = ",".join(own + added)
    return f"{selector.name}{{{joined}}}" if joined else selector.name


def matcher(label: str, pattern: str) -> str:
    """An anchored regular-expression matcher; equality where the pattern is a plain word."""
    plain = re.fullmatch(r"[\w/:@ -]*", pattern)
    quoted = pattern.replace("\\", "\\\\").replace('"', '\\"')
    return f'{label}{"=" if plain else "=~"}"{quoted}"'


_LIKE = re.compile(r'(\w+)\s*=~\s*"((?:[^"\\]|\\.)*)"')


def patterns(matchers: str) -> list[tuple[str, str]]:
    """Label and regular expression of each `=~` among matchers, without PromQL's escapes."""
    return [(label, re.sub(r"\\(.)", r"\1", pattern)) for label, pattern in _LIKE.findall(matchers)]


def number_text(value: float) -> str:
    """A number as PromQL has it, without float noise: 0.9, 20, 1e+09 is 1000000000."""
    return str(int(value)) if value == int(value) else repr(float(value))


def fill(expr: str, params: Mapping[str, float | Duration]) -> str:
    """`$name` replaced by the parameter: a duration in brackets and after `offset`, a number elsewhere.

    Raises:
        KeyError: for a name that is no parameter.
    """
    parts = []
    offset = 0
    before = ""
    for token in tokens(expr):
        if token.kind == "param":
            value = params[token.text[1:]]
            as_duration = before in ("[", ":", "offset")
            parts += [expr[offset : token.start], duration_text(value) if as_duration else number_text(value)]
            offset = token.end
        before = token.text
    return "".join(parts) + expr[offset:]


def named_params(expr: str) -> list[Token]:
    """The `$name` tokens of an expression."""
    return [token for token in tokens(expr) if token.kind == "param"]


def windows(expr: str) -> list[float]:
    """Every range and offset of a filled expression, in seconds."""
    return [parse_duration(token.text) or 0.0 for token in tokens(expr) if token.kind == "duration"]
