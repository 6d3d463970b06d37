"""Names a template's numbers after the words beside them, says in which unit they are printed, and which are no measurements."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stoker.logs.learn_known import VALUE, trained
from stoker.logs.learn_masks import ANY, MASKS, Mask
from stoker.logs.learn_slot import Slot
from stoker.logs.learn_units import BASES, CHINESE, KINDS, SUFFIX, UNITS
from stoker.logs.learn_words import DONE, IDS, LEVELS, PACES, QUALIFIERS, STOP, WRAPPERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stoker.logs.learn import Template

_VARIES = f"{MASKS}{ANY}"
_KEY = re.compile(
    rf"""(?<![\w.{_VARIES}])(?P<words>[^\W\d_][^\s=:,;|"'()\[\]{{}}<>{_VARIES}]*(?: [^\W\d_][^\s=:,;|"'()\[\]{{}}<>{_VARIES}]*)*)["']?(?P<sep>\s*(?:=>|->|[:=])\s*|\s+|(?=[\[(<]))["'\[(<~$]{{0,2}}$"""
)
_OF = re.compile(rf"[{Mask.NUMBER}]\s*(?:/|of|out of)\s*$")
_WHOLE = re.compile(rf"\s?/\s?{Mask.QUANTITY}")
_NOUN = re.compile(rf"\s+(?P<noun>[a-z][\w/-]*+)(?!\s*[=:]?\s*[\w/.-]*[{_VARIES}=:])")
_RATE = re.compile(
    r"\s?(?P<what>[a-z]{2,12}+(?<![kmg]b)(?<![kmg]ib)(?<!flops)(?<!flop)(?<!bytes))/(?:s(?:ec(?:ond)?)?)\b",
    re.IGNORECASE,
)
# 3,5 may be one number, written as in German, or two
_COMMA = re.compile(rf"[{Mask.NUMBER}{Mask.QUANTITY}], | ,[{Mask.NUMBER}{Mask.QUANTITY}]")
_OBJECT = re.compile(r"""["'](?P<key>[\w.-]+)["']\s*:\s*\{|[{}]""")
# tok/s   rows_per_sec
_PER = re.compile(r"(?:/|[_ ]per[_ ])s(?:ec(?:ond)?)?$", re.IGNORECASE)
_FULL = {
    "tok": "tokens",
    "token": "tokens",
    "toks": "tokens",
    "img": "images",
    "imgs": "images",
    "it": "steps",
    "iter": "steps",
    "its": "steps",
    "iters": "steps",
    "req": "requests",
    "reqs": "requests",
    "msg": "messages",
    "msgs": "messages",
}
_APART = ">),;|:"
"""Before a phrase that stands for itself."""
_CLOCK = frozenset(("d", "h", "m", "s"))
_MEASURED = (Mask.NUMBER, Mask.QUANTITY)
_MOST_WORDS = 3


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a template.

    Attributes:
        place: of its slot.
        slot: what it did.
        name: its words, lower-case, joined by underscores; without its unit.
        key: the words as printed, where they stand before it with nothing but `:`, `=` or blanks between.
        unit: in which it is printed; `auto` where that differs; empty for a plain number.
        why_not: why it is no measurement; empty when it is one.
    """

    place: tuple[int, int]
    slot: Slot
    name: str
    key: str
    unit: str
    why_not: str = ""

    @property
    def measures(self) -> bool:
        """Whether it is a measurement of its own."""
        return not (self.why_not or self.slot.only_counts or self.name.endswith("_planned"))

    @property
    def base(self) -> str:
        """The base unit, or an empty text."""
        if self.unit != "auto":
            return BASES.get(self.unit, "")
        found = {BASES.get(unit, "") for units in self.slot.units for unit in units.split()}
        return found.pop() if len(found) == 1 else ""


def numbers(template: Template, columns: Sequence[str] = ()) -> list[Number]:
    """All numbers of a template, from left to right.

    Args:
        template: the template.
        columns: names of its words, where it has nothing but numbers.
    """
    if not template.has_words:
        named = columns or [f"column_{place + 1}" for place in range(len(template.words))]
        return [
            Number(place, slot, name, "", _printed_unit(slot, ""), why_not(name, slot, ""))
            for place, slot in sorted(template.slots.items())
            if (name := slug(named[place[0]])) and not place[1]
        ]
    text = "".join(f"{' ' if word.apart else ''}{word.text}" for word in template.words)
    found: list[Number] = []
    at = 0
    for place, word in enumerate(template.words):
        at += word.apart
        seen = 0
        for offset, character in enumerate(word.text):
            if character not in MASKS:
                continue
            slot = template.slots.get((place, seen))
            if slot is not None:
                before, after = text[: at + offset], text[at + offset + 1 :]
                following = template.slots.get((place, seen + 1)) or _next(template, place)
                found.append(_number((place, seen), slot, before, after, found, following))
            seen += 1
        at += len(word.text)
    return found


def _next(template: Template, place: int) -> Slot | None:
    """The first number of the words behind a place."""
    return next((slot for (word, _), slot in sorted(template.slots.items()) if word > place), None)


def _number(
    place: tuple[int, int], slot: Slot, before: str, after: str, earlier: list[Number], following: Slot | None
) -> Number:
    if earlier and earlier[-1].name and not earlier[-1].name.endswith("_planned") and _OF.search(before):
        return Number(place, slot, f"{earlier[-1].name}_planned", "", "", "" if slot.count else "no number")
    name, key = _name(before, after)
    if key and (around := _around(before)):
        name = f"{around} {name}"
    unit = _printed_unit(slot, after) or _unit_of_whole(after, following)
    name, unit = without_unit(name, unit)
    if not name and BASES.get(unit) == "seconds":
        name = _verb(before) or "duration"
    # words in another script than a metric's name may have: somebody will rename it
    name = slug(name) or (f"value_{len(earlier) + 1}" if key else "")
    why = "beside a comma" if _COMMA.search(f"{before[-2:]} {after[:2]}") else why_not(name, slot, before)
    return Number(place, slot, name, key, unit, why)


def without_unit(name: str, unit: str) -> tuple[str, str]:
    """(the name without the unit at its end, the unit that is printed behind the number, or else that one)."""
    suffix = SUFFIX.search(name)
    if suffix is None or _PER.search(name):
        return name, unit
    said = UNITS[suffix["unit"].lower()]
    if suffix.start() or not unit:
        name = name[: suffix.start()] or KINDS.get(BASES.get(said, ""), "value")
    return name, unit or said


def _name(before: str, after: str) -> tuple[str, str]:
    """(name, key)."""
    rate = _RATE.match(after)
    key = _KEY.search(before)
    words = key["words"].split() if key else []
    if len(words) > 1 and before[: key.start() if key else 0].rstrip()[-1:] in tuple(_MEASURED):
        words = words[_is_unit(words[0]) :]  # what the number before was printed in
    if key and key["sep"].strip() and not (rate is not None and words[-1].lower() in PACES):
        taken = _phrase(
            words, before[: key.start()], tight="=" in key["sep"] and key["sep"].strip() == key["sep"], stated=True
        )
        return " ".join(taken), " ".join(taken)
    if rate is not None and (not words or words[-1].lower() in STOP | PACES):
        what = rate["what"].lower()
        return f"{_FULL.get(what, what)} per second", ""
    noun = _NOUN.match(after)
    what = noun["noun"] if noun and noun["noun"].lower() not in STOP | set(UNITS) else ""
    last = words[-1] if words else ""
    if not last or last.lower() in STOP or last in LEVELS:
        return what, ""
    if what and (last.endswith("ed") or last.lower() in DONE):
        return f"{what} {last}", ""
    taken = _phrase(words, before[: key.start()] if key else "", tight=False, stated=False)
    return " ".join(taken), " ".join(taken)


def _is_unit(word: str) -> bool:
    return word.lower() in UNITS or word.lower().endswith(("/s", "/sec"))


def _around(before: str) -> str:
    """The key of the object of a JSON text or a Python dict that is open at its end: `size` in `{"batch": {"size": ` is one of a batch."""
    opened: list[str] = []
    for match in _OBJECT.finditer(before):
        if match[0] != "}":
            opened.append(match["key"] or "")
        elif opened:
            opened.pop()
    return opened[-1] if opened and opened[-1].lower() not in WRAPPERS else ""


def _phrase(words: list[str], before: str, *, tight: bool, stated: bool) -> list[str]:
    """The last words of a phrase that are a name: all of a short phrase, else the last with what qualifies it."""
    for place in range(len(words) - 1 - stated, -1, -1):
        if words[place] in LEVELS or words[place].lower() in STOP:
            words = words[place + 1 :]
            break
    if not tight and len(words) <= _MOST_WORDS and (len(words) > 1 or not before):
        return words
    taken = words[-1:]
    if tight and words[:-1] == words[-2:-1] and words[0].islower() and before.rstrip()[-1:] in tuple(_APART):
        # pool fill=0.83, but not `finished prompt=235`
        verb = words[0].endswith(("ed", "ing")) or words[0] in DONE
        return taken if verb or trained(taken[0], "", "")[0] != VALUE else words
    for word in reversed(words[:-1]):
        if word.lower() not in QUALIFIERS or len(taken) == _MOST_WORDS:
            break
        taken.insert(0, word)
    return taken


def _printed_unit(slot: Slot, after: str) -> str:
    if slot.units:
        only = next(iter(slot.units)) if len(slot.units) == 1 else ""
        return {"%": "percent", "": "auto"}.get(only, "auto" if " " in only else only)
    match = re.match(r"\s?([A-Za-z°µμ%]+(?:/s)?|毫秒|微秒|分钟|小时|秒)(?![\w=:/])", after)
    return UNITS.get(match[1].lower(), "") if match else ""


def _unit_of_whole(after: str, following: Slot | None) -> str:
    """The unit of a part that is printed behind the whole alone: `64.2/80 GB`."""
    if following is None or len(following.units) != 1 or not _WHOLE.match(after):
        return ""
    (unit,) = following.units
    return {"%": "percent"}.get(unit, unit) if " " not in unit else ""


def _verb(before: str) -> str:
    """The last word that says what was done: `processed 12 records in 35 ms`."""
    words = re.findall(r"[A-Za-z]+", before)
    return next((word for word in reversed(words) if word.endswith(("ed", "ing")) and word not in LEVELS), "")


def why_not(name: str, slot: Slot, before: str = "") -> str:
    """Why the numbers of a place are no measurement; empty when they are one."""
    last = name.rsplit("_", 1)[-1]
    if not slot.count and not slot.nonfinite:
        return "no number"
    if name in IDS or last in ("id", "pid", "port", "uuid", "idx", "index") or before.endswith(("#", "@")):
        return "an id"
    clock = bool(slot.units) and all({*units.split()} <= _CLOCK and "s" in units.split() for units in slot.units)
    if slot.is_time or (clock and not before.strip("[(< ") and not slot.falls and slot.count > 1):
        return "a time"
    if not slot.moves:
        return "always the same"
    return "" if name else "without a name"


def slug(text: str) -> str:
    """Lower-case words joined by underscores; `gradNorm` is grad_norm, and 学习率 learning_rate."""
    if not text.isascii():
        text = re.sub("|".join(CHINESE), lambda match: f" {CHINESE[match[0]]} ", text)
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", text).replace("%", " percent ")
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
