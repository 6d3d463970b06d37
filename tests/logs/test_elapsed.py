"""How long something takes whose beginning and end stand on two lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from followed import Followed, settings
from stoker.metrics import HistogramValue
from stoker.spec.format import FormatSpec, PatternSpec

if TYPE_CHECKING:
    from pathlib import Path

FORMATS = {
    "loads": FormatSpec(
        kind="data",
        patterns=(
            PatternSpec(sample="load a begins", regex=r"load (?P<id>\w+) begins$", begins="load"),
            PatternSpec(
                sample="load a ends",
                regex=r"load (?P<id>\w+) ends$",
                ends="load",
                observe={"stoker_data_load_seconds": "elapsed"},
            ),
        ),
    )
}


def loads(followed: Followed) -> tuple[float, float]:
    """(how many were observed, their seconds together)."""
    found = [each.value for each in followed.engine.samples() if each.desc.name == "stoker_data_load_seconds"]
    values = [each for each in found if isinstance(each, HistogramValue)]
    return sum(sum(each.counts) for each in values), sum(each.total for each in values)


def test_each_is_told_apart_by_its_id_and_timed_by_its_lines(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text(
        "2023-11-14 06:33:30 load a begins\n2023-11-14 06:33:32 load b begins\n2023-11-14 06:33:33 load b ends\n"
        "2023-11-14 06:33:40.5 load a ends\n2023-11-14 06:33:41 load a ends\n2023-11-14 06:33:42 load c ends\n"
    )
    followed = Followed(settings(tmp_path), formats=FORMATS)
    followed.turn()
    assert loads(followed) == (2, 11.5)


def test_lines_without_a_time_are_timed_by_when_they_are_read(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("load a begins\n")
    followed = Followed(settings(tmp_path), formats=FORMATS)
    followed.turn()
    with log.open("a") as file:
        file.write("load a ends\n")
    followed.turn(30.0)
    assert loads(followed) == (1, 30)


def test_a_restart_in_between_costs_only_what_nobody_can_know(tmp_path: Path) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    log = logs / "a.log"
    log.write_text("2023-11-14 06:33:30 load a begins\nload b begins\n")
    first = Followed(settings(logs), state=state, formats=FORMATS)
    first.turn()
    first.engine.stop()
    with log.open("a") as file:
        file.write("2023-11-14 06:33:37 load a ends\nload b ends\n")
    second = Followed(settings(logs), state=state, formats=FORMATS)
    second.turn()
    assert loads(second) == (1, 7)
