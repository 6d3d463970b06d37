"""Files that are held open between a list of them and their reading."""

from __future__ import annotations

import gzip
import os
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from stoker.sources.files import Follower
from stoker.sources.files_held import Held
from stoker.sources.files_remains import sibling

if TYPE_CHECKING:
    from pathlib import Path


def identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_held_file_is_read_after_it_was_deleted(tmp_path: Path) -> None:
    path, held = tmp_path / "app.log.1", Held()
    path.write_bytes(b"one\ntwo\n")
    known = identity(path)
    held.hold(str(path), known)
    path.unlink()
    for _ in range(2):
        with held.opened(str(path), known) as file:
            assert file.read() == b"one\ntwo\n"
    (gone,) = held.gone(str(tmp_path / "app.log"))
    assert (gone.path, gone.identity, gone.place) == (str(path), known, (1,))
    descriptor = held.take(known)
    assert descriptor is not None
    assert os.pread(descriptor, 100, 0) == b"one\ntwo\n"
    os.close(descriptor)
    assert held.take(known) is None
    with pytest.raises(FileNotFoundError):
        held.opened(str(path), known)


def test_a_file_is_held_by_its_inode_under_the_name_that_it_has_by_now(tmp_path: Path) -> None:
    path, held = tmp_path / "app.log", Held()
    path.write_bytes(b"old\n")
    known = identity(path)
    path.rename(tmp_path / "app.log.1")
    path.write_bytes(b"new\n")
    held.hold(str(path), known)
    with held.opened(str(path), known) as file:
        assert file.read() == b"old\n"
    held.drop()


def test_what_was_packed_from_a_held_file_is_told(tmp_path: Path) -> None:
    path, held = tmp_path / "app.log.1", Held()
    path.write_bytes(b"one\ntwo\n")
    held.hold(str(path), identity(path))
    for name, content in (("app.log.1.gz", b"one\ntwo\n"), ("app.log.2.gz", b"one\nthree\n")):
        (tmp_path / name).write_bytes(gzip.compress(content))
    packed, other = sibling(str(tmp_path / "app.log.1.gz")), sibling(str(tmp_path / "app.log.2.gz"))
    assert packed is not None
    assert other is not None
    assert not held.is_in(packed)  # the file is there still
    path.unlink()
    assert held.is_in(packed)
    assert not held.is_in(other)
    held.drop()


def test_no_more_than_sixty_four_are_held(tmp_path: Path) -> None:
    before, held = descriptors(), Held()
    for number in range(100):
        path = tmp_path / f"{number}.log"
        path.touch()
        held.hold(str(path), identity(path))
    assert descriptors() == before + 64
    held.drop()
    assert descriptors() == before


def test_descriptors_do_not_grow_with_copies_that_wait_and_files_that_come_and_go(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"a line of a log\n" * 100)
    for number in range(1, 21):
        (tmp_path / f"app.log.{number}").write_bytes(log.read_bytes())
    follower = Follower((f"{tmp_path}/app.log*",), from_beginning=True, errors=Counter())
    list(follower.turn(1.0))
    before = descriptors()
    for look in range(2, 40):
        with log.open("ab") as file:
            file.write(b"more\n")
        (tmp_path / f"app.log.{look % 20 + 1}").unlink()
        (tmp_path / f"app.log.{look % 20 + 1}").write_bytes(log.read_bytes())
        list(follower.turn(float(look)))
    assert descriptors() <= before + 20
    follower.close()
