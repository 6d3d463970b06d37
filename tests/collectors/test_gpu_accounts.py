"""Accounting: what a workload is charged, how several share a GPU, and that its counters never go back."""

from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpus import NAMES, GpuBench
from kubelet import Given, Kubelet, answer, listed
from machines import Clock, values
from stoker.collectors.gpu import gpu_collectors
from stoker.collectors.gpu_accounts import GpuAccounts, _energy, _Part
from stoker.collectors.gpu_holders import Holders, Process, Workload
from stoker.collectors.gpu_labels import WHOLE
from stoker.logs.state import KeptMapping
from stoker.sources.nvml_values import Gpu
from stoker.sources.owners import Owner
from stoker.sources.pods import PodName

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

G0 = NAMES[0]
UUID0 = G0.rpartition('uuid="')[2].rstrip('"')


class Node:
    """A machine of one GPU with one collector that stays, and its accounts in a file."""

    def __init__(self, bench: GpuBench) -> None:
        self.bench = bench
        self.file = bench.folder / "state/gpu_accounts.json"
        self.device = bench.machine.devices[0].values
        self.device |= {"compute": "", "process_use": "", "energy": 0, "utilization": 0}
        self.start()

    def start(self) -> None:
        """A new life of the exporter."""
        accounts = GpuAccounts(partial(KeptMapping, self.file), clock=self.bench.clock, monotonic=self.bench.clock)
        (self._collector,) = gpu_collectors(self.bench.gate, pods=self.bench.pods, accounts=accounts)

    def turn(self, seconds: float = 10, **now: int | str) -> dict[str, float]:
        """The accounts after some seconds, by the rest of their names."""
        self.device |= now
        self.bench.change()
        self.bench.clock.now += seconds
        found = values(self._collector.collect())
        wanted = ("stoker_gpu_seconds", "stoker_gpu_workload_seconds", "stoker_gpu_workload_energy")
        plain = {}
        for key, value in found.items():
            if key.startswith(wanted):
                name = key.removeprefix("stoker_gpu_").replace(f"{G0},", "")
                name = name.replace(',namespace=""', "").replace(',user=""', "")
                plain[name.replace("_total{", "{").replace("workload_", "")] = value
        return plain


def charged(found: dict[str, float], workload: str) -> list[float]:
    """Busy, held, joules of a workload that has a command's name."""
    pairs = f'workload="{workload}",kind="command"'
    return [
        found[f'seconds{{{pairs},state="busy"}}'],
        found[f'seconds{{{pairs},state="held"}}'],
        found[f"energy_joules{{{pairs}}}"],
    ]


def spent(found: dict[str, float]) -> list[float]:
    """Busy, held, unmeasured and idle seconds of the GPU."""
    return [found[f'seconds{{state="{state}"}}'] for state in ("busy", "held", "unmeasured", "idle")]


@pytest.fixture
def node(gpus: Callable[..., GpuBench]) -> Node:
    return Node(gpus(1))


def test_a_gpu_that_nobody_has_is_idle(node: Node) -> None:
    assert spent(node.turn()) == [0, 0, 0, 0]
    assert spent(node.turn(10)) == [0, 0, 0, 10]
    assert not [key for key in node.turn() if "workload=" in key]


def test_a_workload_begins_at_0_and_pays_its_time_and_energy(node: Node) -> None:
    node.bench.process(11, "train")
    node.turn()
    assert charged(node.turn(compute="11:5", utilization=75, energy=1_000_000), "train") == [0, 0, 0]
    found = node.turn(10, energy=5_000_000)
    assert charged(found, "train") == pytest.approx([7.5, 2.5, 4000])
    assert spent(found) == pytest.approx([7.5, 2.5, 0, 10])
    # it ends: the time until the look that misses it is still its own, and its counters stay
    found = node.turn(10, compute="", energy=6_000_000)
    assert charged(found, "train") == pytest.approx([15, 5, 5000])
    assert charged(node.turn(10, energy=9_000_000), "train") == pytest.approx([15, 5, 5000])


def test_two_workloads_pay_what_they_compute_and_wait_for_each_other_in_equal_parts(node: Node) -> None:
    for pid, command in ((11, "busy"), (12, "quiet"), (13, "quiet")):
        node.bench.process(pid, command)
    node.turn(compute="11:5 12:5 13:5")
    use = "11:5000000:60:1:0:0 12:5000000:10:1:0:0 13:5000000:10:1:0:0"
    found = node.turn(10, utilization=80, energy=1_000_000, process_use=use)
    assert charged(found, "busy") == pytest.approx([6, 1, 700])
    assert charged(found, "quiet") == pytest.approx([2, 1, 300])
    assert spent(found) == pytest.approx([8, 2, 0, 0])
    # nobody has a sample: what the GPU did is divided in equal parts
    found = node.turn(10, utilization=40)
    assert charged(found, "busy")[:2] == pytest.approx([8, 4])
    assert charged(found, "quiet")[:2] == pytest.approx([4, 4])


def test_a_pod_holds_what_the_kubelet_gave_it_without_a_process(node: Node) -> None:
    server = Kubelet(node.bench.folder / "kubelet.sock", lambda: answer(listed([Given("ml", "lab", "x", (UUID0,))])))
    node.turn()
    found = node.turn(10)
    server.close()
    pairs = 'workload="ml/lab",kind="pod",namespace="ml"'
    assert found[f'seconds{{{pairs},state="held"}}'] == 10
    assert found[f'seconds{{{pairs},state="busy"}}'] == 0
    assert spent(found) == [0, 10, 0, 0]


def test_users_are_charged_only_when_asked_for(gpus: Callable[..., GpuBench]) -> None:
    for wanted, told in (("off", ""), ("uid", f',user="{os.getuid()}"')):
        node = Node(gpus(1, process_user=wanted))
        node.bench.process(11, "train")
        node.turn(compute="11:5", utilization=100)
        found = node.turn(10)
        assert found[f'seconds{{workload="train",kind="command"{told},state="busy"}}'] == 10


def test_users_are_told_no_longer_when_nobody_asks_any_more() -> None:
    memory: dict[str, object] = {
        "accounts": {
            "workloads": [[name, "command", "", user, 1, 2, 0, 3, 1000] for name, user in (("a", "ann"), ("b", ""))],
            "gpus": [],
            "forgotten": 0,
        }
    }
    for users, told in ((True, {"a", "b"}), (False, {"b"})):
        accounts = GpuAccounts(lambda: memory, clock=Clock(), monotonic=Clock(), users=users)
        accounts.begin()
        found = {sample.labels[0] for sample in accounts.samples() if sample.desc.labels[:1] == ("workload",)}
        assert found == told


def divide(node: Node, **activity: int) -> None:
    """Let the GPU have an instance of a half and one of a quarter, with a process on each; `gpmN_M` is metric M of instance N."""
    for number, (command, size) in enumerate((("large", 4), ("small", 2))):
        node.bench.process(number + 11, command)
        node.device |= {f"mig{number}.gpu_instance": number + 7, f"mig{number}.compute_instance": 0}
        node.device |= {f"mig{number}.memory_total": size, f"mig{number}.memory_used": 0}
    del node.device["memory_reserved"]
    node.device |= {key.replace("gpm", "mig").replace("_", ".gpm"): share for key, share in activity.items()}
    node.turn(mig=1, memory_total=8, memory_used=0, compute="11:1:7:0 12:1:8:0", process_use="")


def without_counters(node: Node) -> None:
    """A GPU before Hopper."""
    for key in [key for key in node.device if "gpm" in key]:
        del node.device[key]


def test_an_instance_that_does_not_tell_what_it_does_pays_by_its_size(node: Node) -> None:
    without_counters(node)
    divide(node)
    found = node.turn(10, energy=1_000_000)
    pairs = 'workload="large",kind="command"'
    assert found[f'seconds{{{pairs},state="unmeasured"}}'] == 5
    assert charged(found, "large") == pytest.approx([0, 0, 500])
    assert charged(found, "small") == pytest.approx([0, 0, 250])
    assert spent(found) == [0, 0, 7.5, 2.5]


def test_instances_are_busy_as_their_counters_say_and_pay_energy_by_what_they_do(node: Node) -> None:
    divide(node, gpm0_1=800, gpm1_1=0)
    found = node.turn(10, energy=1_000_000)
    # of the half 0.1 + 0.8 draws power, of each of the two quarters the 0.1 of what is at rest
    assert charged(found, "large") == pytest.approx([4, 1, 900])
    assert charged(found, "small") == pytest.approx([0, 2.5, 50])
    assert spent(found) == pytest.approx([4, 3.5, 0, 2.5])
    # what nobody has pays nobody for it, whatever it does
    node.turn(10, compute="11:1:7:0", energy=1_000_000)
    node.device["mig1.gpm1"] = 1000
    found = node.turn(10, energy=2_000_000)
    assert charged(found, "small") == pytest.approx([0, 5, 50])
    weights = (0.45, 0.275, 0.025)
    assert charged(found, "large") == pytest.approx([12, 3, 900 + 1000 * weights[0] / sum(weights)])


def test_compute_instances_share_what_their_instance_does(node: Node) -> None:
    divide(node, gpm0_1=500)
    node.device |= {"mig1.gpu_instance": 7, "mig1.compute_instance": 1, "mig1.memory_total": 4}
    node.turn(10, compute="11:1:7:0 12:1:7:1")
    before = node.turn(10)
    found = node.turn(10)
    for name in ("large", "small"):
        spread = [now - then for now, then in zip(charged(found, name), charged(before, name), strict=True)]
        assert spread == pytest.approx([2.5, 2.5, 0])


def test_an_instance_of_which_nothing_is_known_yet_makes_one_interval_unmeasured(node: Node) -> None:
    divide(node, gpm0_1=800, gpm1_1=200)
    node.device |= {"mig1.gpu_instance": 9}  # the other one was destroyed, and nobody knows what it did
    found = node.turn(10, compute="11:1:7:0 12:1:9:0", energy=1_000_000)
    assert charged(found, "large") == pytest.approx([4, 1, 500])
    assert charged(found, "small") == pytest.approx([0, 0, 250])
    assert spent(found) == pytest.approx([4, 1, 2.5, 2.5])
    found = node.turn(10, energy=2_000_000)
    assert charged(found, "small") == pytest.approx([0.5, 2, 250 + 1000 * 0.075 / (0.45 + 0.075 + 0.025)])


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.01, 0.6), st.floats(0, 1), st.booleans()), min_size=1, max_size=7),
)
def test_all_instances_together_pay_no_more_than_the_gpu_took(rows: list[tuple[float, float, bool]]) -> None:
    """Each row is an instance: its size, how busy it is, and whether that is told."""
    sizes = [size / max(1.0, sum(row[0] for row in rows)) for size, *_ in rows]
    parts = tuple(_Part((str(place), "0"), size, ()) for place, size in enumerate(sizes))
    busy = {(str(place), "0"): each for place, (_, each, told) in enumerate(rows) if told}
    shares = _energy(parts, busy)
    assert all(share >= 0 for share in shares)
    assert sum(shares) <= 1 + 1e-9


def test_time_in_which_nobody_looked_is_nobodys(node: Node) -> None:
    node.bench.process(11, "train")
    node.turn(compute="11:5", utilization=100)
    assert spent(node.turn(601)) == [0, 0, 0, 0]
    assert spent(node.turn(600)) == [600, 0, 0, 0]


def test_where_processes_cannot_be_seen_nobody_is_charged(node: Node) -> None:
    link = node.bench.folder / "proc/self/ns/pid"
    link.unlink()
    link.symlink_to("pid:[4026532198]")
    node.turn()
    assert not node.turn(10)
    found = node.turn(10, compute="11:5")
    found = node.turn(10)
    assert found['seconds{workload="unknown",kind="unknown",state="held"}'] == 10


def test_counters_survive_a_restart_and_a_kill(node: Node) -> None:
    node.bench.process(11, "train")
    node.turn(compute="11:5", utilization=50, energy=0)
    before = node.turn(10, energy=1_000_000)
    node.start()  # nothing was closed
    after = node.turn(100, energy=9_000_000)
    assert after == before  # the time between the two is nobody's
    assert charged(node.turn(10, energy=10_000_000), "train") == pytest.approx([10, 10, 2000])


def test_an_energy_counter_that_begins_anew_charges_nothing(node: Node) -> None:
    node.bench.process(11, "train")
    node.turn(compute="11:5", energy=9_000_000)
    assert charged(node.turn(10, energy=1_000), "train")[2] == 0
    assert charged(node.turn(10, energy=2_000), "train")[2] == pytest.approx(1)


def test_a_workload_that_ended_a_day_ago_is_told_no_longer(node: Node) -> None:
    node.bench.process(11, "train")
    node.turn(compute="11:5")
    node.turn(compute="")
    assert [key for key in node.turn(80_000) if "train" in key]
    assert not [key for key in node.turn(10_000) if "train" in key]


@pytest.mark.parametrize(
    "kept",
    [
        "nonsense",
        {"values": {"accounts": 5}},
        {"values": {"accounts": {"workloads": [["a"]], "gpus": [], "forgotten": 0}}},
        {"values": {"accounts": {"workloads": [["a", "b", "", "", -1, 0, 0, 0, 0]], "gpus": [], "forgotten": 0}}},
        {"values": {"accounts": {"workloads": [], "gpus": [["u", "0", 0, 1, 2]], "forgotten": 0}}},
        {"values": {"accounts": {"workloads": [], "gpus": [], "forgotten": "1"}}},
        {"values": {"accounts": {"workloads": 5, "gpus": [], "forgotten": 0}}},
    ],
)
def test_a_file_that_is_not_ours_begins_anew(node: Node, kept: object) -> None:
    node.file.parent.mkdir()
    node.file.write_text(json.dumps({"version": 1, **kept} if isinstance(kept, dict) else kept))
    node.turn()
    assert spent(node.turn(10)) == [0, 0, 0, 10]


def process(pid: int, name: str) -> Process:
    return Process(pid, 5, WHOLE, Owner("living", name), PodName("", "", ""), Workload(name, "command"))


class Direct:
    """Accounts without a machine."""

    def __init__(self, most: int = 1000, memory: dict[str, object] | None = None) -> None:
        self.clock = Clock()
        kept = {} if memory is None else memory
        self.accounts = GpuAccounts(lambda: kept, clock=self.clock, monotonic=self.clock, most=most)

    def turn(
        self, names: list[str], *, gpu: int = 0, utilization: int = 100, use: list[float] | None = None
    ) -> dict[str, float]:
        self.clock.now += 10
        self.accounts.begin()
        told: dict[str, object] = {"utilization": [utilization, 0], "energy": int(self.clock.now * 1000)}
        told["process_use"] = [[pid, sm, 0, 0, 0] for pid, sm in enumerate(use or ())]
        processes = tuple(process(pid, name) for pid, name in enumerate(names))
        self.accounts.note(
            Gpu(str(gpu), f"GPU-{gpu}", up=True, values=told), Holders(listed=True, whole=True, processes=processes)
        )
        return self.seconds()

    def seconds(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for sample in self.accounts.samples():
            if sample.desc.name == "stoker_gpu_workload_seconds_total":
                assert isinstance(sample.value, float)
                found[sample.labels[0]] = found.get(sample.labels[0], 0.0) + sample.value
        return found


def test_beyond_the_limit_the_one_that_ended_first_gives_way_and_the_living_never_do() -> None:
    direct = Direct(most=3)
    direct.turn(["a"])
    direct.turn(["b"])
    for _ in range(70):
        direct.turn(["c"])
    assert set(direct.turn(["c", "d"])) == {"b", "c", "d"}
    assert set(direct.turn(["c", "e"])) == {"c", "d", "e"}
    # d has just ended and may only be starting anew
    assert set(direct.turn(["c", "e", "f"])) == {"c", "d", "e", "other"}
    assert direct.turn(["c", "e", "f"])["other"] == pytest.approx(10 / 3)
    # as soon as there is room it has counters of its own, from 0
    for _ in range(70):
        found = direct.turn(["c", "e", "f"])
    assert set(found) == {"c", "e", "f", "other"}
    assert direct.accounts._ledger.forgotten == 3


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=5),
            st.integers(0, 100),
            st.lists(st.floats(0, 100), max_size=5),
            st.integers(0, 1),
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_no_counter_goes_back_and_all_of_them_are_never_more_than_the_time(
    turns: list[tuple[list[str], int, list[float], int, bool]],
) -> None:
    memory: dict[str, object] = {}
    direct = Direct(memory=memory)
    last: dict[str, float] = {}
    for names, utilization, use, gpu, restart in turns:
        if restart:
            memory = json.loads(json.dumps(memory))
            now = direct.clock.now
            direct = Direct(memory=memory)
            direct.clock.now = now
        found = direct.turn(names, gpu=gpu, utilization=utilization, use=use)
        assert all(found[name] >= value for name, value in last.items())
        last = found
        for gpu_time in direct.accounts._ledger.gpus.values():
            assert sum(gpu_time.seconds.values()) <= 10 * len(turns) + 1e-6
    spent = [each.seconds for each in direct.accounts._ledger.gpus.values()]
    held = sum(seconds["busy"] + seconds["held"] for seconds in spent)
    assert sum(last.values()) == pytest.approx(held, abs=1e-6)


def test_the_state_stays_small(tmp_path: Path) -> None:
    direct = Direct(memory=KeptMapping(tmp_path / "gpu_accounts.json"))  # type: ignore[arg-type]
    direct.turn([f"program{number}" for number in range(2000)])
    direct.turn([f"program{number}" for number in range(2000)])
    assert len(direct.seconds()) == 1001
    assert (tmp_path / "gpu_accounts.json").stat().st_size < 200_000
