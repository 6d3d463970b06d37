"""The lines of the log benchmark: each kind with the pattern that reads it, as a format of Stoker and as a program of mtail.

Both are made from the same table, so that they read the same lines and count the same things. The layouts are those of access logs,
training loops, serving statistics, kernels and schedulers; what no pattern reads shares their words.
"""

from __future__ import annotations

import json
import random
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_INT = "[0-9]+"
_FLOAT = r"-?(?:[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|nan|inf)"
_WORD = r"[A-Za-z_][A-Za-z0-9_]*"
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2},[0-9]{3}"
_PLAIN = rf"^(?P<time>{_TIME}) (?P<level>[A-Z]+) (?P<logger>[a-z.]+) "
_BOXED = rf"^\[(?P<time>{_TIME})\] \[(?P<logger>[a-z.]+)\] "
_LEVEL = rf"^(?P<level>[A-Z]+) (?P<time>{_TIME}) \[(?P<file>[a-z.]+):[0-9]+\] "
_SYSLOG = r"^(?P<time>[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}) (?P<host>[a-z0-9-]+) (?P<unit>[a-z0-9]+)(?:\[[0-9]+\])?: "
_CLIENT = r"^(?P<client>[0-9a-f.:]+) \S+ \S+ \[(?P<time>[^\]]+)\] "
_WORDS = r"\b"  # wherever they stand


class Does(NamedTuple):
    """What a match does: a metric without its prefix, `set` or `inc`, a group (or 1), and the groups that are its labels."""

    metric: str
    op: str
    group: str = ""
    labels: tuple[str, ...] = ()


class Kind(NamedTuple):
    """One kind of line: how often it comes, how it begins, the words that matter, what it does, and a writer of such lines."""

    weight: int
    head: str
    core: str
    does: tuple[Does, ...]
    write: Callable[[random.Random], str]


def _stamp(draw: random.Random) -> str:
    return (
        f"2026-01-23 {draw.randrange(24):02}:{draw.randrange(60):02}:{draw.randrange(60):02},{draw.randrange(1000):03}"
    )


def _hex(draw: random.Random, size: int) -> str:
    return f"{draw.getrandbits(4 * size):0{size}x}"


KINDS: tuple[Kind, ...] = (
    Kind(
        6,
        _CLIENT,
        rf'"(?P<method>GET|POST|PUT|DELETE) \S+ HTTP/[0-9.]+" (?P<status>[0-9]{{3}}) (?P<bytes>{_INT}) ',
        (
            Does("requests_total", "inc", "", ("method", "status")),
            Does("response_bytes_total", "inc", "bytes", ("method",)),
        ),
        lambda draw: (
            f"10.0.{draw.randrange(256)}.{draw.randrange(256)} - - [23/Jan/2026:06:{draw.randrange(60):02}:33 +0000] "
            f'"{draw.choice(("GET", "POST"))} /v1/{draw.choice(("completions", "chat/completions", "models"))}?id={_hex(draw, 12)} HTTP/1.1" '
            f'{draw.choice((200, 200, 200, 404, 500))} {draw.randrange(100, 90000)} "-" "python-requests/2.32"'
        ),
    ),
    Kind(
        6,
        _BOXED,
        rf"iteration (?P<step>{_INT}) of [0-9]+ \| loss (?P<loss>{_FLOAT}) \| grad norm (?P<norm>{_FLOAT})",
        (
            Does("reports_total", "inc"),
            Does("loss", "set", "loss"),
            Does("grad_norm", "set", "norm"),
        ),
        lambda draw: (
            f"[{_stamp(draw)}] [pretrain] iteration {draw.randrange(100000)} of 100000 | loss {draw.uniform(1, 9):.4f} | grad norm "
            f"{draw.uniform(0, 3):.3f} | lr 3.0e-04 | {draw.uniform(1000, 9000):.1f} tokens/s/gpu | mem 71.2 GiB"
        ),
    ),
    Kind(
        4,
        _LEVEL,
        rf"engine (?P<engine>{_INT}): generation (?P<generation>{_FLOAT}) tokens/s, running (?P<running>{_INT}) requests",
        (
            Does("generation_tokens_per_second", "set", "generation", ("engine",)),
            Does("running_requests", "set", "running", ("engine",)),
        ),
        lambda draw: (
            f"INFO {_stamp(draw)} [stats.py:116] engine {draw.randrange(4)}: generation {draw.uniform(10, 4000):.1f} tokens/s, "
            f"running {draw.randrange(256)} requests, waiting {draw.randrange(99)} requests, cache usage {draw.uniform(0, 99):.1f}%"
        ),
    ),
    Kind(
        2,
        _PLAIN,
        rf"request finished model=(?P<model>\S+) prompt_tokens=(?P<prompt>{_INT}) output_tokens=(?P<output>{_INT}) seconds=(?P<took>{_FLOAT})",
        (
            Does("finished_total", "inc", "", ("model",)),
            Does("prompt_tokens_total", "inc", "prompt", ("model",)),
            Does("output_tokens_total", "inc", "output", ("model",)),
            Does("request_seconds_total", "inc", "took", ("model",)),
        ),
        lambda draw: (
            f"{_stamp(draw)} INFO gateway request finished model={draw.choice(('llama-70b', 'qwen-32b', 'mixtral'))} "
            f"prompt_tokens={draw.randrange(8000)} output_tokens={draw.randrange(2000)} seconds={draw.uniform(0, 30):.3f} id={_hex(draw, 24)}"
        ),
    ),
    Kind(
        1,
        _WORDS,
        rf"saved checkpoint at step (?P<step>{_INT}) in (?P<took>{_FLOAT})s",
        (Does("checkpoints_total", "inc"), Does("checkpoint_seconds_total", "inc", "took")),
        lambda draw: (
            f"[{_stamp(draw)}] [checkpoint] saved checkpoint at step {draw.randrange(100000)} in {draw.uniform(3, 90):.2f}s "
            f"to /mnt/lustre/runs/pretrain-7b/{_hex(draw, 16)}/global_step"
        ),
    ),
    Kind(
        1,
        rf"{_SYSLOG}\[ *[0-9.]+\] ",
        rf"NVRM: Xid \(PCI:[0-9a-fA-F:]+\): (?P<xid>{_INT}),",
        (Does("xid_total", "inc", "", ("xid",)),),
        lambda draw: (
            f"Jan 23 06:33:{draw.randrange(60):02} gpu-{draw.randrange(9999):04} kernel: [{draw.uniform(1, 9e5):.6f}] NVRM: Xid "
            f"(PCI:0000:{draw.randrange(256):02x}:00): {draw.choice((13, 31, 48, 79, 94))}, pid={draw.randrange(99999)}, name=python, Ch 00000008"
        ),
    ),
    Kind(
        1,
        _WORDS,
        rf"Watchdog caught collective operation timeout: WorkNCCL\(SeqNum=(?P<seq>{_INT}), OpType=(?P<op>{_WORD})",
        (Does("nccl_timeouts_total", "inc", "", ("op",)),),
        lambda draw: (
            f"[rank{draw.randrange(64)}]:[E123 06:33:37.{draw.randrange(999999):06} ProcessGroupNCCL.cpp:616] Watchdog caught collective operation "
            f"timeout: WorkNCCL(SeqNum={draw.randrange(99999)}, OpType={draw.choice(('ALLREDUCE', 'ALLGATHER'))}, NumelIn=1024)"
        ),
    ),
    Kind(
        1,
        _WORDS,
        rf"CUDA out of memory\. Tried to allocate (?P<size>{_FLOAT}) (?P<unit>MiB|GiB)",
        (Does("oom_total", "inc", "", ("unit",)),),
        lambda draw: (
            f"[rank{draw.randrange(64)}]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate {draw.uniform(1, 900):.2f} MiB. GPU 0 has a "
            f"total capacity of 79.15 GiB of which {draw.uniform(1, 900):.2f} MiB is free"
        ),
    ),
    Kind(
        1,
        _WORDS,
        rf"DataLoader worker (?P<worker>{_INT}): (?P<failed>{_INT}) of [0-9]+ records failed",
        (Does("failed_records_total", "inc", "failed", ("worker",)),),
        lambda draw: (
            f"{_stamp(draw)} WARNING data.loader DataLoader worker {draw.randrange(8)}: {draw.randrange(9)} of {draw.randrange(10, 4096)} records "
            f"failed in shard s3://corpus/{_hex(draw, 20)}.tar"
        ),
    ),
    Kind(
        1,
        _BOXED,
        rf"eval (?P<name>{_WORD}): (?P<value>{_FLOAT}) \((?P<n>{_INT}) samples\)",
        (Does("eval", "set", "value", ("name",)), Does("eval_samples_total", "inc", "n")),
        lambda draw: (
            f"[{_stamp(draw)}] [evaluator] eval {draw.choice(('accuracy', 'f1', 'perplexity'))}: {draw.uniform(0, 1):.5f} ({draw.randrange(1, 5000)} "
            f"samples) against the best so far, patience {draw.randrange(5)}, dataset validation-{_hex(draw, 8)}"
        ),
    ),
    Kind(
        1,
        _WORDS,
        rf"queue depth (?P<depth>{_INT}), oldest (?P<age>{_FLOAT}) s",
        (Does("queue_depth", "set", "depth"), Does("queue_age_seconds", "set", "age")),
        lambda draw: (
            f"{_stamp(draw)} INFO scheduler queue depth {draw.randrange(999)}, oldest {draw.uniform(0, 99):.2f} s, policy fcfs, "
            f"workers {draw.randrange(1, 64)}, budget {draw.randrange(65536)}, id {_hex(draw, 16)}"
        ),
    ),
    Kind(
        1,
        _WORDS,
        rf"Sequence group (?P<id>\S+) is preempted by (?P<mode>{_WORD}) mode",
        (Does("preemptions_total", "inc", "", ("mode",)),),
        lambda draw: (
            f"WARNING {_stamp(draw)} [scheduler.py:1481] Sequence group cmpl-{_hex(draw, 16)} is preempted by {draw.choice(('SWAP', 'RECOMPUTE'))} mode "
            "because there is not enough KV cache space"
        ),
    ),
    Kind(
        1,
        _WORDS,
        rf"retry (?P<attempt>{_INT})/[0-9]+ of write to (?P<store>{_WORD}) after (?P<error>{_WORD})",
        (Does("write_retries_total", "inc", "", ("store", "error")),),
        lambda draw: (
            f"{_stamp(draw)} WARNING storage retry {draw.randrange(1, 6)}/5 of write to {draw.choice(('lustre', 'minio', 'nfs'))} after "
            f"{draw.choice(('ETIMEDOUT', 'EIO', 'ESTALE'))}, object {_hex(draw, 32)}, {draw.randrange(1, 900)} MB"
        ),
    ),
    Kind(
        1,
        _WORDS,
        rf"learning rate changed from \S+ to (?P<lr>{_FLOAT})",
        (Does("learning_rate", "set", "lr"), Does("learning_rate_changes_total", "inc")),
        lambda draw: (
            f"[{_stamp(draw)}] [scheduler] learning rate changed from 0.000300 to {draw.uniform(0, 0.001):.6f} by cosine schedule after "
            f"{draw.randrange(1, 9)} epochs without gain, group {_hex(draw, 8)}"
        ),
    ),
    Kind(
        1,
        _WORDS,
        rf"overflow in (?P<where>{_WORD}), skipping step, loss scale (?P<scale>{_FLOAT})",
        (Does("overflows_total", "inc", "", ("where",)), Does("loss_scale", "set", "scale")),
        lambda draw: (
            f"[{_stamp(draw)}] [optimizer] overflow in {draw.choice(('embedding', 'attention', 'mlp'))}, skipping step, loss scale "
            f"{draw.choice((65536.0, 32768.0))} (was {draw.choice((65536.0, 131072.0))}), micro batch {draw.randrange(512)}, {_hex(draw, 12)}"
        ),
    ),
    Kind(
        1,
        _WORDS,
        rf"GC pause (?P<took>{_FLOAT}) s, (?P<what>young|old) generation",
        (Does("gc_pauses_total", "inc", "", ("what",)), Does("gc_pause_seconds_total", "inc", "took", ("what",))),
        lambda draw: (
            f"{_stamp(draw)} INFO jvm.gc GC pause {draw.uniform(0.001, 0.4):.6f} s, {draw.choice(('young', 'old'))} generation, heap "
            f"{draw.randrange(1, 64)}G->{draw.randrange(1, 64)}G of 96G, cause Allocation Failure, worker {_hex(draw, 10)}"
        ),
    ),
    Kind(
        1,
        "^",
        rf"slurmstepd: error: \*\*\* JOB (?P<job>{_INT}) ON (?P<node>\S+) CANCELLED AT \S+ DUE TO (?P<why>[A-Z ]+) \*\*\*",
        (Does("jobs_cancelled_total", "inc", "", ("why",)),),
        lambda draw: (
            f"slurmstepd: error: *** JOB {draw.randrange(10**7)} ON gpu-{draw.randrange(9999):04} CANCELLED AT 2026-01-23T06:33:37 DUE TO "
            f"{draw.choice(('TIME LIMIT', 'PREEMPTION', 'NODE FAILURE'))} ***"
        ),
    ),
    Kind(
        1,
        _WORDS,
        rf"connection to (?P<service>{_WORD}) lost: (?P<reason>{_WORD}) \(attempt (?P<attempt>{_INT})\)",
        (Does("connections_lost_total", "inc", "", ("service", "reason")),),
        lambda draw: (
            f"{_stamp(draw)} ERROR rpc.client connection to {draw.choice(('etcd', 'redis', 'router'))} lost: {draw.choice(('reset', 'refused', 'timeout'))} "
            f"(attempt {draw.randrange(1, 20)}), channel {_hex(draw, 16)}, backoff {draw.uniform(0, 30):.1f}"
        ),
    ),
    Kind(
        1,
        _WORDS,
        rf"evicted (?P<blocks>{_INT}) blocks from (?P<pool>{_WORD}) cache, hit rate (?P<rate>{_FLOAT})",
        (Does("evicted_blocks_total", "inc", "blocks", ("pool",)), Does("hit_rate", "set", "rate", ("pool",))),
        lambda draw: (
            f"{_stamp(draw)} DEBUG cache.manager evicted {draw.randrange(1, 512)} blocks from {draw.choice(('prefix', 'kv', 'vision'))} cache, hit rate "
            f"{draw.uniform(0, 1):.4f}, free {draw.randrange(9999)}, key {_hex(draw, 16)}"
        ),
    ),
    Kind(
        1,
        _WORDS,
        r"link (?P<port>mlx5_[0-9]+) went (?P<state>up|down)",
        (Does("link_changes_total", "inc", "", ("port", "state")),),
        lambda draw: (
            f"Jan 23 06:33:{draw.randrange(60):02} gpu-{draw.randrange(9999):04} fabric[{draw.randrange(9999)}]: link mlx5_{draw.randrange(8)} went "
            f"{draw.choice(('up', 'down'))} after {draw.randrange(9999)} ms, lane errors {draw.randrange(99)}, guid {_hex(draw, 16)}"
        ),
    ),
)

NOISE: tuple[Callable[[random.Random], str], ...] = (
    lambda draw: (
        f"{_stamp(draw)} INFO trainer.callbacks heartbeat of worker {draw.randrange(64)} on gpu-{draw.randrange(9999):04}, last flush {draw.uniform(0, 9):.3f} s ago, token {_hex(draw, 24)}, all is well"
    ),
    lambda draw: (
        f"[{_stamp(draw)}] [pretrain] bucket {draw.randrange(99)} reduced in {draw.uniform(0, 9):.2f} ms over 64 ranks, {draw.randrange(9999)} MB, stream {draw.randrange(9)}, overlap {draw.uniform(0, 1):.3f}"
    ),
    lambda draw: (
        f"INFO {_stamp(draw)} [router.py:88] accepted connection {_hex(draw, 32)} of tenant {draw.randrange(999)} into partition {draw.randrange(64)}, compression zstd, idle limit 300"
    ),
    lambda draw: (
        f"{_stamp(draw)} DEBUG tokenizers.pool batch {draw.randrange(99999)} encoded: {draw.randrange(512)} texts, {draw.randrange(99999)} pieces, {draw.uniform(0, 90):.2f} ms, pool {draw.randrange(16)}, order {_hex(draw, 10)}"
    ),
    lambda draw: (
        f"[rank{draw.randrange(64)}]: {_stamp(draw)} DEBUG torch.distributed.fsdp unshard layers.{draw.randrange(80)}.feed_forward on stream {draw.randrange(9)}, {draw.randrange(999)} MB prefetched, {_hex(draw, 12)}"
    ),
    lambda draw: (
        f"{_stamp(draw)} INFO cluster.autoscaler nothing to do: {draw.randrange(64)} replicas ready, target {draw.randrange(64)}, cooldown {draw.uniform(0, 300):.1f} s, fingerprint {_hex(draw, 20)}, revision 7"
    ),
    lambda draw: (
        f"Jan 23 06:33:{draw.randrange(60):02} gpu-{draw.randrange(9999):04} systemd[1]: session-{draw.randrange(99999)}.scope: Deactivated successfully, consumed {draw.uniform(0, 99):.3f}s of processor time, {_hex(draw, 18)}"
    ),
    lambda draw: (
        f"{_stamp(draw)} INFO http.client resolved object store endpoint s3.internal to 10.{draw.randrange(256)}.{draw.randrange(256)}.7 in {draw.uniform(0, 9):.2f} ms, ttl {draw.randrange(300)}, request {_hex(draw, 24)}"
    ),
    lambda draw: (
        f"[{_stamp(draw)}] [profiler] span attention.forward {draw.uniform(0, 9):.3f} ms, span mlp.forward {draw.uniform(0, 9):.3f} ms, span norm {draw.uniform(0, 1):.3f} ms, trace {_hex(draw, 20)}"
    ),
    lambda draw: (
        f"{_stamp(draw)} DEBUG grpc.server stream {_hex(draw, 16)} window update {draw.randrange(65536)}, frames {draw.randrange(999)}, pings {draw.randrange(9)}, keepalive 20 s, peer ipv4:10.0.{draw.randrange(256)}.9"
    ),
)


def write(path: Path, lines: int, one_in: int, seed: int = 7) -> int:
    """Write a log in which one line in `one_in` is of a known kind; its bytes."""
    draw = random.Random(seed)
    kinds = [kind for kind in KINDS for _ in range(kind.weight)]
    # a stock of each, since drawing every line anew would take a minute
    known = [draw.choice(kinds).write(draw) for _ in range(20_000)]
    noise = [draw.choice(NOISE)(draw) for _ in range(20_000)]
    size = 0
    with path.open("w", encoding="ascii") as file:
        for _ in range(lines):
            line = draw.choice(known if draw.randrange(one_in) == 0 else noise)
            size += file.write(line + "\n")
    return size


def regex_of(kind: Kind, *, whole: bool) -> str:
    """The pattern of a kind as people write them, or its words alone: a pattern that begins with fixed text is what mtail does best."""
    return kind.head + kind.core if whole else kind.core


def stoker_pack(*, whole: bool) -> dict[str, object]:
    """`pack:` of a stoker.yaml: the format `bench` and its metrics."""
    metrics: dict[str, object] = {}
    patterns = []
    for kind in KINDS:
        sample = kind.write(random.Random(1))
        pattern: dict[str, object] = {"sample": sample, "regex": regex_of(kind, whole=whole)}
        for op in ("set", "inc"):
            if table := {f"stoker_bench_{each.metric}": each.group or 1 for each in kind.does if each.op == op}:
                pattern[op] = table
        if labels := {label: f"{{{label}}}" for each in kind.does for label in each.labels}:
            pattern["labels"] = labels
        patterns.append(pattern)
        for each in kind.does:
            metrics[f"stoker_bench_{each.metric}"] = {
                "type": "counter" if each.op == "inc" else "gauge",
                "help": f"{each.metric} of the benchmark",
                "labels": list(each.labels),
            }
    return {"metrics": metrics, "formats": {"bench": {"kind": "training", "priority": 99, "patterns": patterns}}}


def mtail_program(*, whole: bool) -> str:
    """The same as a program of mtail."""
    declared: dict[str, str] = {}
    blocks = []
    for kind in KINDS:
        body = []
        for each in kind.does:
            name = f"stoker_bench_{each.metric}"
            by = f" by {', '.join(each.labels)}" if each.labels else ""
            declared[name] = f"{'counter' if each.op == 'inc' else 'gauge'} {name}{by}"
            keys = "".join(f"[${label}]" for label in each.labels)
            if each.op == "set":
                body.append(f"  {name}{keys} = float(${each.group})")
            else:
                body.append(f"  {name}{keys} += float(${each.group})" if each.group else f"  {name}{keys}++")
        regex = regex_of(kind, whole=whole).replace("/", r"\/")
        blocks.append(f"/{regex}/ {{\n" + "\n".join(body) + "\n}")
    return "\n".join([*declared.values(), *blocks, ""])


def known_as(line: str) -> int:
    """The kind that reads a line; -1 when none does."""
    return next((number for number, kind in enumerate(KINDS) if re.search(kind.core, line)), -1)


def config(folder: Path, log: Path, formats: str, *, whole: bool) -> str:
    """A stoker.yaml that reads `log` from its beginning."""
    settings = {
        "state_dir": str(folder / "state"),
        "host": {"enabled": False},
        "gpu": {"enabled": False},
        "sources": [
            {
                "name": "bench",
                "files": [str(log)],
                "from": "beginning",
                "formats": "auto" if formats == "auto" else [formats],
            }
        ],
        "pack": stoker_pack(whole=whole),
    }
    return json.dumps(settings)  # JSON is YAML
