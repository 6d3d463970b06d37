"""Builds packs from a few lines of YAML, as a user's `pack:` over the shipped spec."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stoker.catalog import complete
from stoker.checks import check_pack
from stoker.config.settings import RawPart
from stoker.documents import Problems, read_yaml
from stoker.spec.pack import Pack, load_pack

if TYPE_CHECKING:
    from collections.abc import Sequence

WORDS = """
      summary: "{{ $labels.instance }}: x"
      summary_zh: "异常"
      description: "value {{ $value }}"
      description_zh: "数值异常"
      panel: "X"
      runbook:
        meaning: Something is wrong with the thing.
        impact: The thing does not do its work.
        look: Look at `nvidia-smi` and at the logs.
        fix: Drain the node and restart the thing.
"""
"""Keys that every alert needs and that a test does not care for."""

LABELLESS = WORDS.replace("{{ $labels.instance }}: ", "")
"""The same for alerts without an instance."""


def pack_of(text: str) -> tuple[Pack, Problems]:
    """The shipped pack with `text` as the part `pack:`; WORDS stands for `$WORDS` in it."""
    problems = Problems()
    node = read_yaml(text.replace("$WORDS", WORDS), "stoker.yaml", problems)
    assert node is not None, list(problems)
    pack = load_pack(RawPart(node=node), problems)
    if not problems.found:
        pack = complete(pack)
        check_pack(pack, problems)
    return pack, problems


def only(pack: Pack, alerts: Sequence[str]) -> Pack:
    """The pack with no other alerts than these."""
    domains = {
        name: replace(domain, alerts={key: alert for key, alert in domain.alerts.items() if key in alerts})
        for name, domain in pack.domains.items()
    }
    return replace(pack, domains=domains)
