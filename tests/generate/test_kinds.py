"""Every kind's own cases pass in promtool on the kind's own rule, and notice every mutation of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from packs import LABELLESS, only, pack_of
from stoker.generate.mutation import mutate
from stoker.generate.rule_tests import rule_tests
from stoker.generate.rules import rules
from stoker.sources import programs

if TYPE_CHECKING:
    from pathlib import Path

ALERTS = {
    "threshold": """
      kind: threshold
      severity: info
      value: stoker_gpu_memory_used_bytes / stoker_gpu_memory_total_bytes
      above: 0.98
      for: 10m
      by: [cluster, instance, gpu, uuid]
""",
    "threshold with two levels": """
      kind: threshold
      levels: {warning: {above: 0.8}, info: {above: 0.95}}
      value: stoker_host_memory_used_bytes / stoker_host_memory_total_bytes
      for: 10m
      by: [cluster, instance]
""",
    "threshold over a window": """
      kind: threshold
      severity: info
      value: avg_over_time(stoker_gpu_utilization_ratio[$over])
      over: 30m
      above: 0.9
      keep_firing_for: 5m
      by: [cluster, instance, gpu, uuid]
""",
    "threshold below": """
      kind: threshold
      severity: warning
      value: stoker_host_memory_available_bytes
      below: 1000
      for: 5m
      by: [cluster, instance]
""",
    "threshold equals": """
      kind: threshold
      severity: warning
      value: stoker_gpu_up
      equals: 0
      for: 2m
      by: [cluster, instance, gpu, uuid]
""",
    "ratio": """
      kind: ratio
      severity: warning
      part: stoker_log_matched_lines_total{format="none"}
      whole: stoker_log_lines_total
      over: 15m
      above: 0.1
      for: 5m
      by: [cluster, instance, source]
""",
    "increase": """
      kind: increase
      severity: warning
      metric: stoker_gpu_xid_errors_total
      timestamp: stoker_gpu_xid_last_timestamp_seconds
      over: 10m
      by: [cluster, instance, gpu, uuid, xid]
""",
    "increase of some labels": """
      kind: increase
      severity: warning
      metric: stoker_train_errors_total{kind=~"cuda|ecc"}
      timestamp: stoker_train_error_last_timestamp_seconds{kind=~"cuda|ecc"}
      over: 10m
      by: [cluster, run]
""",
    "increase past a number": """
      kind: increase
      severity: warning
      metric: stoker_gpu_pcie_replays_total
      over: 1h
      above: 100
      by: [cluster, instance, gpu, uuid]
""",
    "absent": """
      kind: absent
      severity: warning
      metric: stoker_build_info
      for: 5m
      by: []
""",
    "stale": """
      kind: stale
      severity: warning
      timestamp: stoker_collector_last_success_timestamp_seconds
      older_than: 10m
      for: 5m
      by: [cluster, instance, collector]
""",
    "forecast": """
      kind: forecast
      severity: warning
      value: stoker_host_filesystem_avail_bytes
      capacity: stoker_host_filesystem_size_bytes
      over: 6h
      recent: 30m
      within: 24h
      left: 0.4
      for: 15m
      by: [cluster, instance, device]
""",
    "declines": """
      kind: declines
      severity: warning
      metric: stoker_gpu_performance_state
      at_least: 3
      for: 1m
      by: [cluster, instance, gpu, uuid]
""",
}


@pytest.mark.parametrize("kind", ALERTS)
def test_a_kind_proves_itself(kind: str, tmp_path: Path) -> None:
    pack, problems = pack_of(f"alerts:\n    OneAlert:{ALERTS[kind]}{LABELLESS}")
    assert [str(problem) for problem in problems if "OneAlert" in problem.wrong] == []
    mine = only(pack, ["OneAlert"])
    for artifact in (*rules(mine), *rule_tests(mine)):
        target = tmp_path / artifact.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(artifact.content)
    done = programs.run("promtool", ["test", "rules", str(tmp_path / "rules/tests/custom.yml")])
    assert done.code == 0, done.output
    verdicts = mutate(mine)
    assert [(verdict.broken, verdict.survivors) for verdict in verdicts] == [("", ())]
    assert verdicts[0].total > 0 or kind == "absent"
