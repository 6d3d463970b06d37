"""What `stoker check` and `stoker generate` work on: the pack with the user's changes, its problems, and what is made of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stoker.catalog import complete
from stoker.checks import check_pack
from stoker.cli.reference import command_line
from stoker.collectors.host import check_switches
from stoker.config import Settings, find_config, load_settings
from stoker.documents import Problems
from stoker.generate.output import artifacts
from stoker.logs.formats_sources import formats_of
from stoker.spec.notify import load_notify
from stoker.spec.pack import Pack, load_pack

if TYPE_CHECKING:
    import argparse

    from stoker.generate.artifact import Artifact


@dataclass(frozen=True, slots=True)
class Checked:
    """A pack and everything that is wrong with it."""

    pack: Pack
    settings: Settings
    problems: Problems
    texts: Mapping[str, str]


def checked_pack(config: str | None, *, use_config: bool = True) -> Checked:
    """Load and check.

    Args:
        config: the flag `--config`.
        use_config: False takes the shipped pack whatever stoker.yaml lies about.

    Raises:
        MistakeError: when stoker.yaml itself cannot be read as settings.
    """
    loaded = load_settings(find_config(config, os.environ) if use_config or config else None)
    problems = Problems()
    pack = load_pack(loaded.settings.pack, problems)
    notify = load_notify(loaded.settings.notify, problems)
    if not problems.found:
        pack = complete(replace(pack, links=loaded.settings.links, receivers=notify.names))
        check_pack(pack, problems)
        if not problems.found:  # a format's own mistakes are said once
            formats_of(loaded.settings.sources, pack.formats, pack.catalog, problems)
    check_switches(loaded.settings.host.collectors, problems)
    return Checked(pack, loaded.settings, problems, {**pack.texts, **loaded.texts})


def generated(checked: Checked, parser: argparse.ArgumentParser) -> list[Artifact]:
    """Every generated file, sorted by path; the page of the command line is made from its parser."""
    return sorted([*artifacts(checked.pack, checked.settings), command_line(parser)], key=lambda each: each.path)
