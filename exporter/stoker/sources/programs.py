"""The gate to the programs that Stoker calls: promtool and amtool, from PATH or from the checkout's .tools/."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stoker.errors import SourceError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

_OTHER_NAMES = {"alertmanager": "prometheus-alertmanager", "node_exporter": "prometheus-node-exporter"}
_CHECKOUT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended: its exit code and everything that it printed."""

    code: int
    output: str


def find(name: str) -> str:
    """The path of a program.

    Raises:
        UnavailableError: with what to do, when it is neither on PATH nor in .tools/.
    """
    for each in (name, _OTHER_NAMES.get(name, name)):
        found = shutil.which(each)
        if found is None and (_CHECKOUT / ".tools/bin" / each).exists():
            found = str(_CHECKOUT / ".tools/bin" / each)
        if found:
            return found
    raise UnavailableError(
        f"{name} is not on PATH; `make setup` fetches it in a checkout, else install Prometheus's packages"
    )


def run(
    name: str, arguments: Sequence[str], *, cwd: Path | None = None, timeout: float = 600, data: str | None = None
) -> Finished:
    """Run a program to its end; `data` is its standard input.

    Raises:
        UnavailableError: when it is not there.
        SourceError: when it does not end in `timeout` seconds.
    """
    try:
        done = subprocess.run(
            [find(name), *arguments], cwd=cwd, input=data, capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"{name} {' '.join(arguments[:3])} did not end within {timeout:g} s") from error
    return Finished(done.returncode, done.stdout + done.stderr)
