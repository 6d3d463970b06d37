"""What the doctor says of a real Prometheus that scrapes nothing and has no rules, of a silent address, and of strangers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from demo.processes import Processes, free_ports

from packs import pack_of
from stoker.doctor.finding import Finding, State
from stoker.doctor.servers import Prometheus, alertmanager
from stoker.errors import SourceError, UsageError
from stoker.server.http import Server
from stoker.server.message import Response, Route
from stoker.sources.http import base_url, get, get_json
from stoker.sources.programs import find

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(60)
CONFIG = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: ["rules.yml"]
scrape_configs:
  - {job_name: stoker, static_configs: [{targets: ["127.0.0.1:1"]}]}
"""
RULES = """
groups:
  - name: stoker-host
    rules:
      - alert: HostMemoryHigh
        expr: up == 0
      - alert: OfSomebodyElse
        expr: vector(1) * on () (label_replace(up, "a", "1", "", "") or label_replace(up, "a", "2", "", ""))
"""


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real one, with one target that is down and one of the pack's alerts."""
    folder: Path = tmp_path_factory.mktemp("prometheus")
    (folder / "prometheus.yml").write_text(CONFIG)
    (folder / "rules.yml").write_text(RULES)
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    processes = Processes(folder)
    flags = ("--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address={url[7:]}")
    processes.start("prometheus", [find("prometheus"), *flags], cwd=folder)
    try:
        end = time.monotonic() + 30
        while not _evaluated(url):
            assert time.monotonic() < end, processes.output("prometheus")
            time.sleep(0.1)
        yield url
    finally:
        processes.stop()


def _evaluated(url: str) -> bool:
    try:
        rules = get_json(f"{url}/api/v1/rules")["data"]["groups"][0]["rules"]
        up = get_json(f"{url}/api/v1/query?query=up")["data"]["result"]
    except (SourceError, IndexError):
        return False
    return bool(up) and all(rule["health"] != "unknown" for rule in rules)


def by_topic(found: list[Finding]) -> dict[str, Finding]:
    return {each.topic: each for each in found}


def test_a_prometheus_that_lacks_nearly_everything(prometheus: str) -> None:
    pack, _ = pack_of("{}")
    found = by_topic(list(Prometheus(prometheus, asked=True).look(pack)))
    assert found["prometheus"].state is State.OK
    assert found["prometheus retention"].state is State.DEGRADED
    assert "keeps 15d" in found["prometheus retention"].says
    assert found["prometheus targets"].state is State.BROKEN
    assert "1 of 1 are down: 127.0.0.1:1" in found["prometheus targets"].says
    assert found["prometheus alerting"].state is State.BROKEN
    assert "prometheus clock" not in found
    rules = [each for each in Prometheus(prometheus, asked=True).look(pack) if each.topic == "prometheus rules"]
    enabled = sum(alert.enabled for alert in pack.alerts.values())
    assert [each.state for each in rules] == [State.DEGRADED, State.BROKEN]
    assert f"1 of {enabled} alerts are loaded" in rules[0].says
    assert "rules that fail: OfSomebodyElse: found duplicate series" in rules[1].says


def test_targets_are_those_of_the_packs_selector(prometheus: str) -> None:
    pack, _ = pack_of("""selector: 'job="other"'""")
    found = by_topic(list(Prometheus(prometheus, asked=True).look(pack)))
    assert 'no target matches {job="other"}' in found["prometheus targets"].says


def test_clocks_that_differ_are_told(prometheus: str) -> None:
    pack, _ = pack_of("{}")
    found = by_topic(list(Prometheus(prometheus, asked=True, clock=lambda: 1_000_000_000.0).look(pack)))
    assert found["prometheus clock"].state is State.DEGRADED


def test_a_silent_address_matters_only_when_it_was_named() -> None:
    pack, _ = pack_of("{}")
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    (named,) = Prometheus(url, asked=True).look(pack)
    (default,) = Prometheus(url, asked=False).look(pack)
    assert (named.state, default.state) == (State.BROKEN, State.ABSENT)
    assert named.says == f"{url}: Connection refused"
    (other,) = alertmanager(url, asked=True)
    assert other.state is State.BROKEN


def test_what_strangers_answer_is_one_line() -> None:
    pack, _ = pack_of("{}")
    answers = {
        "/api/v1/status/buildinfo": Response(200, b"<html>hello</html>"),
        "/api/v2/status": Response(200, b'{"versionInfo": {"version": "0.25"}, "config": {"original": "route: {}"}}'),
        "/error": Response(422, b'{"status": "error", "error": "no such thing"}'),
    }
    routes = [Route(path, {"GET": lambda _, answer=answer: answer}) for path, answer in answers.items()]  # type: ignore[misc]
    server = Server("127.0.0.1:0", routes)
    server.start()
    try:
        url = f"http://{server.address}"
        (html,) = Prometheus(url, asked=True).look(pack)
        fine, routing = alertmanager(url, asked=True)
        with pytest.raises(SourceError, match="answers with 422: no such thing"):
            get(f"{url}/error")
        with pytest.raises(SourceError, match="answers with 404"):
            get(f"{url}/none")
    finally:
        server.stop()
    assert html.state is State.BROKEN
    assert "something else than JSON" in html.says
    assert fine.state is State.OK
    assert "StokerWatchdog" in routing.says


@pytest.mark.parametrize("text", ["127.0.0.1:9090", "file:///etc/passwd", "http://", "localhost"])
def test_an_address_that_is_none_is_a_mistake_of_usage(text: str) -> None:
    with pytest.raises(UsageError, match="write it as http://"):
        base_url(text)
