"""Bases of links: what a mail cannot link to is told before it is sent."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


def check(tmp_path: Path, links: str) -> tuple[int, list[str]]:
    (tmp_path / "stoker.yaml").write_text(f"links: {links}\n")
    command = [sys.executable, "-m", "stoker", "check", "--config", "stoker.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize(
    "base", ["file:///srv/runbooks", "grafana:3000/d", "wiki.example.com", "https://", "javascript:x"]
)
def test_a_base_that_mails_cannot_link_to_is_told_with_its_place(tmp_path: Path, base: str) -> None:
    code, said = check(tmp_path, f'{{runbooks: "{base}"}}')
    assert code == 1
    assert len(said) == 1
    assert said[0].startswith(f"stoker.yaml:1:20: link: links.runbooks: {base} is no address of the web")


@pytest.mark.parametrize(
    "base", ["http://127.0.0.1:9880/runbooks", "https://wiki.example.com", "https://[::1]:3000/d/"]
)
def test_addresses_of_the_web_are_fine(tmp_path: Path, base: str) -> None:
    assert check(tmp_path, f'{{runbooks: "{base}", dashboards: "{base}"}}') == (0, [])
