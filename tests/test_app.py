"""Parts come and go with the settings; what fails in one costs neither the others nor the page."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import TYPE_CHECKING

import pytest

from stoker.app import App
from stoker.collectors.collector import Reading
from stoker.collectors.schedule import Schedule
from stoker.metrics import Desc, Kind, Sample
from stoker.parts import CollectorsPart, LogsPart
from stoker.server.page import Table
from wire import PATIENCE, Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from stoker.config import Settings
    from stoker.parts import Part
    from stoker.sources.machine import Machine
    from stoker.spec.pack import Pack

DESC = Desc("stoker_test_depth", Kind.GAUGE, "Depth of the test")
OTHER = Desc("stoker_test_height", Kind.GAUGE, "Height of the test")


class Fake:
    """A part that does what a test says."""

    def __init__(self, value: float, *, ready: bool = True) -> None:
        self.value = value
        self.ready = ready
        self.running = False
        self.broken = False
        self.itself: Fake | None = None

    def start(self) -> None:
        if self.broken:
            raise RuntimeError("broken")
        self.running = True

    def stop(self) -> None:
        self.running = False
        if self.broken:
            raise RuntimeError("broken")

    def samples(self) -> Sequence[Sample]:
        if self.broken:
            raise RuntimeError("broken")
        return [Sample(DESC, (), self.value)]

    def tables(self) -> Sequence[Table]:
        if self.broken:
            raise RuntimeError("broken")
        return [Table("Fakes", ("value",), [(str(self.value),)])]


class Second(Fake):
    """Another one."""

    def samples(self) -> Sequence[Sample]:
        return [Sample(OTHER, (), self.value)]


class Builder:
    """Hands out the parts that a test has laid ready."""

    def __init__(self) -> None:
        self.next: list[list[Part]] = []

    def __call__(self, _settings: Settings, _pack: Pack, _machine: Machine, _before: Sequence[Part]) -> list[Part]:
        if not self.next:
            raise RuntimeError("a bug")
        return self.next.pop(0)


@pytest.fixture
def builder() -> Builder:
    return Builder()


@pytest.fixture
def start(tmp_path: Path, builder: Builder) -> Iterator[Callable[..., App]]:
    apps = []

    def begin(*parts: Part) -> App:
        file = tmp_path / "stoker.yaml"
        file.write_text("interval: 15s\n")
        builder.next.append(list(parts))
        app = App(file, listen="127.0.0.1:0", build=builder)
        app.start()
        apps.append(app)
        return app

    yield begin
    for app in apps:
        app.stop()


def values(app: App) -> dict[str, object]:
    return {sample.desc.name: sample.value for sample in app.samples()}


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (30, "30 s"), (3605, "1 h 0 min 5 s"), (2 * 86400 + 330, "2 d 0 h 5 min 30 s")]
)
def test_the_status_page_says_for_how_long_it_has_been_up(
    tmp_path: Path, builder: Builder, seconds: float, said: str
) -> None:
    now = [1000.0]
    builder.next.append([Fake(1)])
    (tmp_path / "stoker.yaml").write_text("interval: 15s\n")
    app = App(tmp_path / "stoker.yaml", listen="127.0.0.1:0", build=builder, clock=lambda: now[0])
    now[0] += seconds
    assert f"up for {said}<" in app.status_page().decode()
    app.stop()


def test_a_reload_ends_the_old_parts_and_starts_the_new(start: Callable[..., App], builder: Builder) -> None:
    old, new = Fake(1), Fake(2)
    app = start(old)
    builder.next.append([new])
    assert app.reload() == ""
    assert (old.running, new.running) == (False, True)
    assert values(app)["stoker_test_depth"] == 2


def test_what_a_reload_ends_is_freed_although_it_was_set_apart_from_garbage(
    start: Callable[..., App], builder: Builder
) -> None:
    old = Fake(1)
    old.itself = old
    gone = weakref.ref(old)
    app = start(old)
    gc.freeze()  # as `serve` does after the start
    builder.next.append([Fake(2)])
    del old
    app.reload()
    app.samples()  # the new part has samples, so that those of the old one are dropped
    gc.collect()
    assert gone() is None


def test_a_wrong_configuration_is_refused_and_the_old_one_goes_on(
    start: Callable[..., App], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = Fake(1)
    app = start(old)
    (tmp_path / "stoker.yaml").write_text("hosst: {}\nintervall: 15s\n")
    says = app.reload()
    assert [line.split(": ")[1] for line in says.splitlines()] == ["unknown-key", "unknown-key"]
    assert len([record for record in caplog.records if "reload refused: " in record.message]) == 2
    assert old.running
    assert values(app)["stoker_config_last_reload_successful"] == 0
    assert "did you mean host?" in app.status_page().decode()
    (tmp_path / "stoker.yaml").unlink()
    assert "cannot be read" in app.reload()


def test_after_a_refusal_a_right_configuration_is_taken(
    start: Callable[..., App], builder: Builder, tmp_path: Path
) -> None:
    app = start(Fake(1))
    (tmp_path / "stoker.yaml").write_text("hosst: {}\n")
    assert app.reload()
    (tmp_path / "stoker.yaml").write_text("")
    builder.next.append([Fake(2)])
    assert app.reload() == ""
    assert values(app)["stoker_config_last_reload_successful"] == 1


def test_a_bug_while_building_is_refused_too(start: Callable[..., App]) -> None:
    old = Fake(1)
    app = start(old)
    assert "a bug of ours" in app.reload()
    assert old.running


def test_a_changed_address_takes_a_restart_and_says_so(
    start: Callable[..., App], builder: Builder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = start(Fake(1))
    builder.next.append([Fake(2)])
    (tmp_path / "stoker.yaml").write_text("listen: 127.0.0.1:1\n")
    assert app.reload() == ""
    assert "this takes a restart" in caplog.text
    with Wire(app.server.port) as wire:
        assert wire.ask("/-/healthy").status == 200


def test_a_reload_leaves_no_gap_in_the_series(start: Callable[..., App], builder: Builder) -> None:
    app = start(Fake(1))
    new = Fake(2, ready=False)
    builder.next.append([new])
    app.reload()
    assert values(app)["stoker_test_depth"] == 1
    assert not app.ready()
    new.ready = True
    assert values(app)["stoker_test_depth"] == 2
    assert app.ready()


def test_a_reload_that_does_not_concern_the_collectors_goes_on_with_them(tmp_path: Path) -> None:
    file = tmp_path / "stoker.yaml"
    settings = f"state_dir: {tmp_path}\ngpu: {{enabled: false}}\n"
    source = f"sources: [{{name: train, files: ['{tmp_path}/*.log']}}]\n"
    file.write_text(settings)
    app = App(file, listen="127.0.0.1:0")
    app.start()
    try:
        before, _ = app._parts
        assert isinstance(before, CollectorsPart)
        file.write_text(settings + source)
        assert app.reload() == ""
        assert app._parts[0] is before
        assert isinstance(app._parts[1], LogsPart)
        assert before.schedule._thread is not None
        assert before.schedule._thread.is_alive()
        file.write_text(settings + source + "interval: 20s\n")
        assert app.reload() == ""
        assert app._parts[0] is not before
        assert not before.schedule._thread.is_alive()
    finally:
        app.stop()


def test_what_a_part_had_is_gone_when_the_new_settings_do_without_it(
    start: Callable[..., App], builder: Builder
) -> None:
    app = start(Fake(1), Second(2))
    builder.next.append([Second(3, ready=False)])
    app.reload()
    assert "stoker_test_depth" not in values(app)
    assert values(app)["stoker_test_height"] == 2


def test_a_part_that_breaks_costs_only_itself(start: Callable[..., App], caplog: pytest.LogCaptureFixture) -> None:
    broken, whole = Fake(1), Second(2)
    broken.broken = True
    app = start(broken, whole)
    for _ in range(3):
        assert "stoker_test_depth" not in values(app)
        assert values(app)["stoker_test_height"] == 2
    assert caplog.text.count("has no samples") == 1
    assert "RuntimeError: broken" in app.status_page().decode()
    assert whole.running
    app.stop()
    assert not whole.running


def test_reloads_wait_for_each_other(start: Callable[..., App], builder: Builder) -> None:
    parts = [Fake(number) for number in range(8)]
    app = start(parts[0])
    builder.next += [[part] for part in parts[1:]]
    threads = [threading.Thread(target=app.reload) for _ in parts[1:]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sum(part.running for part in parts) == 1


def test_a_reload_that_hangs_holds_no_further_ones(
    start: Callable[..., App], builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stoker.app._TURN", 0.01)
    app = start(Fake(1))
    app._changing.acquire()
    assert "the reload before this one has not ended" in app.reload()
    app._changing.release()
    builder.next.append([Fake(2)])
    assert app.reload() == ""


class Hangs:
    """A collector whose device does not answer."""

    name = "hangs"
    descs = ()

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.go_on = threading.Event()

    def collect(self) -> Reading:
        self.asked.set()
        self.go_on.wait(PATIENCE)
        return Reading()


def test_a_scrape_does_not_wait_for_a_hung_collector(start: Callable[..., App]) -> None:
    hangs = Hangs()
    app = start(CollectorsPart(Schedule([hangs], interval=60, deadline=60)))
    assert hangs.asked.wait(PATIENCE)
    with Wire(app.server.port) as wire:
        assert b"stoker_build_info" in wire.ask("/metrics").body
        assert b"hangs" in wire.ask("/").body
    assert not hangs.go_on.is_set()
    hangs.go_on.set()
