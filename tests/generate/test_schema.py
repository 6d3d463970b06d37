"""The schemas accept what the spec and stoker.yaml accept and refuse what they refuse."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest
import yaml

from stoker.generate.schema import schemas
from stoker.spec.pack import Pack, load_pack, shipped_files


@cache
def shipped() -> Pack:
    return load_pack()


@cache
def schema(name: str) -> dict[str, Any]:
    made = {artifact.path: artifact.content for artifact in schemas(shipped())}
    found: dict[str, Any] = json.loads(made[f"docs/reference/{name}.schema.json"])
    return found


TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}
KNOWN = {
    "$schema", "$comment", "title", "description", "definitions", "$ref", "type", "enum", "const", "pattern",
    "properties", "additionalProperties", "required", "items", "anyOf", "oneOf", "allOf",
}  # fmt: skip


Rule = dict[str, Any]


def wrong(value: object, rule: Rule, root: Rule, path: str = "") -> list[str]:
    """What a validator of JSON Schema says of the words that these schemas use."""
    assert set(rule) <= KNOWN, set(rule) - KNOWN
    if "$ref" in rule:
        return wrong(value, root["definitions"][rule["$ref"].removeprefix("#/definitions/")], root, path)
    return plain(value, rule, path) or [*parts(value, rule, root, path), *choices(value, rule, root, path)]


def plain(value: object, rule: Rule, path: str) -> list[str]:
    names = rule.get("type", [])
    names = names if isinstance(names, list) else [names]
    if names and not any(
        isinstance(value, TYPES[name]) and isinstance(value, bool) <= (name == "boolean") for name in names
    ):
        return [f"{path}: {value!r} is no {' or '.join(names)}"]
    if "enum" in rule and value not in rule["enum"]:
        return [f"{path}: {value!r} is none of {rule['enum']}"]
    if "const" in rule and (value != rule["const"] or isinstance(value, bool)):
        return [f"{path}: {value!r} is not {rule['const']!r}"]
    if "pattern" in rule and isinstance(value, str) and not re.search(rule["pattern"], value):
        return [f"{path}: {value!r} does not match"]
    return []


def choices(value: object, rule: Rule, root: Rule, path: str) -> list[str]:
    found = [line for each in rule.get("allOf", ()) for line in wrong(value, each, root, path)]
    for word in ("anyOf", "oneOf"):
        if word in rule:
            fitting = [each for each in rule[word] if not wrong(value, each, root, path)]
            if not fitting or (word == "oneOf" and len(fitting) > 1):
                found.append(f"{path}: fits {len(fitting)} of {len(rule[word])}")
    return found


def parts(value: object, rule: Rule, root: Rule, path: str) -> list[str]:
    found: list[str] = []
    if isinstance(value, dict):
        found += [f"{path}: {key} is missing" for key in rule.get("required", ()) if key not in value]
        for key, item in value.items():
            below = rule.get("properties", {}).get(key, rule.get("additionalProperties", {}))
            found += [f"{path}: {key} is unknown"] if below is False else wrong(item, below, root, f"{path}.{key}")
    if isinstance(value, list):
        for index, item in enumerate(value):
            found += wrong(item, rule.get("items", {}), root, f"{path}[{index}]")
    return found


def said(name: str, text: str) -> list[str]:
    return wrong(yaml.safe_load(text), schema(name), schema(name))


DOMAINS = [
    path for path, _ in shipped_files() if "/logs/" not in path and not path.endswith(("routes.yaml", "xid.yaml"))
]


@pytest.mark.parametrize("path", DOMAINS)
def test_every_shipped_domain_is_valid(path: str) -> None:
    assert said("spec", dict(shipped_files())[path]) == []


def test_every_definition_that_is_referred_to_exists_and_is_used() -> None:
    for name in ("spec", "stoker"):
        text = json.dumps(schema(name))
        used = set(re.findall(r'"#/definitions/(\w+)"', text))
        assert used == set(schema(name)["definitions"])


def test_every_key_has_a_description() -> None:
    spoken = [
        schema("stoker"),
        *(rule for name, rule in schema("stoker")["definitions"].items() if name not in shipped().alerts),
    ]
    for cls in spoken:
        for key, rule in cls.get("properties", {}).items():
            assert key == "kind" or rule.get("description"), key


FULL = """
listen: 127.0.0.1:9838
interval: 15s
deadline: 0
host: {enabled: true, collectors: {host_temperature: false}}
gpu: {enabled: auto, process_user: "off"}
limits: {line_length: 64KiB}
sources: [{name: a, files: ["/x/*.log"], formats: auto, from: beginning}, {name: k, kernel: {path: /dev/kmsg}, formats: [kernel]}]
pack:
  selector: 'job="stoker"'
  alerts:
    GpuIdle: {enabled: false, below: 0.1, for: 5m}
    HostMemoryHigh: {warning: 0.85, critical: {above: 0.97, for: 20m}}
    TrainingHung: {interval_factor: 10}
    Mine: {kind: threshold, severity: info, value: up, equals: 0, by: [cluster], summary: a, summary_zh: b, description: c, description_zh: d, panel: e, runbook: {meaning: a, impact: b, look: c, fix: d}}
  overrides: [{match: {run: "pretrain-.*"}, TrainingHung: {interval_factor: 10}}]
  routes: [{match: {team: ml}, receiver: ml, group_wait: 10s}]
  intervals: {office: {weekdays: ["monday:friday"], start: "09:00"}}
notify:
  email: {to: a@b, smarthost: "c:25", require_tls: null}
  receivers: {ml: {email: ml@b}}
links: {runbooks: "https://a/b"}
"""


def test_a_full_stoker_yaml_is_valid() -> None:
    assert said("stoker", FULL) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lisen: a", ": lisen is unknown"),
        ("interval: soon", ".interval: fits 0 of 2"),
        ("interval: 15", ".interval: fits 0 of 2"),
        ("host: {enabled: 1}", ".host.enabled: 1 is no boolean"),
        ("sources: [{files: [a]}]", ".sources[0]: name is missing"),
        ("sources: [{name: a, from: start}]", ".sources[0].from: 'start' is none of ['end', 'beginning']"),
        ("pack: {alerts: {GpuIdle: {enabled: sometimes}}}", ".pack.alerts.GpuIdle.enabled: 'sometimes' is no boolean"),
        ("pack: {alerts: {GpuIdle: {bellow: 1}}}", ".pack.alerts.GpuIdle: bellow is unknown"),
        ("pack: {alerts: {GpuIdle: {warning: {bellow: 1}}}}", ".pack.alerts.GpuIdle.warning: fits 0 of 2"),
        ("pack: {alerts: {Mine: {kind: treshold}}}", ".pack.alerts.Mine: fits 0 of 9"),
        ("pack: {overrides: [{GpuIdle: {below: 1}}]}", ".pack.overrides[0]: match is missing"),
        ("pack: {panels: [{title: a, description: b, unit: percent}]}", ".pack.panels[0].unit"),
        ("notify: {email: {password: a}}", ".notify.email: password is unknown"),
    ],
)
def test_a_mistake_is_underlined(text: str, expected: str) -> None:
    [line] = said("stoker", text)
    assert line.startswith(expected)


def test_an_alert_without_kind_or_with_a_foreign_key_is_no_alert() -> None:
    domain = yaml.safe_load(dict(shipped_files())["stoker_pack/data.yaml"])
    [name, *_] = domain["alerts"]
    domain["alerts"][name]["colour"] = "red"
    assert wrong(domain, schema("spec"), schema("spec")) == [f".alerts.{name}: fits 0 of 9"]
    del domain["alerts"][name]["colour"], domain["alerts"][name]["kind"]
    assert wrong(domain, schema("spec"), schema("spec")) == [f".alerts.{name}: fits 0 of 9"]
