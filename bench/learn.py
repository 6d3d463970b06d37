"""How well and how fast templates are mined, beside drain3, on a log whose templates are known.

Every line is made from one of twenty templates, so that it is known which lines belong together. A line is grouped rightly when the
lines that share its group are exactly those of its template. What `stoker learn` is for is measured, too: of the numbers that vary, how
many still stand in a place of their own, with the words that name them (`loss=` <number>), and are not swallowed by a wildcard.

Each miner runs in a process of its own, so that its peak memory is its own. drain3 runs as it comes, and with masks for the same things
that ours knows (times, addresses, hex ids, quoted text, numbers), which is how its authors advise to run it; its threshold is
the one that it comes with (0.4), and a stricter one that suits lines with many numbers better.

    python -m bench.learn                     # says so when drain3 cannot be imported; PYTHONPATH may name where it is
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import random
import resource
import subprocess
import sys
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from stoker.logs.learn import Miner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MINERS = ("stoker", "drain3, masked, 0.7", "drain3, masked, 0.4", "drain3, as it comes")
_MASKS = (
    (r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?Z?", "TIME"),
    (r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?", "IP"),
    (r"(?<!\w)0x[0-9a-f]+|(?<!\w)(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,}(?!\w)", "HEX"),
    (r'(?<=[\s=:])"[^"]*"', "TEXT"),
    (r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", "NUM"),
    (r"(?<![\w.])(?:nan|inf)(?!\w)", "NUM"),
)
_USERS = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi")
_STATES = ("ready", "draining", "starting", "stopped")


def _forms(draw: random.Random) -> tuple[Callable[[], str], ...]:
    """A writer for each template; the words that name a number stand before or behind it."""
    number, share, pick = draw.randrange, draw.random, draw.choice
    return (
        lambda: f"step={number(10**5)} loss={share() * 3:.4f} lr={share() * 1e-3:.2e} gnorm={share() * 2:.3f}",
        lambda: f"step={number(10**5)} val_loss={share() * 3:.4f} val_acc={share():.3f} took={number(90)}s",
        lambda: f"[epoch {number(30):2}/30] reward {share() * 9:.3f} kl {share():.4f} entropy {share():.3f}",
        lambda: f"processed {number(900)} records in {share() * 90:.1f} ms, queue depth {number(40)}",
        lambda: f"processed {number(900)} files in {share() * 90:.1f} ms, queue depth {number(40)}",
        lambda: f"cache hits={number(900)} misses={number(99)} ratio={share():.3f} size={number(4000)}MB",
        lambda: f"user {pick(_USERS)} logged in from 10.0.{number(255)}.{number(255)}:{number(65535)}",
        lambda: f"user {pick(_USERS)} uploaded {number(10**6)} bytes",
        lambda: f"retrying shard /data/part-{number(10**6):06}.parquet attempt {number(5)}",
        lambda: f"node-{number(64)} is {pick(_STATES)} after {number(600)} s",
        lambda: f"session {draw.getrandbits(64):016x} closed after {number(10**4)} ms",
        lambda: (
            f'request "{" ".join(draw.choices(_USERS, k=number(1, 6)))}" status={pick((200, 404, 500))} latency={share():.3f}'
        ),
        lambda: json.dumps({"event": "flush", "rows": number(500), "lag": round(share() * 9, 3), "text": pick(_USERS)}),
        lambda: f"gpu {number(8)}: mem {share() * 70 + 9:.1f} GiB util {number(100)}% temp {number(40, 80)}C",
        lambda: f"epoch done: loss: {pick(('nan', f'{share():.4f}'))} best: {share():.4f}",
        lambda: f"connection to {pick(_USERS)}-db refused, retry {number(9)} of 9",
        lambda: "heartbeat",
        lambda: f"compacted {number(90)} segments -> {number(9)} ({share() * 100:.1f}% smaller)",
        lambda: f"worker {number(16)} idle for {number(1, 9)}m{number(60)}s",
        lambda: f"pending={number(300)} running={number(64)} throughput={share() * 900:.1f} tok/s",
    )


def lines(count: int) -> Iterator[tuple[int, str]]:
    """(number of the template, line); templates come as often as 1/rank."""
    draw = random.Random(17)
    forms = _forms(draw)
    weights = [1 / (rank + 1) for rank in range(len(forms))]
    for at, form in enumerate(draw.choices(range(len(forms)), weights, k=count)):
        stamp = f"2026-11-20 {at // 3600 % 24:02}:{at // 60 % 60:02}:{at % 60:02},{at % 1000:03}"
        yield form, f"{stamp} {'WARN' if forms[form]().startswith('retry') else 'INFO'} {forms[form]()}"


def measure(miner: str, count: int) -> dict[str, float]:
    """Figures of one miner, in this process."""
    made = list(lines(count))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    add, texts = _ours() if miner == "stoker" else _drain(masked="masked" in miner, strict=miner.endswith("0.7"))
    begun = time.perf_counter()
    groups = [add(text) for _, text in made]
    took = time.perf_counter() - begun
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    by_group: defaultdict[object, Counter[int]] = defaultdict(Counter)
    for (form, _), group in zip(made, groups, strict=True):
        by_group[group][form] += 1
    sizes = Counter(form for form, _ in made)
    right = sum(
        forms.total() for forms in by_group.values() if len(forms) == 1 and forms.total() == sizes[next(iter(forms))]
    )
    named = sum(_named(text) for text in texts())
    return {
        "rate": count / took,
        "megabytes": rss / 1024,
        "grouped": right / count,
        "groups": len(by_group),
        "named": named,
    }


_NAMES = frozenset(
    name
    for names in (
        "step= loss= lr= gnorm= val_loss= val_acc= took= epoch reward kl entropy processed depth hits= misses= ratio= size=",
        'uploaded attempt after status= latency= "rows": "lag": mem util temp loss: best: retry compacted pending= running= throughput=',
    )
    for name in names.split()
)


def _named(template: str) -> int:
    """Names of numbers with the number's own place behind them; ours writes `#`, drain3 `<NUM>` or `<*>`."""
    found = 0
    words = template.replace("=", "= ").split()
    for name, behind in itertools.pairwise(words):
        own = behind.lstrip("[(").startswith(("#", "<NUM>"))
        found += name in _NAMES and own
    return found


def _ours() -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    miner = Miner()
    return lambda text: id(miner.add(text)), lambda: [str(each) for each in miner.templates()]


def _drain(*, masked: bool, strict: bool) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    from drain3 import TemplateMiner  # type: ignore[import-not-found]  # noqa: PLC0415 - may not be installed
    from drain3.masking import MaskingInstruction  # type: ignore[import-not-found]  # noqa: PLC0415
    from drain3.template_miner_config import TemplateMinerConfig  # type: ignore[import-not-found]  # noqa: PLC0415

    config = TemplateMinerConfig()
    config.drain_max_clusters = 1000
    config.drain_sim_th = 0.7 if strict else 0.4
    if masked:
        config.masking_instructions = [MaskingInstruction(regex, name) for regex, name in _MASKS]
    miner = TemplateMiner(config=config)
    return (
        lambda text: miner.add_log_message(text)["cluster_id"],
        lambda: [each.get_template() for each in miner.drain.clusters],
    )


def main() -> int:
    """Print the comparison; 1 when ours groups or names worse than the peer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--lines", type=int, default=200_000, help="lines of the log (default: 200,000)")
    parser.add_argument("--one", choices=MINERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one, arguments.lines)))
        return 0
    miners = MINERS if importlib.util.find_spec("drain3") else MINERS[:1]
    found = {}
    print(f"{arguments.lines:,} lines of 20 templates")
    for miner in miners:
        command = [sys.executable, "-m", "bench.learn", "--one", miner, "--lines", str(arguments.lines)]
        each = found[miner] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(
            f"  {miner:22} {each['rate']:10,.0f} lines/s  {each['megabytes']:6.1f} MB more  {each['grouped']:6.1%} of the lines grouped"
            f" rightly  {each['groups']:5} groups  {each['named']:3} numbers by name"
        )
    if len(miners) == 1:
        print(
            "  drain3 is not importable here: nothing to compare with (pip install --target DIR drain3, PYTHONPATH=DIR)"
        )
        return 0
    ours, theirs = found["stoker"], found[MINERS[1]]
    print(f"  ratio stoker / {MINERS[1]}: lines/s {ours['rate'] / theirs['rate']:.1f}")
    return int(ours["grouped"] < theirs["grouped"] or ours["named"] < theirs["named"])


if __name__ == "__main__":
    sys.exit(main())
