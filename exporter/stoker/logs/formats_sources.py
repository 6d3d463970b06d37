"""Compiles the formats that each source of stoker.yaml uses."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from stoker.logs.formats import CompiledFormats, compile_formats

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stoker.config.settings import SourceSettings
    from stoker.documents import Position, Problems
    from stoker.metrics import Desc
    from stoker.spec.format import FormatSpec


def formats_of(
    sources: Iterable[SourceSettings], formats: Mapping[str, FormatSpec], descs: Mapping[str, Desc], problems: Problems
) -> dict[str, CompiledFormats]:
    """Formats by the name of the source; a name that does not exist is a problem at its place in stoker.yaml."""
    return {
        str(source.name): compile_formats(
            formats, source.formats, descs, problems, partial(_listed, source.at.value("formats"))
        )
        for source in sources
    }


def _listed(position: Position, _: str) -> Position:
    return position
