"""The NVLinks of one GPU: which there are, which are up, what they are and what was counted of them; in the child only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stoker.sources.nvml_calls import Refused
from stoker.sources.nvml_reads import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stoker.sources.nvml_calls import Nvml

_ERRORS = (("replay", 0), ("recovery", 1), ("crc_flit", 2), ("crc_data", 3))
"""Counters of nvmlDeviceGetNvLinkErrorCounter, for those that the fields do not have."""
_MOST = 36
_FEC = tuple(f"fec{number}" for number in range(16))
_ABOUT = (("version", "nvmlDeviceGetNvLinkVersion"), ("remote", "nvmlDeviceGetNvLinkRemoteDeviceType"))


class Links:
    """Links between two rounds.

    Args:
        nvml: makes the calls.
        index: of the device.
        refused: told of each call that was refused: whether it is merely not supported; raises when the device is gone.
    """

    def __init__(self, nvml: Nvml, index: int, refused: Callable[[Refused], bool]) -> None:
        self._nvml = nvml
        self._index = index
        self._refused = refused
        self._numbers: list[int] | None = None
        self._errors = dict(_ERRORS)
        self._about: dict[int, dict[str, int]] = {}
        self._corrected: dict[int, list[int]] = {}

    def states(self, handle: object) -> dict[int, int]:
        """Whether each link is up, by its number; what is not there is asked for once."""
        found: dict[int, int] = {}
        present: list[int] = []
        for link in range(_MOST) if self._numbers is None else self._numbers:
            try:
                state = self._nvml.ask(self._index, "nvmlDeviceGetNvLinkState", handle, link)
            except Refused as refused:
                if refused.error == "INVALID_ARGUMENT":
                    break  # the device has no link of this number
                if not self._refused(refused):
                    present.append(link)
                continue
            present.append(link)
            found[link] = state
        self._numbers = present
        return found

    def read(
        self, handle: object, states: Mapping[int, int], fields: dict[int, dict[str, int]]
    ) -> list[list[dict[str, int] | int]]:
        """[link, state, what it is, {type: errors}, other fields by name] of each."""
        found: list[list[dict[str, int] | int]] = []
        for link, state in states.items():
            counted = {key: value for key, value in fields.get(link, {}).items() if key not in _FEC}
            errors = self._counted(handle, link, counted) if state else {}
            found.append([link, state, self._what_it_is(handle, link) if state else {}, errors, counted])
        return found

    def corrected(self, fields: Mapping[int, Mapping[str, int]]) -> list[int]:
        """Blocks over all links in which 0, 1, 2, ... symbols were corrected, those of links that are down now included."""
        for link, told in fields.items():
            if _FEC[0] in told:
                self._corrected[link] = [told.get(key, 0) for key in _FEC]
        return [sum(counts) for counts in zip(*self._corrected.values(), strict=True)]

    def _counted(self, handle: object, link: int, fields: dict[str, int]) -> dict[str, int]:
        """Errors by type: out of the fields, and asked for where those do not have them."""
        counts: dict[str, int] = {}
        for name, counter in list(self._errors.items()):
            if name in fields:
                counts[name] = fields.pop(name)
                continue
            try:
                count = self._ask("nvmlDeviceGetNvLinkErrorCounter", handle, link, counter)
            except Refused as refused:
                if self._refused(refused):
                    del self._errors[name]
                continue
            if count is not None:
                counts[name] = count
        return counts

    def _what_it_is(self, handle: object, link: int) -> dict[str, int]:
        """Version and kind of the other end, asked for once."""
        if link in self._about:
            return self._about[link]
        about: dict[str, int] = {}
        for key, call in _ABOUT:
            try:
                value = self._ask(call, handle, link)
            except Refused as refused:
                if not self._refused(refused):
                    return about  # asked again in the next round
                continue
            if value is not None:
                about[key] = value
        self._about[link] = about
        return about

    def _ask(self, call: str, handle: object, *arguments: int) -> Any:  # noqa: ANN401 - see Nvml.ask
        return self._nvml.ask(self._index, call, handle, *arguments, keep=clean)
