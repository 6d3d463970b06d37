"""What rendering a page costs, beside prometheus_client's generate_latest, with the same series in the same run.

A tenth of the values change between two pages, as in real life. The first page, which prepares everything, is shown too.

    python -m bench.exposition
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from stoker.metrics import Desc, Kind, Sample
from stoker.server.exposition import Exposition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FAMILIES = 100
WANTED = 10.0


def descs() -> list[Desc]:
    """Half gauges, half counters, with the labels of a training run."""
    labels = ("run", "source", "rank")
    gauges = [Desc(f"stoker_bench_g{i}", Kind.GAUGE, "A gauge", labels) for i in range(FAMILIES // 2)]
    counters = [Desc(f"stoker_bench_c{i}_total", Kind.COUNTER, "A counter", labels) for i in range(FAMILIES // 2)]
    return gauges + counters


def make(series: int, turn: int) -> list[Sample]:
    """`series` samples; every tenth value differs from turn to turn."""
    found = []
    for desc in descs():
        for number in range(series // FAMILIES):
            value = number * 1.37 + (turn if number % 10 == 0 else 0)
            found.append(Sample(desc, ("pretrain-7b", "train", str(number)), value))
    return found


class Theirs(Collector):
    """The same samples as prometheus_client's values."""

    def __init__(self, samples: list[Sample]) -> None:
        self.samples = samples

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Families, made at every scrape as a custom collector has to."""
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for desc, labels, value in self.samples:
            family = families.get(desc.name)
            if family is None:
                kind = CounterMetricFamily if desc.kind is Kind.COUNTER else GaugeMetricFamily
                family = families[desc.name] = kind(desc.name, desc.help, labels=desc.labels)
            assert isinstance(value, float)
            family.add_metric(labels, value)
        yield from families.values()


def seconds(call: Callable[[], object]) -> float:
    """CPU time of one call."""
    began = time.process_time()
    call()
    return time.process_time() - began


def measure(series: int, count: int) -> float:
    """Print one line; how many times faster ours is."""
    exposition = Exposition()
    first = seconds(lambda: exposition.render(make(series, 0)))
    ours, theirs = [], []
    for turn in range(1, count + 1):
        samples = make(series, turn)
        ours.append(seconds(lambda samples=samples: exposition.render(samples)))  # type: ignore[misc]
        registry = CollectorRegistry()
        registry.register(Theirs(samples))
        theirs.append(seconds(lambda registry=registry: generate_latest(registry)))  # type: ignore[misc]
    mine, peer = statistics.median(ours), statistics.median(theirs)
    print(
        f"{series:>7} series: stoker {mine * 1000:8.1f} ms ({mine / series * 1e6:.2f} us a series; first page "
        f"{first * 1000:.1f} ms), prometheus_client {peer * 1000:8.1f} ms, ratio {peer / mine:.1f}"
    )
    return peer / mine


def main() -> int:
    """Exit code 1 when a ratio is below ten."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=5)
    parser.add_argument("--series", type=int, nargs="*", default=[10_000, 100_000])
    args = parser.parse_args()
    ratios = [measure(series, args.count) for series in args.series]
    return int(min(ratios) < WANTED)


if __name__ == "__main__":
    raise SystemExit(main())
