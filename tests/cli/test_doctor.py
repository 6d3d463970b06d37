"""`stoker doctor` as a user calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from demo.processes import free_ports

if TYPE_CHECKING:
    from pathlib import Path


def doctor(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stoker", "doctor", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def config(folder: Path, more: str = "") -> str:
    file = folder / "stoker.yaml"
    file.write_text(f"listen: 127.0.0.1:{free_ports(1)[0]}\nstate_dir: {folder}/state\ngpu: {{enabled: false}}\n{more}")
    return str(file)


def test_a_machine_on_which_all_works_gives_0_and_a_line_each(tmp_path: Path) -> None:
    done = doctor("--config", config(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"ok    configuration: {tmp_path}/stoker.yaml" in done.stdout
    assert "0 broken" in done.stdout


def test_what_is_broken_gives_1_and_what_to_do(tmp_path: Path) -> None:
    done = doctor("--config", config(tmp_path), "--prometheus", f"http://127.0.0.1:{free_ports(1)[0]}", "--json")
    assert done.returncode == 1
    broken = [each for each in json.loads(done.stdout) if each["state"] == "broken"]
    assert [each["topic"] for each in broken] == ["prometheus"]
    assert broken[0]["do"] == "--prometheus URL says where it is"


def test_a_wrong_configuration_does_not_keep_it_from_the_rest(tmp_path: Path) -> None:
    for mistake, says in (("hosst: {}\n", "unknown-key"), ("pack: {alerts: {GpuDwn: {}}}\n", "unknown-alert")):
        done = doctor("--config", config(tmp_path, mistake))
        assert done.returncode == 1
        assert says in done.stdout
        assert "`stoker check` shows them all" in done.stdout
        assert "ok    host: " in done.stdout
        assert "Traceback" not in done.stdout + done.stderr


def test_an_address_that_is_none_is_one_line(tmp_path: Path) -> None:
    done = doctor("--config", config(tmp_path), "--prometheus", "prom:9090")
    assert done.returncode == 2
    assert done.stderr == "stoker: prom:9090 is no address of a server; write it as http://127.0.0.1:9090\n"
