"""The form of what the NVML child answers, checked where it comes from a recording and not from our own child."""

from __future__ import annotations

from typing import Any

_SYSTEM = {"driver": str, "cuda": str, "count": int}
_MOST = 4096


def check_answers(answers: list[Any]) -> None:
    """Make sure that the gate can read them.

    Raises:
        ValueError: it could not.
    """
    for number, answer in enumerate(answers):
        if not isinstance(answer, dict) or not _is_answer(answer):
            raise ValueError(f"answer {number} is none of NVML's")


def _is_answer(answer: dict[str, Any]) -> bool:
    if "lost" in answer:
        return _are(answer["lost"], (int, str, str))
    if "fatal" in answer:
        return _are(answer["fatal"], (str, str))
    if "count" in answer:
        return all(type(answer.get(name)) is kind for name, kind in _SYSTEM.items()) and 0 <= answer["count"] < _MOST
    return _is_device(answer)


def _is_device(answer: dict[str, Any]) -> bool:
    errors = answer.get("errors")
    return (
        type(answer.get("index")) is int
        and 0 <= answer["index"] < _MOST
        and isinstance(answer.get("uuid"), str)
        and isinstance(answer.get("static", {}), dict)
        and isinstance(answer.get("values", {}), dict)
        and isinstance(errors, list)
        and all(_are(error, (str, str)) for error in errors)
        and (not answer["uuid"] or ("static" in answer and "values" in answer))
    )


def _are(values: object, kinds: tuple[type, ...]) -> bool:
    return isinstance(values, list) and [type(value) for value in values] == list(kinds)
