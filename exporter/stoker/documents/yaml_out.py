"""Writes YAML and JSON that are the same every time: keys as given, no anchors, long text in blocks."""

from __future__ import annotations

import json
from typing import Any

import yaml

_EXACT = 2.0**53


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002 - the signature is PyYAML's
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - PyYAML's
        return super().increase_indent(flow, indentless=False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(value), style=style)


def _number(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    text = str(int(value)) if value == int(value) and abs(value) < _EXACT else repr(float(value))
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


_Dumper.add_representer(str, _text)
_Dumper.add_multi_representer(str, _text)
_Dumper.add_representer(float, _number)


def write_yaml(data: object, head: str = "") -> str:
    """`data` (dicts, lists, scalars) as YAML; `head` becomes comment lines on top (what it was generated from)."""
    comment = "".join(f"# {line}\n" if line else "#\n" for line in head.splitlines())
    body: str = yaml.dump(
        data, Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=110
    )
    return comment + body


def write_json(data: object) -> str:
    """`data` as indented JSON with a newline at its end."""
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
