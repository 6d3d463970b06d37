"""What the numbers in one place of a template did: first, last, lowest, highest, and whether they only count up."""

from __future__ import annotations

import math
import re

from stoker.logs.units import convert

_SUFFIXES = 8
_UNIT = re.compile(r"[^0-9.\s-]+")
_GROUPED = re.compile(r"[-+]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_EPOCH = (1e9, 2.2e9)
_STAMPS = (1.0, 1e3, 1e6, 1e9)
"""Parts of a second in which times since 1970 are printed."""


def _grouped(text: str) -> float | None:
    """The number of `1,234,567`; None for other texts."""
    return float(text.replace(",", "")) if _GROUPED.fullmatch(text) else None


class Slot:
    """One place of a template.

    Attributes:
        count: finite numbers.
        odd: what was no number, or none that is finite.
        first, last, low, high: of the numbers, in the unit as printed, or the base unit where units differ.
        whole: whether all were written without a sign, a point and an exponent.
        ones: how often a number was the one before and one more.
        rises, falls: how often it rose and fell.
        units: the units behind the number; `m s` of `8m44s`.
    """

    __slots__ = (
        "count",
        "falls",
        "first",
        "high",
        "last",
        "low",
        "nonfinite",
        "odd",
        "ones",
        "rises",
        "units",
        "whole",
    )

    def __init__(self) -> None:
        self.count = self.odd = self.nonfinite = self.ones = self.rises = self.falls = 0
        self.first = self.last = self.low = self.high = 0.0
        self.whole = True
        self.units: set[str] = set()

    def take(self, text: str) -> None:
        """One more."""
        try:
            value = float(text)
        except ValueError:
            read = _grouped(text)
            read = self._with_unit(text) if read is None else read
            if read is None:
                self.odd += 1
                return
            value = read
        if self.whole and not text.isdigit():
            self.whole = False
        if value - value != 0.0:  # NaN minus itself is NaN, and so is infinity's
            self.nonfinite += 1
            return
        if self.count:
            last = self.last
            if value < last:
                self.falls += 1
                self.low = min(self.low, value)
            elif value > last:
                self.rises += 1
                if value == last + 1:
                    self.ones += 1
                self.high = max(self.high, value)
        else:
            self.first = self.low = self.high = value
        self.count += 1
        self.last = value

    def _with_unit(self, text: str) -> float | None:
        if len(self.units) < _SUFFIXES:
            self.units.add(" ".join(_UNIT.findall(text)))
        try:
            return convert(text, "auto")
        except (ValueError, KeyError):
            return None

    def absorb(self, other: Slot) -> None:
        """The numbers of another place that turned out to be the same one; `other` came later."""
        if not self.count:
            self.first, self.low, self.high = other.first, other.low, other.high
        elif other.count:
            self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.last = other.last if other.count else self.last
        self.whole = self.whole and other.whole
        self.units |= other.units
        for name in ("count", "odd", "nonfinite", "ones", "rises", "falls"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def moves(self) -> bool:
        """Whether the numbers were not all the same."""
        return self.low != self.high or self.nonfinite > 0

    @property
    def only_counts(self) -> bool:
        """Whether each is the one before and one more, as a line's or a request's number is."""
        return self.count > 2 and self.whole and self.ones >= self.count - 1 - self.count // 20  # noqa: PLR2004 - two numbers are no sequence

    @property
    def is_time(self) -> bool:
        """Whether they are seconds, or parts of one, since 1970."""
        rises = self.count > 0 and self.falls <= self.count // 10 and not self.units
        return rises and any(_EPOCH[0] <= self.low / part and self.high / part < _EPOCH[1] for part in _STAMPS)

    def shown(self, value: float) -> float | int:
        """A value as a person writes it."""
        return int(value) if math.isfinite(value) and value == int(value) and abs(value) < 1e15 else value  # noqa: PLR2004 - digits of a float
