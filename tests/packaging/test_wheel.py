"""The wheel and the sdist carry the program and the whole spec, and the installed wheel works by itself."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    for target in ("wheel", "sdist"):
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)],
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
    return folder


def sources() -> set[str]:
    """Every file that the two packages have in the checkout, as the wheel names it."""
    found = set()
    for base, package in (("exporter", "stoker"), ("rules", "stoker_pack")):
        for file in (ROOT / base / package).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                found.add(file.relative_to(ROOT / base).as_posix())
    return found


def test_the_wheel_holds_every_file_of_the_packages(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == sources()


def test_the_sdist_holds_them_too(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        names = {name.split("/", 2)[2] for name in sdist.getnames() if name.count("/") > 1}
    assert sources() <= names


def test_the_wheel_works_from_where_it_is(built: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import stoker; print(stoker.__file__); "
        "from stoker.cli.main import main; sys.exit(main(['check']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) in done.stdout
    assert "no problems: " in done.stdout
