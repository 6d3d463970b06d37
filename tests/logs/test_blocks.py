"""A block that the scanner goes through gives what the same lines give when each is looked at by itself."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import UTC
from typing import TYPE_CHECKING

import pytest

from sampled import FORMATS, LOGS, NOW, WITH_SAMPLES, line_by_line, same, whole_of
from stoker.logs.interpreter import Interpreter

if TYPE_CHECKING:
    from pathlib import Path


STOKER = (sys.executable, "-m", "stoker")
NOISE = (
    b"",
    b"  \t",
    b"\x1b[2K\x1b[1A",
    b"nothing that anybody wants",
    b"\xe4\xb8\xad\xe6\x96\x87 step loss",
    b"C:\\new\\table.txt",
    b'{"level":"info","message":"a \\"quoted\\" word"}',
    b'{"log":"{\\"loss\\": 0.5, \\"step\\": 7}\\n","stream":"stdout"}',
    b'{"message":"step 3: loss=0.25"}',
)
HOSTILE = (b"\0\0step 4: loss=0.5", b"\xff\xfe loss", b"x" * 70_000, b"\x1b]0;title\x07", b"a\bb\rc")


def mixed(seed: int, noise: tuple[bytes, ...], ends: tuple[bytes, ...]) -> bytes:
    dice = random.Random(seed)
    pieces: list[bytes] = []
    for name in dice.sample(sorted({*LOGS, *WITH_SAMPLES}), 12):
        for line in whole_of(name).split(b"\n"):
            pieces += [dice.choice(noise) for _ in range(dice.randrange(4))] + [line]
    return b"".join(piece + dice.choice(ends) for piece in pieces)


@pytest.mark.parametrize("name", sorted({*LOGS, *WITH_SAMPLES}))
def test_every_sample(name: str) -> None:
    same(whole_of(name), 1 << 20)


@pytest.mark.parametrize("seed", range(6))
def test_samples_of_many_formats_among_lines_that_nobody_wants(seed: int) -> None:
    same(mixed(seed, NOISE, (b"\n",)), 65536)


@pytest.mark.parametrize("seed", range(6))
def test_hostile_lines_and_every_line_end(seed: int) -> None:
    same(mixed(seed, NOISE + HOSTILE, (b"\n", b"\r\n", b"\r", b"\b")), 61 + 4099 * seed)


def test_without_hyperscan_the_same_is_read_and_it_is_said(tmp_path: Path) -> None:
    log = tmp_path / "mixed.log"
    log.write_bytes(mixed(1, NOISE, (b"\n",)))
    there = subprocess.run(
        [*STOKER, "parse", "--format", "jsonl", str(log)], capture_output=True, text=True, check=True
    )
    hidden = "import sys; sys.modules['hyperscan'] = None; from stoker.__main__ import main; sys.exit(main())"
    command = [sys.executable, "-c", hidden, "parse", "--format", "jsonl", str(log)]
    missing = subprocess.run(command, capture_output=True, text=True, check=True)
    assert missing.stdout == there.stdout != ""
    assert "the package hyperscan is not installed" in missing.stderr
    assert there.stderr == ""


@pytest.mark.parametrize("name", LOGS)
def test_the_same_lines_are_told_as_unread_and_as_read_in_their_order(name: str) -> None:
    data = whole_of(name) + b"\n".join(NOISE) + b"\n" + b"5%\r10%\rdone\n" + whole_of(name)

    def told(*, by_line: bool, size: int) -> tuple[list[str], list[tuple[str, str, bool]]]:
        unread: list[str] = []
        read: list[tuple[str, str, bool]] = []
        one = Interpreter(
            FORMATS,
            line_length=65536,
            timezone=UTC,
            clock=lambda: NOW,
            on_unread=unread.append,
            on_read=lambda text, form, gave: read.append((text, form, gave)),
        )
        if by_line:
            line_by_line(one)
        for start in range(0, len(data), size):
            one.feed(data[start : start + size])
        one.flush()
        return unread, read

    expected = told(by_line=True, size=len(data))
    assert expected[0]
    assert told(by_line=False, size=len(data)) == expected
    assert told(by_line=False, size=333) == expected
