"""The blocks of the README marked `sh run` work, in order, in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```sh run\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANY = re.compile(r"^```sh( run)?\n.*?^```\n+(.*?)$", re.MULTILINE | re.DOTALL)


def test_the_blocks_that_are_marked_run(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin/stoker"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m stoker "$@"\n')
    command.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    blocks = BLOCK.findall(README)
    assert len(blocks) >= 3
    env = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    said = ""
    for block in blocks:
        done = subprocess.run(["sh", "-euc", block], cwd=work, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, block + done.stderr
        said += done.stdout + done.stderr
    assert "stoker_train_nonfinite_total" in said
    assert re.search(r"^ok    source pretrain: 1 file; 2 of the last 2 lines understood", said, re.MULTILINE)
    alerts, formats = re.search(r"no problems: (\d+) alerts, \d+ metrics, (\d+) log formats", said).groups()  # type: ignore[union-attr]
    assert f"| {alerts} alerts |" in README
    assert f"| {formats} formats, " in README
    mistake = re.search(r"^```text\n(wrong\.yaml:.*?\n)```$", README, re.MULTILINE | re.DOTALL)
    assert mistake is not None
    assert mistake[1] in said
    assert (work / "generated/alertmanager/alertmanager.yml").is_file()


def test_the_blocks_that_do_not_run_say_why() -> None:
    for marked, behind in ANY.findall(README):
        assert marked or behind.startswith("(Not run by the documentation test:"), behind


def test_links_of_the_documents_lead_somewhere() -> None:
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:\s]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
