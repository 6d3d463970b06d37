"""Everything that is generated, in one list, and what it takes to write it or to prove it current."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.documents import Problems
from stoker.generate.alertmanager import alertmanager
from stoker.generate.dashboards import dashboards
from stoker.generate.prometheus import prometheus
from stoker.generate.reference import reference
from stoker.generate.rule_tests import rule_tests
from stoker.generate.rules import rules
from stoker.generate.runbooks import runbooks
from stoker.generate.schema import schemas
from stoker.spec.notify import load_notify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from stoker.config import Settings
    from stoker.generate.artifact import Artifact
    from stoker.spec.pack import Pack

GENERATORS: tuple[Callable[[Pack, Settings], Iterable[Artifact]], ...] = (
    lambda pack, _: rules(pack),
    lambda pack, _: rule_tests(pack),
    lambda pack, settings: alertmanager(pack, load_notify(settings.notify, Problems())),
    prometheus,
    lambda pack, _: dashboards(pack),
    lambda pack, _: runbooks(pack),
    lambda pack, _: reference(pack),
    lambda pack, _: schemas(pack),
)
"""A new kind of output is one file and one row here."""

OWNED = {
    "rules/recording": "*.yml",
    "rules/alerts": "*.yml",
    "rules/tests": "*.yml",
    "grafana/dashboards": "*.json",
    "docs/runbooks": "*.md",
}
"""Folders in which every matching file is generated, so that one which no generator makes any more is removed."""


def artifacts(pack: Pack, settings: Settings) -> list[Artifact]:
    """Every generated file, sorted by path."""
    made = [artifact for generator in GENERATORS for artifact in generator(pack, settings)]
    return sorted(made, key=lambda artifact: artifact.path)


def drift(made: Iterable[Artifact], root: Path) -> list[str]:
    """One line for each file under `root` that is missing, different or no longer generated; empty when all is current."""
    found = []
    paths = set()
    for artifact in made:
        paths.add(artifact.path)
        target = root / artifact.path
        if not target.is_file():
            found.append(f"{artifact.path}:1:1: drift: the file is missing; run `make generate`")
        elif (old := target.read_text(encoding="utf-8")) != artifact.content:
            line = _first_difference(old, artifact.content)
            found.append(f"{artifact.path}:{line}:1: drift: not what the spec says; run `make generate`")
    found += [
        f"{path}:1:1: drift: nothing generates this file any more; run `make generate`" for path in left(paths, root)
    ]
    return found


def left(paths: set[str], root: Path) -> list[str]:
    """Files in generated folders that no generator makes."""
    return sorted(
        str(file.relative_to(root))
        for folder, pattern in OWNED.items()
        for file in (root / folder).glob(pattern)
        if str(file.relative_to(root)) not in paths
    )


def write(made: Iterable[Artifact], root: Path) -> int:
    """Write what changed, remove what is no longer generated; the number of files touched."""
    touched = 0
    paths = set()
    for artifact in made:
        paths.add(artifact.path)
        target = root / artifact.path
        if target.is_file() and target.read_text(encoding="utf-8") == artifact.content:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(artifact.content, encoding="utf-8")
        touched += 1
    for path in left(paths, root):
        (root / path).unlink()
        touched += 1
    return touched


def _first_difference(old: str, new: str) -> int:
    pairs = zip(old.splitlines(), new.splitlines(), strict=False)
    same = 0
    for before, after in pairs:
        if before != after:
            break
        same += 1
    return same + 1
