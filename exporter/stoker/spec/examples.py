"""Example values of labels: what cases and documentation use where nothing else is said."""

from __future__ import annotations

EXAMPLES: dict[str, str] = {
    "job": "stoker",
    "cluster": "c1",
    "instance": "node1:9838",
    "gpu": "0",
    "uuid": "GPU-a",
    "run": "llm-7b",
    "source": "train",
    "rank": "0",
    "service": "chat",
    "engine": "0",
    "device": "nvme0n1",
    "mountpoint": "/data",
    "fstype": "ext4",
    "route": "/v1/completions",
    "method": "POST",
    "code": "200",
    "metric": "accuracy",
    "value": "loss",
    "kind": "exception",
    "xid": "79",
    "reason": "hw_thermal",
    "sensor": "core",
    "type": "uncorrected",
    "scope": "volatile",
    "status": "failed",
    "result": "ok",
    "collector": "host_disk",
    "format": "none",
    "name": "revenue",
    "handler": "/metrics",
    "gpu_instance": "",
    "compute_instance": "",
    "user": "",
    "namespace": "",
    "pod": "",
    "container": "",
    "slurm_job": "",
}
"""The first GPU, run, mount ... of the example machine. A label without an entry is its own name, an empty one is absent."""


def example(label: str) -> str:
    """The example value of a label."""
    return EXAMPLES.get(label, label)
