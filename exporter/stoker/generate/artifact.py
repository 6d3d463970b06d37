"""A generated file before it is written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file.

    Attributes:
        path: relative to the output root, as in `grafana/dashboards/stoker-gpu.json`.
        content: the whole text.
    """

    path: str
    content: str
