"""The miner groups lines by what they have in common, keeps each number in its place, and stays bounded whatever comes."""

from __future__ import annotations

import random

from stoker.logs.learn import Miner
from stoker.logs.learn_names import numbers


def mined(lines: list[str], most: int = 1000) -> Miner:
    miner = Miner(most)
    for line in lines:
        miner.add(line)
    return miner


def test_words_that_name_numbers_keep_templates_apart_and_other_words_do_not() -> None:
    lines = [f"step={n} loss={n / 8}" for n in range(9)] + [f"step={n} acc={n / 8}" for n in range(9)]
    lines += [f"user {name} logged in from 10.0.0.{n}" for n, name in enumerate(("alice", "bob", "carol"))]
    assert sorted(map(str, mined(lines).templates())) == ["step=# acc=#", "step=# loss=#", "user * logged in from #"]


def test_a_crowd_of_names_shows_that_they_are_none() -> None:
    draw = random.Random(2)
    lines = [f"request of {''.join(draw.choices('abcdefgh', k=7))} 35 rows done" for _ in range(500)]
    found = mined(lines).templates()
    assert (str(found[0]), sum(each.count for each in found)) == ("request of * # rows done", 500)


def test_first_last_lowest_and_highest_are_told_in_base_units() -> None:
    (found,) = mined([f"took {text} for {n} rows" for n, text in enumerate(("1.5s", "20ms", "1m2s"))]).templates()
    took = numbers(found)[0]
    assert (took.name, took.base, took.unit) == ("took", "seconds", "auto")
    assert (took.slot.first, took.slot.last, took.slot.low, took.slot.high) == (1.5, 62.0, 0.02, 62.0)


def test_templates_are_bounded_and_every_line_is_counted() -> None:
    draw = random.Random(4)
    lines = [" ".join("".join(draw.choices("abcdefgh", k=6)) for _ in range(draw.randrange(2, 9))) for _ in range(3000)]
    lines += ["the frequent one comes again at 5"] * 500
    draw.shuffle(lines)
    miner = mined(lines, most=50)
    found = miner.templates()
    assert len(found) <= 50
    assert sum(each.count for each in found) + miner.forgotten == 3500
    assert str(found[0]) == "the frequent one comes again at #"


def test_characters_that_stand_for_masks_are_text_when_a_line_has_them() -> None:
    miner = mined(["\ue001\ue002 a=1 \ue00f b=2"] * 3)
    (found,) = miner.templates()
    assert [(each.name, each.slot.count) for each in numbers(found)] == [("a", 3), ("b", 3)]


def test_what_varies_by_its_nature_is_no_number() -> None:
    line = "2026-11-20T10:00:00Z 10.0.0.1:99 0x7f deadbeef01 /data/part-7 v1.2.3 rank3 train.py:33 'of 5' x=7"
    (found,) = mined([line] * 2).templates()
    assert [each.name for each in numbers(found)] == ["x"]


def test_words_of_another_script_are_keys_whose_numbers_somebody_will_name() -> None:
    (found,) = mined([f"火星: {n * 3 % 7}, 耗时={n}ms" for n in range(9)]).templates()
    assert [(each.name, each.key, each.unit) for each in numbers(found)] == [
        ("value_1", "火星", ""),
        ("duration", "耗时", "ms"),
    ]
