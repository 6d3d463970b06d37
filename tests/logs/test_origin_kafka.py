"""Topics of Kafka from brokers of librdkafka's own mock cluster: each record once, across kills and among members of a group."""

from __future__ import annotations

import json
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from followed import Followed, settings
from machines import Clock
from served import Program
from stoker.config.settings import KafkaSettings
from wire import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_700_000_000.0
LINES = "stoker_log_lines_total{source=s}"
STEPS = "stoker_train_step{"
REPORTS = "stoker_train_reports_total{source=s,run=%s}"


class Brokers:
    """A cluster of one broker that anybody on this machine can reach; it lasts as long as this object."""

    def __init__(self) -> None:
        library = pytest.importorskip("confluent_kafka")
        self._producer = library.Producer({"bootstrap.servers": "", "test.mock.num.brokers": "1", "log_level": "0"})
        self.address = ""
        for broker in self._producer.list_topics(timeout=PATIENCE).brokers.values():
            self.address = f"{broker.host}:{broker.port}"

    def send(self, value: str, key: str | None = None, when: float = NOW) -> None:
        """A record; its key decides the partition."""
        self._producer.produce("logs", value.encode(), key=key, timestamp=int(when * 1000))

    def flush(self) -> None:
        """Wait until all are with the broker."""
        assert self._producer.flush(PATIENCE) == 0


@pytest.fixture
def brokers() -> Brokers:
    return Brokers()


def source(folder: Path, brokers: str, **keys: Any) -> Any:  # noqa: ANN401 - the keys of the origin
    properties = folder / "kafka.properties"
    properties.write_text("# for tests\nsession.timeout.ms = 6000\nheartbeat.interval.ms=200\nlog_level=0\n")
    given = {"brokers": (brokers,), "topics": ("logs",), "properties_file": str(properties), **keys}
    return settings(folder, files=None, run="{host}-{stem}", kafka=KafkaSettings(**given))


def until(check: Any, *engines: Followed) -> dict[str, float]:  # noqa: ANN401 - a condition
    """Take turns until what is exposed is as wanted; of the first engine."""
    give_up = time.monotonic() + 2 * PATIENCE
    while True:
        seen = [engine.turn(0.02) for engine in engines]
        if check(*seen):
            return seen[0]
        assert time.monotonic() < give_up, (seen[0], [engine.engine.status() for engine in engines])
        time.sleep(0.01)


def test_records_name_their_host_stream_and_time(tmp_path: Path, brokers: Brokers) -> None:
    followed = Followed(source(tmp_path, brokers.address, stream_field="log.file"), clock=Clock(NOW))
    for step in range(3):
        brokers.send(f"step {step}", "/logs/a.log")
        record = {"message": f"step {step}", "host": {"name": "n2"}, "log": {"file": "/logs/b.log"}}
        brokers.send(json.dumps(record))
    brokers.send("saved checkpoint", "/logs/a.log", NOW - 500)
    brokers.flush()
    try:
        seen = until(lambda seen: seen.get(LINES) == 7, followed)
    finally:
        followed.kill()
    assert seen[REPORTS % "h-a"] == 3
    assert seen[REPORTS % "n2-b"] == 3
    assert seen["stoker_train_last_checkpoint_timestamp_seconds{source=s,run=h-a}"] == NOW - 500
    assert seen["stoker_log_files{source=s}"] == 4
    assert seen["stoker_log_lag_bytes{source=s}"] == 0


def test_members_of_a_group_share_the_records(tmp_path: Path, brokers: Brokers) -> None:
    first, second = (tmp_path / name for name in ("a", "b"))
    for each in (first, second):
        each.mkdir()
    one = Followed(source(first, brokers.address), state=first / "state", clock=Clock(NOW))
    for number in range(40):
        brokers.send("step 1", f"k{number}")
    brokers.flush()
    until(lambda seen: seen.get(LINES) == 40, one)
    one.turn(
        6
    )  # saved and committed: the mock cluster, unlike a real one, takes no commits from who gives a partition away
    two = Followed(source(second, brokers.address), state=second / "state", clock=Clock(NOW))
    until(lambda *seen: all(each.get("stoker_log_files{source=s}") == 2 for each in seen), one, two)
    for number in range(40):
        brokers.send("step 2", f"k{number}")
    brokers.flush()
    until(lambda mine, other: mine[LINES] + other[LINES] == 80, one, two)
    assert 40 < one.exposed()[LINES] < 80
    steps = [{name: value for name, value in each.exposed().items() if name.startswith(STEPS)} for each in (one, two)]
    assert set(steps[1].values()) == {2}
    assert {steps[0][run] for run in steps[1]} == {1}, "who read a run before goes on to show its last values"
    one.turn(6)
    two.engine.stop()
    for number in range(40):
        brokers.send("step 1", f"k{number}")
    brokers.flush()
    rest = 120 - two.exposed()[LINES]
    until(lambda seen: seen[LINES] == rest, one)
    one.kill()


def test_brokers_that_are_not_there_cost_this_source_alone(tmp_path: Path) -> None:
    pytest.importorskip("confluent_kafka")
    (tmp_path / "a.log").write_text("step 1\n")
    followed = Followed(settings(tmp_path, name="f"), source(tmp_path, "127.0.0.1:1"))
    failed = "stoker_log_errors_total{source=s,reason=read}"
    seen = until(lambda seen: seen[failed] == 1, followed)
    assert seen["stoker_train_step{source=f,run=h-a}"] == 1
    assert followed.engine.status()[1].says.startswith("kafka: ")
    followed.kill()


def test_a_missing_library_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    followed = Followed(source(tmp_path, "127.0.0.1:1"))
    for _ in range(3):
        seen = followed.turn(6)
    assert seen["stoker_log_errors_total{source=s,reason=unavailable}"] == 1
    assert followed.engine.status()[0].says == "confluent-kafka is not installed: pip install 'stoker[kafka]'"
    followed.kill()


def first_shown(program: Program, series: str) -> int:
    """What a scrape sees first: less than before would be a counter that has fallen."""
    give_up = time.monotonic() + 2 * PATIENCE
    while not (value := program.value(series)):
        assert time.monotonic() < give_up
        time.sleep(0.01)
    return int(value)


def test_each_record_counts_once_though_the_exporter_is_killed(tmp_path: Path, brokers: Brokers) -> None:
    properties = source(tmp_path, brokers.address).kafka.properties_file
    setting = (
        f"sources: [{{name: s, from: beginning, kafka: {{brokers: ['{brokers.address}'], topics: [logs],"
        f" properties_file: {properties}}}}}]\n"
    )
    series = 'stoker_log_lines_total{source="s"}'
    sent = 0
    program = Program(tmp_path, setting)
    try:
        for _ in range(2):
            for _ in range(300):
                brokers.send("{'loss': 0.25, 'epoch': 0.5}", f"k{sent % 7}")
                sent += 1
            brokers.flush()
            program.until(series, str(sent))
            for _ in range(100):
                brokers.send("{'loss': 0.25, 'epoch': 0.5}", f"k{sent % 7}")
                sent += 1
                time.sleep(0.003)
            shown = int(program.value(series))
            program.process.send_signal(signal.SIGKILL)
            program.end()
            program = Program(tmp_path, setting)
            assert shown <= first_shown(program, series) <= sent
        program.until(series, str(sent))
        assert program.value('stoker_log_errors_total{source="s",reason="overwritten"}') in ("", "0")
    finally:
        program.end()
