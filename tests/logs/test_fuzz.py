"""Whatever the bytes: no fault of ours, the same by every way of reading, and no more memory than promised."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from followed import Followed, settings
from mutated import NUMBERS, check_log, check_readers, check_splitter, check_times, check_units, mutated
from stoker.logs.units import FACTORS
from stoker.logs.unwrap import messages, unglue, unwrap

if TYPE_CHECKING:
    from pathlib import Path

BYTES = st.lists(
    st.one_of(
        st.sampled_from(
            [b"\n", b"\r", b"\b", b"\0", b"\x1b[2K", b"\x1b]0;", b"\x07", b"\xe4\xb8\xad", b"\xff", b" ", b"\t", b"ab"]
        ),
        st.binary(max_size=6),
    ),
    max_size=40,
).map(b"".join)
FEW = how(derandomize=True, deadline=None, max_examples=200, database=None)


@FEW
@given(BYTES, st.lists(st.integers(0, 200), max_size=12), st.integers(1, 30))
def test_a_splitter_gives_the_same_lines_whatever_the_cuts(data: bytes, cuts: list[int], longest: int) -> None:
    check_splitter(data, cuts, longest)


@FEW
@given(
    st.lists(
        st.one_of(
            st.sampled_from(["[rank1]: ", "x[rank 2] ", "12: ", "it/s]", "(a pid=1) ", '{"log":"', '"}', ' msg="a"']),
            st.text(max_size=8),
        )
    )
)
def test_what_is_taken_away_before_a_line_is_all_that_goes(parts: list[str]) -> None:
    text = "".join(parts)
    rank, rest = unwrap(text)
    assert text.endswith(rest)
    assert not rank or rank == str(int(rank))
    records = unglue(text)
    assert records is None or sum(map(len, records)) <= len(text)
    for message in messages(text):
        assert message.strip()


@pytest.mark.parametrize("seed", range(60))
def test_changed_samples_are_read_the_same_by_block_and_by_line(seed: int) -> None:
    dice = random.Random(seed)
    check_log(mutated(dice), dice.choice((1 << 20, 65536, 777, 64)))


@pytest.mark.parametrize("seed", range(40))
def test_a_reader_takes_any_line(seed: int) -> None:
    check_readers(mutated(random.Random(1000 + seed)).decode(errors="replace").splitlines())


@FEW
@given(st.one_of(st.text("0123456789-:/ T.,Z+JanFeb", max_size=40), st.sampled_from(NUMBERS)))
def test_a_text_is_a_time_or_none(text: str) -> None:
    check_times(text)


@FEW
@given(
    st.one_of(
        st.text("0123456789.,_eE+-nainf %msµhGKiB'\"", max_size=20), st.sampled_from(NUMBERS), st.text(max_size=5)
    ),
    st.sampled_from([*FACTORS, "auto"]),
)
def test_a_text_is_a_number_or_none(text: str, unit: str) -> None:
    check_units(text, unit)


LOG = """step 10/100 loss 2.5
rank 1 step 11/100 loss 2.4
value a 1
boom
saved checkpoint
GET /a 200 0.5
Xid (PCI:0000:91:00): 79
"""
STRANGE: tuple[Any, ...] = (
    None,
    "",
    "x",
    -1,
    1e308,
    True,
    [],
    {},
    [[]],
    {"a": 1},
    "nan",
    "9" * 5000,
    10**400,
    -0.5,
    [None],
    float("nan"),
)


def changed(value: Any, dice: random.Random) -> Any:  # noqa: ANN401 - plain values
    """The same with one place of it changed."""
    if isinstance(value, dict) and value and dice.random() < 0.9:
        key = dice.choice(list(value))
        how_ = dice.randrange(12)
        if how_ == 0:
            return {name: each for name, each in value.items() if name != key}
        if how_ == 1:
            return {**value, f"{key}x": value[key]}
        return {**value, key: changed(value[key], dice)}
    if isinstance(value, list) and value and dice.random() < 0.9:
        at = dice.randrange(len(value))
        how_ = dice.randrange(12)
        if how_ == 0:
            return value[:at] + value[at + 1 :]
        if how_ == 1:
            return [*value, value[at]]
        return [*value[:at], changed(value[at], dice), *value[at + 1 :]]
    return dice.choice(STRANGE)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("kept")
    (folder / "a.log").write_text(LOG)
    followed = Followed(settings(folder), state=folder / "state")
    followed.turn()
    followed.engine.save()
    followed.kill()
    return folder, (folder / "state" / "logs.json").read_text()


@pytest.mark.parametrize("seed", range(100))
def test_a_changed_state_is_taken_over_or_set_aside(kept: tuple[Path, str], seed: int) -> None:
    folder, text = kept
    dice = random.Random(seed)
    document = changed(json.loads(text), dice)
    if dice.random() < 0.3:
        document = changed(document, dice)
    for file in (folder / "state").iterdir():
        file.unlink()
    (folder / "state" / "logs.json").write_text(json.dumps(document))
    followed = Followed(settings(folder), state=folder / "state")
    with (folder / "a.log").open("a") as log:
        log.write("step 12/100 loss 2.3\n")
    found = followed.turn()
    assert found["stoker_log_errors_total{source=s,reason=internal}"] == 0 or "internal" in json.dumps(document)
    assert all(isinstance(value, float | int) for value in found.values())
    assert followed.engine.save()
    followed.turn()
    followed.kill()


@pytest.mark.parametrize("seed", range(40))
def test_a_state_with_changed_bytes_is_taken_over_or_set_aside(kept: tuple[Path, str], seed: int) -> None:
    folder, text = kept
    dice = random.Random(seed)
    raw = bytearray(text.encode())
    for _ in range(dice.randrange(1, 4)):
        raw[dice.randrange(len(raw))] = dice.choice(b'0123456789{}[],:"\\\xff e.-')
    (folder / "state").mkdir(exist_ok=True)
    (folder / "state" / "logs.json").write_bytes(bytes(raw))
    followed = Followed(settings(folder), state=folder / "state")
    followed.turn()
    followed.kill()


@pytest.mark.parametrize("number", [10**400, "9" * 5000])
def test_a_state_with_a_number_of_any_length_is_set_aside(kept: tuple[Path, str], number: object) -> None:
    folder, text = kept
    for file in (folder / "state").iterdir():
        file.unlink()
    document = json.loads(text)
    document["store"]["subjects"][0]["seen"] = number
    (folder / "state" / "logs.json").write_text(json.dumps(document))
    followed = Followed(settings(folder), state=folder / "state")
    assert list((folder / "state").glob("logs.json.corrupt-*"))
    followed.kill()
