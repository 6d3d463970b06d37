"""A journal of the test's own: a file of entries, and a program `journalctl` that prints them as systemd's does."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """#!{python}
import json, os, sys, time

parent = os.getppid()
given = [each.partition("=")[::2] for each in sys.argv[1:]]
options = dict(given)
units = [value for name, value in given if name == "--unit"]
if any("*" in unit for unit in units):
    sys.exit("Failed to add filter for units: No data available")
with open({calls!r}, "a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
assert {{"--follow", "--all", "--quiet", "--no-pager", "--merge"}} <= set(options) and options["--output"] == "json"
if os.path.exists({broken!r}):
    sys.exit(open({broken!r}).read().strip())
fields = [*options["--output-fields"].split(","), "__CURSOR", "__REALTIME_TIMESTAMP", "__MONOTONIC_TIMESTAMP"]
file = open({entries!r}, "rb")


def wanted(line):
    entry = json.loads(line)
    return not units or entry.get("_SYSTEMD_UNIT") in units


def show(line):
    entry = json.loads(line)
    print(json.dumps({{name: value for name, value in entry.items() if name in fields}}), flush=True)


known = [line for line in file if wanted(line)]
cursor = options.get("--after-cursor")
if cursor is not None:
    # a cursor that is gone stands for its place: the first entry that is later
    place = int(cursor.partition("-")[2])
    if not cursor.startswith("c-"):
        sys.exit("Failed to seek to cursor: Invalid argument")
    known = [line for line in known if int(json.loads(line)["__CURSOR"].partition("-")[2]) > place]
elif "--since" in options:
    since = float(options["--since"].removeprefix("@")) * 1e6
    known = [line for line in known if int(json.loads(line)["__REALTIME_TIMESTAMP"]) >= since]
if "--no-tail" not in options:
    known = known[-int(options.get("--lines", "10")):]
try:
    for line in known:
        show(line)
    while os.getppid() == parent:
        line = file.readline()
        if line and wanted(line):
            show(line)
        elif not line:
            time.sleep(0.005)
except BrokenPipeError:
    os._exit(1)
"""


class Journal:
    """Entries that a test adds and removes.

    Args:
        folder: for the program, which has to be first on PATH, and its files.
    """

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        self._entries = folder / "entries"
        self._entries.touch()
        self._calls = folder / "calls"
        self.broken = folder / "broken"
        self.number = 0
        program = self.bin / "journalctl"
        paths = {"calls": str(self._calls), "broken": str(self.broken), "entries": str(self._entries)}
        program.write_text(PROGRAM.format(python=sys.executable, **paths))
        program.chmod(0o755)

    def add(self, message: Any, when: float, unit: str = "train.service", **fields: Any) -> None:  # noqa: ANN401 - as JSON has it
        """Write an entry; `when` in seconds."""
        self.number += 1
        entry = {"__CURSOR": f"c-{self.number}", "__REALTIME_TIMESTAMP": str(int(when * 1e6)), "_SYSTEMD_UNIT": unit}
        entry |= {"MESSAGE": message, "_HOSTNAME": "n1", "_PID": "7", "PRIORITY": "6", **fields}
        with self._entries.open("a") as file:
            file.write(json.dumps(entry) + "\n")

    def keep(self, count: int) -> None:
        """Remove all entries but the last ones, as when the journal is rotated away."""
        left = self._entries.read_text().splitlines(keepends=True)[-count:]
        other = self._entries.with_suffix(".new")
        other.write_text("".join(left))
        other.replace(self._entries)

    @property
    def calls(self) -> list[list[str]]:
        """The arguments of each start of the program."""
        return [json.loads(line) for line in self._calls.read_text().splitlines()]
