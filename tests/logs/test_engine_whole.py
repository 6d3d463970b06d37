"""A log read in one go, and the same log read in pieces with kills and rotations between them, give the same counters."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from followed import PACK, Followed, settings

if TYPE_CHECKING:
    from pathlib import Path

LINES = (
    "  3%|3         | {0}3/100 [00:01<00:40,  2.4it/s]\r",
    "{'loss': 0.71, 'grad_norm': 1.2, 'learning_rate': 5e-05, 'epoch': 0.03}\n",
    "a line that nobody understands\n",
    "{'loss': nan, 'grad_norm': nan, 'learning_rate': 5e-05, 'epoch': 0.04}\n",
    "[rank1]: Traceback (most recent call last):\n",
    "[rank0]: Traceback (most recent call last):\n",
    '[rank1]:   File "/x/train.py", line 7, in <module>\n',
    '[rank0]:   File "/x/train.py", line 9, in main\n',
    "[rank1]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.\n",
    "{'loss': 0.70, 'grad_norm': 1.1, 'learning_rate': 5e-05, 'epoch': 0.05}\n",
    "[rank0]: ValueError: no such column\n",
    "  7%|7         | {0}7/100 [00:02<00:40,  2.4it/s]\r",
    "\u00e4\u4e2d\U0001f600 {'loss': 0.69, 'grad_norm': 1.0, 'learning_rate': 5e-05, 'epoch': 0.07}\n",
    "Traceback (most recent call last):\n",
    '  File "/x/data.py", line 1, in load\n',
    "KeyError: 'text'\n",
)


def log() -> list[bytes]:
    """Three times the lines, with steps that go on."""
    return [line.replace("{0}", str(number)).encode() for number in range(1, 4) for line in LINES]


def counted(followed: Followed) -> dict[str, float]:
    return {series: value for series, value in followed.exposed().items() if "_total{" in series}


def whole(data: bytes, folder: Path) -> dict[str, float]:
    folder.mkdir()
    (folder / "a.log").write_bytes(data)
    followed = Followed(settings(folder), formats=PACK.formats)
    followed.turn()
    return counted(followed)


@pytest.mark.parametrize("seed", range(8))
def test_kills_at_any_byte_change_no_counter(tmp_path: Path, seed: int) -> None:
    data = b"".join(log())
    dice = random.Random(seed)
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    followed = Followed(settings(logs), state=state, formats=PACK.formats)
    position = 0
    while position < len(data):
        end = position + dice.randint(1, 200)
        with (logs / "a.log").open("ab") as file:
            file.write(data[position:end])
        position = end
        followed.turn(dice.choice([1, 6]))
        if dice.random() < 0.5:
            followed.kill()
            followed = Followed(settings(logs), state=state, formats=PACK.formats, clock=followed.clock)
    followed.turn()
    expected = whole(data, tmp_path / "whole")
    assert sum(value for series, value in expected.items() if series.startswith("stoker_train_exceptions_total")) >= 3
    assert counted(followed) == expected


@pytest.mark.parametrize("seed", range(8))
def test_rotations_between_any_two_lines_change_no_counter(tmp_path: Path, seed: int) -> None:
    lines = log()
    dice = random.Random(seed)
    logs = tmp_path / "logs"
    logs.mkdir()
    followed = Followed(settings(logs), formats=PACK.formats)
    position, names = 0, 0
    while position < len(lines):
        end = position + dice.randint(1, 5)
        with (logs / "a.log").open("ab") as file:
            file.write(b"".join(lines[position:end]))
        position = end
        followed.turn(dice.choice([1, 70, 700]))
        if dice.random() < 0.4:
            names += 1
            (logs / "a.log").rename(logs / f"a.log.{names}")
    followed.turn()
    ours = {series: value for series, value in counted(followed).items() if "rotations" not in series}
    expected = whole(b"".join(lines), tmp_path / "whole")
    assert ours == {series: value for series, value in expected.items() if "rotations" not in series}
