"""What the demonstration prints: lines that stay, a line that counts while something is awaited, and a mail in a frame."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email.message import EmailMessage

_WIDEST = 120
_LEAST = 40


def say(text: str = "", end: str = "\n") -> None:
    """A line that stays, in place of the one that counts."""
    _clear()
    print(text, end=end, flush=True)


def waiting(what: str, seconds: float) -> None:
    """A line that counts the seconds until something is there; only on a terminal, where it can be overwritten."""
    if sys.stdout.isatty():
        print(f"\r\x1b[K  {seconds:5.1f} s  ... until {what}", end="", flush=True)


def show(message: EmailMessage) -> None:
    """A mail in a frame as wide as the terminal; a long link is cut, it is whole in the mail itself."""
    width = max(_LEAST, min(_WIDEST, shutil.get_terminal_size((_WIDEST, 40)).columns) - 5)
    body = message.get_body(("plain", "html"))
    text = body.get_content().strip() if body is not None else ""
    lines = [f"Subject: {message['subject']}", f"To: {message['to']}", ""]
    for line in text.splitlines():
        if "://" in line:
            lines.append(_cut(line, width))
        else:
            lines += textwrap.wrap(line, width) or [""]
    say("\n" + "\n".join(f"  | {line}" for line in lines) + "\n")


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 4]} ..."


def _clear() -> None:
    if sys.stdout.isatty():
        print("\r\x1b[K", end="")
