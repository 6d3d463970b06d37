"""The gate to the HTTP APIs of Prometheus and Alertmanager: JSON out of a bounded answer, in a bounded time."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from typing import Any

from stoker.errors import SourceError, UsageError

_MOST = 32 << 20
_EXCERPT = 120


def base_url(text: str) -> str:
    """An address of a server as given on the command line, without the slash at its end.

    Raises:
        UsageError: it is no address of HTTP.
    """
    parts = urllib.parse.urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{text} is no address of a server; write it as http://127.0.0.1:9090")
    return text.rstrip("/")


def get(url: str, timeout: float = 5.0) -> bytes:
    """What a server answers with.

    Args:
        url: http or https, as `base_url` has checked it.
        timeout: seconds that connecting, and each wait for data, may take.

    Raises:
        SourceError: it cannot be reached, answers with an error, or with too much.
    """
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:  # noqa: S310 - see the argument
            data: bytes = answer.read(_MOST + 1)
    except urllib.error.HTTPError as error:
        with error:
            says = _reason(error)
        raise SourceError(f"answers with {error.code}: {says}") from error
    except urllib.error.URLError as error:
        why = error.reason
        raise SourceError(getattr(why, "strerror", None) or str(why)) from error
    except (OSError, HTTPException) as error:
        raise SourceError(getattr(error, "strerror", None) or str(error) or type(error).__name__) from error
    if len(data) > _MOST:
        raise SourceError(f"answers with more than {_MOST >> 20} MiB")
    return data


def get_json(url: str, timeout: float = 5.0) -> Any:  # noqa: ANN401 - whatever the server answers
    """The JSON that a server answers with; arguments and errors as of `get`, and SourceError when it is no JSON."""
    data = get(url, timeout)
    try:
        return json.loads(data)
    except ValueError as error:
        raise SourceError(f"answers with something else than JSON: {data[:_EXCERPT]!r}") from error


def _reason(error: urllib.error.HTTPError) -> str:
    """What the server says about an error, in one short line."""
    try:
        text = error.read(_MOST).decode(errors="replace")
    except (OSError, HTTPException):
        return str(error.reason)
    try:
        text = str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        text = text.strip().partition("\n")[0]
    return text[:_EXCERPT] or str(error.reason)
