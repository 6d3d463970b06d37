"""Where state is kept when nothing says so."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING

from stoker.config import Settings
from stoker.config.load import state_dir

if TYPE_CHECKING:
    import pytest


def test_a_setting_counts_before_everything() -> None:
    assert state_dir(Settings(state_dir="/srv/state"), {"XDG_STATE_HOME": "/x"}) == Path("/srv/state")


def test_a_user_keeps_it_in_the_home_and_root_in_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert state_dir(Settings(), {"XDG_STATE_HOME": "/x"}) == Path("/x/stoker")
    monkeypatch.setenv("HOME", "/home/u")
    assert state_dir(Settings(), {}) == Path("/home/u/.local/state/stoker")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert state_dir(Settings(), {"XDG_STATE_HOME": "/x"}) == Path("/var/lib/stoker")


def test_a_user_without_a_home_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> pwd.struct_passwd:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert state_dir(Settings(), {}) == Path("/var/lib/stoker")
