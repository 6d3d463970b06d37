"""A real mount whose server never answers: a FUSE file system that nobody serves, in a mount namespace of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import ctypes, json, os, sys
from pathlib import Path
from stoker.sources.mounts import Mounts, Patience

root = Path(sys.argv[1])
for name in ("dead", "live", "proc/self"):
    (root / name).mkdir(parents=True)
libc = ctypes.CDLL(None, use_errno=True)

def mount(device, point, fstype, options):
    if libc.mount(device, str(root / point).encode(), fstype, 0, options):
        print(json.dumps({"refused": os.strerror(ctypes.get_errno())}))
        sys.exit()

server = os.open("/dev/fuse", os.O_RDWR)
mount(b"server:/dead", "dead", b"fuse", f"fd={server},rootmode=40000,user_id=0,group_id=0".encode())
mount(b"memory", "live", b"tmpfs", b"size=1m")
(root / "proc/self/mountinfo").write_text(Path("/proc/self/mountinfo").read_text())
mounts = Mounts(str(root / "proc"), patience=Patience(each=0.2))
listed = [mount for mount in mounts.listed() if mount.mountpoint.startswith(str(root))]
said = []
for _ in range(2):
    said.append({Path(point).name: str(usage) for point, usage in mounts.usages(listed).items()})
os.close(server)  # the kernel gives up on a server that is gone, and the thread returns
while mounts.stuck():
    pass
said.append({Path(point).name: str(usage) for point, usage in mounts.usages(listed).items()})
print(json.dumps({"said": said}))
sys.stdout.flush()
os._exit(0)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
@pytest.mark.skipif(not os.access("/dev/fuse", os.W_OK), reason="this machine has no FUSE")
@pytest.mark.skipif(shutil.which("unshare") is None, reason="util-linux is not installed")
def test_a_mount_whose_server_is_dead_costs_only_itself_and_comes_back(tmp_path: Path) -> None:
    done = subprocess.run(
        ["unshare", "--mount", sys.executable, "-c", PROGRAM, str(tmp_path / "machine")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "unshare failed" in done.stderr or "refused" in done.stdout:
        pytest.skip(f"mounting is not allowed here: {done.stderr or done.stdout}")
    assert done.returncode == 0, done.stderr
    first, second, last = json.loads(done.stdout)["said"]
    assert first["dead"] == "statvfs did not return within 0.2 s"
    assert second["dead"] == "an earlier statvfs has not returned"
    assert last["dead"] == "Transport endpoint is not connected"
    assert all(said["live"].startswith("Usage(size=1048576") for said in (first, second, last))
