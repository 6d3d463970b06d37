"""What every command shares."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stoker.cli.main import COMMANDS, main


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_there_alone_and_among_all(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([command, "--help"], ["--help"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
        assert command in capsys.readouterr().out


def test_what_serves_does_not_load_what_generates() -> None:
    program = (
        "import sys; from stoker.cli.main import build_parser; build_parser(['serve'])\n"
        "print([name for name in ('stoker.generate', 'stoker.checks', 'promql_parser') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
