"""NVIDIA's XID and SXID codes as data: what each means, what NVIDIA asks for, and whether it wakes someone."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Literal

from stoker.documents import At, Problems, decode, read_yaml, setting
from stoker.documents.position import position_of

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "xid.yaml"
FATAL, NON_FATAL = "fatal", "non_fatal"
"""Values of the label `severity`, where the line itself tells; it is absent elsewhere."""
RECOVERY = "154"
HIGHEST_XID = 1023
"""A number above this is none of NVIDIA's: all of those share one label, so that lines cannot make series without end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class XidSpec:
    """One code of a GPU."""

    class_: Literal["critical", "warning", "ignore", "by_line"] = setting(
        doc="What it is worth; by_line: see the line."
    )
    meaning: str = setting(doc="What happened.")
    meaning_zh: str = setting("", doc="The same in Chinese.")
    action: str = setting(doc="NVIDIA's immediate action.")
    do: str = setting(doc="What to do about it.")
    others: str = setting("", doc="What others say, where they disagree with the class.")
    at: At = field(default_factory=At, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class XidChange:
    """What a user says of a code; what is left out stays as it is."""

    class_: Literal["critical", "warning", "ignore", "by_line"] | None = setting(
        None, doc="What it is worth: `critical`, `warning` or `ignore`; `by_line` (144 to 150, 154): see the line."
    )
    meaning: str | None = setting(None, doc="What happened.")
    meaning_zh: str | None = setting(None, doc="The same in Chinese.")
    action: str | None = setting(None, doc="What is to be done at once.")
    do: str | None = setting(None, doc="What to do about it.")
    at: At = field(default_factory=At, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SxidSpec:
    """One code of an NVSwitch."""

    fatal: Literal["always", "by_line", "never"] = setting(
        doc="Whether it is always fatal, never, or the line tells; one that does not tell is fatal then."
    )
    meaning: str = setting(doc="What happened.")
    meaning_zh: str = setting("", doc="The same in Chinese.")
    do: str = setting(doc="What to do about it.")
    at: At = field(default_factory=At, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class XidTable:
    """xid.yaml."""

    about: str = setting(doc="Where the table comes from.")
    xids: dict[str, XidSpec] = setting(doc="Codes of GPUs.")
    sxids: dict[str, SxidSpec] = setting(factory=dict, doc="Codes of NVSwitches.")
    at: At = field(default_factory=At, compare=False, repr=False)


_UNKNOWN = XidSpec(
    class_="warning", meaning="a code of your own table", action="see your own table", do="See your own table."
)
"""What a code that is not in the table is before a user says something of it."""


def shipped_xids() -> XidTable:
    """The table of the shipped spec.

    Raises:
        MistakeError: when it has a mistake.
    """
    path = f"stoker_pack/{FILE}"
    problems = Problems()
    text = resources.files("stoker_pack").joinpath(FILE).read_text(encoding="utf-8")
    table = decode(read_yaml(text, path, problems), XidTable, problems, file=path)
    problems.raise_if_any()
    assert table is not None
    return table


def changed_xids(table: XidTable, changes: Mapping[str, XidChange], problems: Problems) -> XidTable:
    """The table with a user's changes; what makes no sense is left as it was and is a problem."""
    xids = dict(table.xids)
    for code, change in changes.items():
        where = position_of(code)
        if not (code.isascii() and code.isdigit()) or str(int(code)) != code:
            problems.add(where, "xid", f"{code} is no XID", 'write its number, as "63"')
            continue
        if int(code) > HIGHEST_XID:
            problems.add(
                where, "xid", f"{code} is told as `other`, like all above {HIGHEST_XID}", "a code that the driver has"
            )
            continue
        if change.class_ == "by_line" and xids.get(str(code), _UNKNOWN).class_ != "by_line":
            right = "one of critical, warning, ignore"
            problems.add(change.at.value("class"), "xid", f"the line of XID {code} does not say how bad it is", right)
            continue
        given = {
            each.name: value
            for each in fields(change)
            if each.name != "at" and (value := getattr(change, each.name)) is not None
        }
        xids[str(code)] = replace(xids.get(str(code), _UNKNOWN), **given)
    return replace(table, xids=xids)


@cache
def _shipped_once() -> XidTable:
    return shipped_xids()


def sxid_severity(code: str) -> str:
    """`fatal` or `non_fatal`: what an NVSwitch's error is worth whose line does not say it; an unknown one is looked at."""
    spec = _shipped_once().sxids.get(code)
    return NON_FATAL if spec is not None and spec.fatal == "never" else FATAL


def alert_class(table: XidTable, code: str, severity: str = "") -> str:
    """`critical`, `warning` or `ignore`: what an event is worth, with the severity that its line gave (or none)."""
    spec = table.xids.get(code)
    if spec is None:
        return "warning"
    if spec.class_ != "by_line":
        return spec.class_
    if severity == FATAL:
        return "critical"
    return "ignore" if code == RECOVERY else "warning"
