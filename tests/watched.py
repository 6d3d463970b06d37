"""Watches which files a piece of the program looks at, and what else of the outside world it asks."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

_OPENING = ("open", "os.listdir", "os.scandir")
_OTHER = ("fcntl.ioctl", "socket.connect", "subprocess.Popen", "ctypes.dlsym", "ctypes.call_function")
_active: list[Watch] = []


class Watch:
    """What was seen.

    Attributes:
        paths: opened, listed, or looked at, as they were given.
        others: names of the audit events of calls that are no files.
    """

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.others: set[str] = set()
        self._strangers = {thread.ident for thread in threading.enumerate()} - {threading.get_ident()}

    def see(self, event: str, first: object) -> None:
        """One event; those of threads that were there before are another test's."""
        if threading.get_ident() in self._strangers:
            return
        if event in _OTHER:
            self.others.add(event)
        elif event in _OPENING and isinstance(first, (str, bytes, os.PathLike)):
            self.paths.add(os.fsdecode(first))


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _active and (event in _OPENING or event in _OTHER):
        _active[-1].see(event, arguments[0] if arguments else None)


@contextmanager
def watching(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Watch all threads that begin from now on, and this one."""
    if not hasattr(sys, "_stoker_watched"):
        sys.addaudithook(_hook)  # there is no way to take it away again
        sys._stoker_watched = True  # type: ignore[attr-defined]

    def seen(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, *rest: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the function takes and gives
            watch.see("open", path)
            return function(path, *rest, **named)

        return call

    watch = Watch()
    with monkeypatch.context() as patch:
        for name in ("stat", "readlink", "statvfs"):  # of which Python tells nothing
            patch.setattr(os, name, seen(getattr(os, name)))
        _active.append(watch)
        try:
            yield watch
        finally:
            _active.pop()
