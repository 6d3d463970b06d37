"""Every configuration in the how-to pages is one that `stoker check` accepts, and promtool and amtool accept what is made of it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from stoker.sources import programs

FOLDER = Path(__file__).resolve().parents[2] / "docs/how-to"
BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [
    (page.stem, block) for page in sorted(FOLDER.glob("*.md")) for block in BLOCK.findall(page.read_text("utf-8"))
]


@pytest.mark.parametrize(
    "block", [block for _, block in BLOCKS], ids=[f"{page}-{n}" for n, (page, _) in enumerate(BLOCKS)]
)
def test_a_configuration_of_the_how_to_pages(block: str, tmp_path: Path) -> None:
    config = tmp_path / "stoker.yaml"
    config.write_text(block)
    made = [sys.executable, "-m", "stoker", "generate", "--config", str(config), "--out", str(tmp_path)]
    done = subprocess.run(made, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    rules = sorted(str(path) for path in tmp_path.glob("rules/*/*.yml") if path.parent.name != "tests")
    assert programs.run("promtool", ["check", "rules", *rules]).code == 0
    assert programs.run("amtool", ["check-config", str(tmp_path / "alertmanager/alertmanager.yml")]).code == 0


def test_the_tests_of_the_alert_that_a_page_adds_notice_every_change(tmp_path: Path) -> None:
    (block,) = [block for page, block in BLOCKS if page == "add-an-alert" and "GpuVeryHot:" in block]
    (tmp_path / "stoker.yaml").write_text(block)
    command = [sys.executable, "-m", "stoker", "check", "--mutate", "GpuVeryHot"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "mutants of 1 alerts" in done.stderr


def test_there_are_pages_with_configurations() -> None:
    assert {page for page, _ in BLOCKS} >= {
        "add-an-alert",
        "add-a-log-format",
        "change-the-pack",
        "watch-a-gpu-node",
        "get-logs-in",
        "beside-elk",
        "watch-a-run",
        "move-from-dcgm-exporter",
    }


def test_the_page_of_log_formats_is_a_walk_that_works(tmp_path: Path) -> None:
    page = (FOLDER / "add-a-log-format.md").read_text("utf-8")
    (tmp_path / "etl.log").write_text(page.partition("```text\n")[2].partition("```")[0])

    def stoker(*arguments: str) -> str:
        command = [sys.executable, "-m", "stoker", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    assert page.partition("```console\n")[2].partition("```")[0] in stoker("learn", "etl.log", "--out", "stoker.yaml")
    for edited in (False, True):
        if edited:
            (tmp_path / "stoker.yaml").write_text(next(block for name, block in BLOCKS if name == "add-a-log-format"))
        assert stoker("check", "--config", "stoker.yaml").startswith("no problems: ")
        assert "5 lines; understood by etl 5; by none 0" in stoker("parse", "--config", "stoker.yaml", "etl.log")
    assert "etl_records_total" in stoker("parse", "--config", "stoker.yaml", "etl.log")
