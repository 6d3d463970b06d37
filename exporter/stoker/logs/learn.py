"""Mines the templates of a log: lines that differ only in numbers, times, ids and single words are one kind of line.

A line is split at what varies by its nature; what remains is looked up in a table, which answers for nearly every line of a log.
Only a text that is not there goes through the tree: templates of the same number of words and the same first word are compared
with it, and a template that is like enough takes the line, with a wildcard where a word differs. A word beside a number names it and
is no wildcard, until a flood of names shows that it is.

Bounded are the templates (the rarest are forgotten and counted), the table, the words of a line and its length.
"""

from __future__ import annotations

import re
from operator import eq
from typing import NamedTuple

from stoker.logs.learn_masks import ANY, MASKS, RESERVED, SPLIT, Mask, kinds_of
from stoker.logs.learn_slot import Slot

_LENGTH = 2000
"""Characters of a line that are looked at."""
_WORDS = 96
_KNOWN = 20_000
_LIKE = 0.6
_CROWD = 48
"""Templates that differ in one word only before that word is no name."""
_FULL = 64
"""Templates with which a new text is compared."""
_VALUES = 9
"""Different texts of a word that are remembered: a few make a state, more make a name."""
_FIRST = 100
"""First words that are told apart among templates of one length."""
_NUMBERS = (Mask.NUMBER, Mask.QUANTITY)
_MASK = re.compile(f"[{MASKS}]")
_TOKEN = re.compile(r"(\s*)([^\s=,;|]*(?:=|[,;|]+)|[^\s=,;|]+)")
# epoch=[ 3/10]   loss: [ 0.5]
_PADDING = re.compile(rf"([=\[(])\s+(?=[{MASKS}])")
_NAME = re.compile(r"[^\W\d_]")


class Word(NamedTuple):
    """A word of a template, with masks in it, and whether blanks stand before it."""

    text: str
    apart: bool


class Template:
    """One kind of line.

    Attributes:
        group: the format that reads it; empty when none does.
        words: of the line; ANY where it differs.
        texts, wild: the words' texts, and how many of them are ANY.
        values: the first few texts of each word that differs, by its place.
        slots: what varies, by the number of its word and of the mask in that.
        count: lines.
        sample, last: the first line and the last one.
        gone: whether it was forgotten, or another one took its lines.
        padded: whether blanks stand between `=`, `[` or `(` and what varies, in some of the lines.
    """

    __slots__ = ("count", "gone", "group", "last", "padded", "sample", "slots", "texts", "values", "wild", "words")

    def __init__(self, group: str, words: list[Word], text: str) -> None:
        self.group = group
        self.words = words
        self.texts = [word.text for word in words]
        self.wild = 0
        self.values: dict[int, set[str]] = {}
        self.slots: dict[tuple[int, int], Slot] = {
            (place, number): Slot()
            for place, word in enumerate(words)
            for number, mask in enumerate(_MASK.findall(word.text))
            if mask in _NUMBERS
        }
        self.count = 0
        self.gone = self.padded = False
        self.sample = self.last = text

    @property
    def has_words(self) -> bool:
        """Whether there is anything but numbers and signs in it."""
        return any(_NAME.search(RESERVED.sub("", word.text)) for word in self.words)

    def __str__(self) -> str:
        """As people read it: `#` for what varies, `*` for a word that differs."""
        text = "".join(f"{' ' if word.apart else ''}{word.text}" for word in self.words)
        return RESERVED.sub(lambda match: "*" if match[0] == ANY else "#", text).strip()


class Miner:
    """Lines in, templates out.

    Args:
        most: templates that are kept; while reading there may be twice as many.
    """

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._known: dict[tuple[str, ...], tuple[Template, list[Slot | None]]] = {}
        self._leaves: dict[tuple[str, int, str], list[Template]] = {}
        self._firsts: dict[tuple[str, int], set[str]] = {}
        self._size = 0
        self.forgotten = 0

    def add(self, text: str, group: str = "") -> Template:
        """The template that the line is of."""
        text = text[:_LENGTH]
        parts = SPLIT.split(text)
        key = (group, *parts[::2])
        known = self._known.get(key)
        if known is None or known[0].gone:
            known = self._place(parts, text, group)
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[key] = known
        template, slots = known
        template.count += 1
        template.last = text
        for slot, printed in zip(slots, parts[1::2], strict=False):
            if slot is not None:
                slot.take(printed)
        return template

    def templates(self) -> list[Template]:
        """All of them, the most frequent first."""
        found = [each for leaf in self._leaves.values() for each in leaf]
        found.sort(key=lambda each: -each.count)
        self.forgotten += sum(each.count for each in found[self._most :])
        return found[: self._most]

    def _place(self, parts: list[str], text: str, group: str) -> tuple[Template, list[Slot | None]]:
        words, places, padded = _words(parts)
        leaf = self._leaf(group, words)
        template = _nearest(leaf, words, strict=len(leaf) < _CROWD)
        if template is None:
            if len(leaf) >= _FULL:
                self._thin(leaf)
            if self._size >= 2 * self._most:
                self._forget()
                leaf = self._leaf(group, words)
            template = Template(group, words, text)
            leaf.append(template)
            self._size += 1
        elif template.words != words:
            _widen(template, words)
            if len(leaf) >= _CROWD:
                self._gather(leaf, template)
        template.padded = template.padded or padded
        return template, [template.slots.get(place) for place in places]

    def _leaf(self, group: str, words: list[Word]) -> list[Template]:
        first = next((word.text for word in words if _NAME.search(word.text)), "")
        firsts = self._firsts.setdefault((group, len(words)), set())
        if first not in firsts:
            if len(firsts) >= _FIRST:
                first = ""
            firsts.add(first)
        return self._leaves.setdefault((group, len(words), first), [])

    def _gather(self, leaf: list[Template], into: Template) -> None:
        """Once a crowd of templates has shown that a word is no name, all that differ in it are one."""
        for each in [each for each in leaf if each is not into]:
            naming = _naming(each.words, strict=False)
            if _likeness(into, each.texts, naming, strict=False):
                _widen(into, each.words)
                for word, values in each.values.items():
                    into.values.setdefault(word, set()).update(values)
                into.count += each.count
                into.padded = into.padded or each.padded
                for place, slot in each.slots.items():
                    if place in into.slots:
                        into.slots[place].absorb(slot)
                leaf.remove(each)
                each.gone = True
                self._size -= 1

    def _thin(self, leaf: list[Template]) -> None:
        """Keep the most frequent half of a leaf: every new text is compared with all of it."""
        kept = sorted(leaf, key=lambda each: -each.count)[: _FULL // 2]
        self._drop(leaf, {id(each) for each in kept})

    def _forget(self) -> None:
        """Keep the most frequent half of all."""
        found = sorted((each for leaf in self._leaves.values() for each in leaf), key=lambda each: -each.count)
        kept = {id(each) for each in found[: self._most]}
        for leaf in self._leaves.values():
            self._drop(leaf, kept)
        self._leaves = {key: leaf for key, leaf in self._leaves.items() if leaf}
        self._firsts.clear()
        for group, length, first in self._leaves:
            self._firsts.setdefault((group, length), set()).add(first)

    def _drop(self, leaf: list[Template], kept: set[int]) -> None:
        for each in leaf:
            if id(each) not in kept:
                each.gone = True
                self.forgotten += each.count
                self._size -= 1
        leaf[:] = [each for each in leaf if not each.gone]


def _words(parts: list[str]) -> tuple[list[Word], list[tuple[int, int]], bool]:
    """(the words, for each thing that varies the number of its word and its number in that, whether something was padded)."""
    masked = [RESERVED.sub("?", part) for part in parts]
    masked[1::2] = kinds_of(parts)
    text, padded = _PADDING.subn(r"\1", "".join(masked))
    words: list[Word] = []
    places: list[tuple[int, int]] = []
    for match in _TOKEN.finditer(text):
        if len(words) == _WORDS:
            break
        words.append(Word(match[2], bool(match[1])))
        places += [(len(words) - 1, number) for number in range(len(_MASK.findall(match[2])))]
    return words, places, bool(padded)


def _nearest(leaf: list[Template], words: list[Word], *, strict: bool) -> Template | None:
    texts, naming = [word.text for word in words], _naming(words, strict=strict)
    best, found = 0.0, None
    for each in leaf:
        likeness = _likeness(each, texts, naming, strict=strict)
        if likeness > best:
            best, found = likeness, each
    return found


def _likeness(template: Template, texts: list[str], naming: list[int], *, strict: bool) -> float:
    """Share of equal words; 0 where too few are, or one differs that names a number beside it."""
    ours = template.texts
    equal: float = sum(map(eq, ours, texts)) + template.wild / 2
    if equal < _LIKE * len(texts):
        return 0.0
    for place in (*naming, *_naming(template.words, strict=strict)):
        if ours[place] not in (texts[place], ANY):
            return 0.0
    return equal / max(1, len(texts))


def _naming(words: list[Word], *, strict: bool) -> list[int]:
    """The places of words that may not differ: those that hold a number, and those that stand beside one."""
    holding = [Mask.NUMBER in text or Mask.QUANTITY in text for text, _ in words]
    found = []
    for place, (text, _) in enumerate(words):
        if holding[place] or text.endswith("="):
            found.append(place)
        elif strict and any((*holding[max(0, place - 1) : place], *holding[place + 1 : place + 2])):
            found += [place] if _NAME.search(text) else []
    return found


def _widen(template: Template, words: list[Word]) -> None:
    """A wildcard wherever the words differ."""
    for place, (one, other) in enumerate(zip(template.words, words, strict=True)):
        if ANY in (one.text, other.text) or one.text != other.text:
            seen = template.values.setdefault(place, set())
            if len(seen) < _VALUES:
                seen.update({one.text, other.text} - {ANY})
        if one.text not in (other.text, ANY):
            template.words[place] = Word(ANY, one.apart)
            template.texts[place] = ANY
            template.wild += 1
            for slot in [slot for slot in template.slots if slot[0] == place]:
                del template.slots[slot]
