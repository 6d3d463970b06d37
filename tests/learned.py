"""Logs that no format knows, each with what `stoker learn` has to find in it: the last value of each metric."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

DRAW = random.Random(3)


def lines_of(count: int, write: Callable[[int], str]) -> list[str]:
    """So many lines of a log."""
    return [write(number) for number in range(count)]


WORKER = lines_of(
    50,
    lambda n: (
        f"2026-11-20 10:{n:02}:00,{n:03} INFO worker-{n % 4} processed {100 + n * 3 % 50} records in {n + 0.5} ms, queue depth {n % 7}"
    ),
)

LOGS: dict[str, tuple[list[str], dict[str, float | None]]] = {
    "words around the numbers": (
        WORKER,
        {"job_records_processed": 147, "job_processed_seconds": 50, "job_queue_depth": 0},
    ),
    "a loop with a bar of its own": (
        lines_of(
            40,
            lambda n: (
                f"[epoch {n // 10 + 1:2}/10] batch {n % 10:3}/100 :: objective {3 - n / 20:.4f} :: lr {1e-4 * (1 - n / 100):.2e} :: {100 + n}.5 tok/s"
            ),
        ),
        {
            "stoker_train_epoch": 4,
            "stoker_train_loss": 1.05,
            "stoker_train_learning_rate": 6.1e-05,
            "stoker_train_tokens_per_second": 139.5,
        },
    ),
    "several losses, one of them once not a number": (
        lines_of(
            40,
            lambda n: (
                f"iteration {n}: critic_loss: {'nan' if n == 20 else n / 8} actor_loss: {n / 4} learning_rate: {1 / (n + 1):.6f}"
            ),
        ),
        {
            "stoker_train_step": 39,
            'stoker_train_value{name="critic_loss"}': 4.875,
            'stoker_train_value{name="actor_loss"}': 9.75,
            "stoker_train_learning_rate": 0.025,
        },
    ),
    "JSON, nested": (
        lines_of(
            40,
            lambda n: json.dumps(
                {
                    "ts": f"2026-11-20T10:00:{n:02}Z",
                    "level": "info",
                    "batch": {"rows": n * 3, "size_bytes": n * 8},
                    "metrics": {"depth": n * 5 % 7},
                    "lag_seconds": n / 8,
                    "pid": 4411,
                }
            ),
        ),
        {"job_batch_rows": 117, "job_batch_size_bytes": 312, "job_depth": 6, "job_lag_seconds": 4.875},
    ),
    "logfmt with units": (
        lines_of(
            60,
            lambda n: (
                f'time=2026-11-20T10:00:{n:02}Z level=info msg="flushed segment" bytes={n * 10} duration={n / 2}ms shard={n % 8}'
            ),
        ),
        {"job_size_bytes": 590, "job_duration_seconds": 60},
    ),
    "requests": (
        lines_of(
            80,
            lambda n: (
                f"10.0.0.{n} -> {('GET', 'POST')[n % 2]} /v1/items/{n} status={(200, 404)[n % 4 == 0]} latency_ms={n + 0.25}"
            ),
        ),
        {
            'stoker_serve_requests_total{method="GET",route="/v1/items/{id}",code="404"}': 20,
            'stoker_serve_requests_total{method="POST",route="/v1/items/{id}",code="200"}': 40,
            'stoker_serve_request_seconds{route="/v1/items/{id}"}': 80,
        },
    ),
    "quantities with their units": (
        lines_of(
            40,
            lambda n: (
                f"[{n // 60:02}:{n % 60:02}:00] gpu mem {n + 0.5} GiB, util {n}%, temp={40 + n * 3 % 11}C power {100 + n * 7 % 13} W"
            ),
        ),
        {
            "job_gpu_mem_bytes": 39.5 * 2**30,
            "job_util_ratio": 0.39,
            "job_temp_celsius": 47,
            "job_power_watts": 100,
        },
    ),
    "durations in changing units": (
        lines_of(30, lambda n: f"rollout finished: {n} episodes of {n * 2}, took {('812ms', '1.5s', '1m2s')[n % 3]}"),
        {"job_took_seconds": 30},
    ),
    "events": (
        [
            line
            for n in range(30)
            for line in (
                f"2026/11/20 10:00:{n:02} WARN retrying upload of part-{n:05}.bin attempt {n % 4}",
                f"2026/11/20 10:00:{n:02} INFO heartbeat from node{n % 4}",
            )
        ]
        + ["2026/11/20 10:00:59 ERROR connection to store-7 refused"],
        {
            "job_attempt": 1,
            'job_events_total{event="retrying_upload_attempt"}': 30,
            'job_events_total{event="connection_refused"}': 1,
        },
    ),
    "the system's log": (
        lines_of(
            40,
            lambda n: (
                f"Nov 20 10:00:{n:02} node3 balancer[{900 + n % 3}]: backends up={n % 9} down={n % 3} rps={n * 1.5}"
            ),
        ),
        {"job_up": 3, "job_down": 0, "job_rps": 58.5},
    ),
    "glog": (
        lines_of(
            40,
            lambda n: (
                f"I1120 10:00:{n:02}.123456  4411 scheduler.cc:88] Admitted {n % 11} pods; pending={n * 2 % 31} bindLatency={n + 0.5}ms"
            ),
        ),
        {"job_pods_admitted": 6, "job_pending": 16, "job_bind_latency_seconds": 0.0395},
    ),
    "columns without a name": (
        lines_of(40, lambda n: f"{n:5}  {n * 7 % 11}.5  {n / 8}"),
        {"job_column_2": 9.5, "job_column_3": 4.875},
    ),
    "numbers that are padded": (
        lines_of(40, lambda n: f"[worker-{n % 3}] pool[{n % 13:3}] free=( {n * 5 % 17:2}) ratio = {n / 64:8.4f}"),
        {"job_free": 8, "job_ratio": 0.6094},
    ),
    "CSV with comments, units, a header for each start and a column that tells things apart": (
        [
            line
            for start in range(3)
            for line in (
                "# collected by a script, on two devices",
                "timestamp, index, name, utilization.gpu [%], memory.used [MiB], power.draw [W], fan.speed [%]",
                *(
                    f"2026/11/20 1{start}:00:{n:02}.120, {n % 2}, Card 80GB, {n * 7 % 20} %, {n * 512} MiB, {300 + n}.5 W, [N/A]"
                    for n in range(20)
                ),
            )
        ],
        {
            'job_utilization_gpu_ratio{index="1"}': 0.13,
            'job_memory_used_bytes{index="0"}': 18 * 512 * 2**20,
            'job_power_draw_watts{index="0"}': 318.5,
        },
    ),
    "semicolons and decimal commas": (
        [
            "Zeit;Schlange;Dauer (ms);Auslastung %;Stand",
            *lines_of(20, lambda n: f"20.11.2026 10:00:{n:02};{n * 3 % 17};1.23{n % 10},5;{n},5;gut"),
        ],
        {"job_schlange": 6, "job_dauer_seconds": 1.2395, "job_auslastung_ratio": 0.195},
    ),
    "tabs, the row's number without a name, empty cells": (
        [
            "\tbatch\treward\tkl\tval_score",
            *lines_of(20, lambda n: f"{n}\t{n * 7 % 20}\t{n / 4}\t1.5e-0{n % 5 + 1}\t{n / 8 if n % 10 == 0 else ''}"),
        ],
        {"job_batch": 13, "job_reward": 4.75, "job_kl": 1.5e-05, "job_val_score": 1.25},
    ),
    "CSV with quotation marks, in a log of a training program": (
        [
            *lines_of(10, lambda n: f"{{'loss': {n}.5, 'grad_norm': 1.0, 'learning_rate': 1e-05, 'epoch': 0.5}}"),
            '"rank","note, if any","entropy","steps/s"',
            *lines_of(20, lambda n: f'"{n % 2}","a, b","{n / 4}","{n + 0.5}"'),
        ],
        {'stoker_train_value{name="entropy"}': 4.75, "stoker_train_steps_per_second": 19.5, "stoker_train_loss": 9.5},
    ),
    "a database's log": (
        lines_of(
            40,
            lambda n: (
                f"2026-11-20 10:00:{n:02}.091 UTC [{900 + n * 7 % 13}] "
                + (
                    f"LOG:  checkpoint complete: wrote {n * 3} buffers; write={n / 8} s, total={n / 4} s; distance={n * 8} kB"
                    if n % 2
                    else 'ERROR:  duplicate key value violates unique constraint "users_pkey"'
                )
            ),
        ),
        {
            "job_buffers_wrote": 117,
            "job_write_seconds": 4.875,
            "job_total_seconds": 9.75,
            "job_distance_bytes": 312e3,
            'job_events_total{event="duplicate_key_value_violates"}': 20,
        },
    ),
    "thousands, and a number that does not say whether it is one": (
        lines_of(
            40,
            lambda n: (
                f"Nov 20 10:00:{n:02} n1 etl[7]: loaded {n + 1},000 rows ({n + 1},123,456 bytes), quota {n * 3 % 7},5 in {n}.5s"
            ),
        ),
        {"job_rows_loaded": 40000, "job_rows_bytes": 40123456, "job_loaded_seconds": 40, "job_quota": None},
    ),
    "ids of all kinds": (
        lines_of(
            40,
            lambda n: (
                f"2026/11/20 10:00:{n:02} req 68e3c166-50b0-4081-83ca-082bb516c{n:03} from 192.168.6.{n}:40755 sha=0xaeee{n:04}"
                f" mac=aa:bb:cc:{n + 10}:11:{n + 10} peer=fe80::{n + 10:x}:{n:x} v2.{n}.1 took {n * 3 % 17}ms"
            ),
        ),
        {"job_took_seconds": 40},
    ),
    "Chinese": (
        lines_of(
            40,
            lambda n: (
                f"2026年11月20日 10:00:{n:02} 第 {n} 批: 吞吐量: {300 - n}, 准确率: {n / 2:.1f}%, 耗时: {n / 8} 秒"
            ),
        ),
        {
            "job_throughput": 261,
            "job_accuracy_ratio": 0.195,
            "job_duration_seconds": 40,
        },
    ),
    "a collector of garbage, with its uptime in front": (
        lines_of(40, lambda n: f"[{n * 1.5:.3f}s][info][gc] GC({n}) Pause Young {200 + n}M->{n}M(1024M) {n / 8}ms"),
        {"job_duration_seconds": 40},
    ),
    "words that tell a state, words that tell things apart, and free text": (
        lines_of(
            60,
            lambda n: (
                f"2026-11-20 10:00:{n:02} INFO job done queue={('fast', 'slow')[n % 2]} took={n * 3 % 17}ms"
                f" state={('ok', 'failed', 'skipped')[n % 3]} by={'abcdefghijklmnopqrstu'[n % 20]}x"
            ),
        )
        + lines_of(
            60,
            lambda n: (
                f"2026-11-20 10:00:{n:02} link {'xyz'[n % 3]}q is {('up', 'down', 'degraded')[n % 3]} after {n} ms"
            ),
        ),
        {
            'job_state_total{state="ok"}': 20,
            'job_state_total{state="failed"}': 20,
            'job_status_total{status="down"}': 20,
            "job_took_seconds": 60,
            'job_queue_total{queue="fast"}': None,
        },
    ),
    "rates and units between words": (
        lines_of(40, lambda n: f"scored {n * 3 % 17} items, {n + 0.5} items/s mem: {n * 5 % 9} MB depth: {n * 7 % 13}"),
        {"job_items_scored": 15, "job_items_per_second": 39.5, "job_mem_bytes": 6e6, "job_depth": 0},
    ),
    "two tables and lines that are none": (
        [
            "one,two",
            *lines_of(9, lambda n: f"{n * 3},{n * 5 % 7}"),
            "note: this is, I think, the end",
            "three|four",
            *lines_of(9, lambda n: f"{n * 3}|{n * 5 % 7}"),
            "hello, world",
            "7 hours, 3 minutes",
            *WORKER,
        ],
        {"job_one": 24, "job_two": 5, "job_three": 24, "job_four": 5, "job_queue_depth": 0},
    ),
    "running totals": (
        [
            *lines_of(
                40,
                lambda n: (
                    f"<00h{n:02}m10s> PREP >> documents so far: {n * 1000 + n * n:,} ({n / 8:.2f} GB written) pool fill=0.{n * 7 % 10}"
                    f" mem {60 + n * 7 % 10}.5/80 GB, in all {n * 3 % 5} done"
                ),
            ),
            *lines_of(9, lambda n: f"<00h{n:02}m20s> POOL >> batch processed: {n * 5 % 7}, peak total {n * 2} MB"),
            *lines_of(9, lambda n: f"<00h{n:02}m30s> TOKS >> total tokens: {n * 1.5:.1f}M, requests seen {n}"),
            "time,rows processed,depth",
            *lines_of(9, lambda n: f"{n},{n * 30},{n * 5 % 7}"),
        ],
        {
            "job_documents_total": 40521,
            "job_written_bytes_total": 4.88e9,
            "job_pool_fill": 0.3,
            "job_mem_bytes": 63.5e9,
            "job_batch_processed": 5,
            "job_peak_total_bytes": 16e6,
            "job_tokens_total": 12e6,
            "job_requests_seen_total": 8,
            "job_rows_processed_total": 240,
            "job_depth": 5,
        },
    ),
    "checkpoints in words of capitals": (
        lines_of(
            30,
            lambda n: (
                f"OPT >> it {n * 10} obj {3 - n / 20:.3f} gnorm 0.{n + 10} lr 3e-4 | tokens seen {n / 4:.2f}M"
                if n % 3
                else f"CKPT >> wrote {n % 7 + 1} shards in {n % 5 + 0.5} sec"
            ),
        ),
        {"stoker_train_step": 290, "stoker_train_checkpoints_total": 10, "job_tokens_seen_total": 7.25e6},
    ),
}
