"""THE list of metrics: what the machine is asked, what logs say and what Stoker says of itself, by name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stoker.collectors.gpu import GPU_DESCS
from stoker.collectors.host import HOST_DESCS
from stoker.errors import DescError
from stoker.metrics import Desc, own
from stoker.spec.declared import declare

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stoker.spec.metric import MetricSpec
    from stoker.spec.pack import Pack

TARGET_LABELS = ("cluster", "instance", "job")
"""Labels that a scrape adds to every series."""


def catalog(log_metrics: Mapping[str, MetricSpec]) -> dict[str, Desc]:
    """Every metric that exists, by name, sorted.

    Raises:
        DescError: when two declare the same name.
    """
    found: dict[str, Desc] = {}
    for desc in (*own.DESCS, *HOST_DESCS, *GPU_DESCS, *declare(log_metrics)):
        if desc.name in found:
            raise DescError(f"{desc.name} is declared twice")
        found[desc.name] = desc
    return dict(sorted(found.items()))


def complete(pack: Pack) -> Pack:
    """The pack with its catalogue."""
    return replace(pack, catalog=catalog(pack.metrics))
