"""The units that people print behind a number or at the end of its name, and the base units that they stand for."""

from __future__ import annotations

import re

UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "milliseconds", "millisecond"), "ms"),
    **dict.fromkeys(("us", "usec", "µs", "μs", "microseconds"), "us"),
    **dict.fromkeys(("ns", "nanoseconds"), "ns"),
    **dict.fromkeys(("min", "mins", "minutes"), "min"),
    **dict.fromkeys(("hours", "hrs"), "h"),
    **dict.fromkeys(("b", "bytes", "byte"), "B"),
    **dict.fromkeys(("kb",), "KB"),
    **dict.fromkeys(("kib",), "KiB"),
    **dict.fromkeys(("mb", "megabytes"), "MB"),
    **dict.fromkeys(("mib",), "MiB"),
    **dict.fromkeys(("gb", "gigabytes"), "GB"),
    **dict.fromkeys(("gib",), "GiB"),
    **dict.fromkeys(("pct", "percent", "percentage", "%"), "percent"),
    **dict.fromkeys(("mhz",), "MHz"),
    **dict.fromkeys(("w", "watts", "watt"), "W"),
    **dict.fromkeys(("mw", "milliwatts"), "mW"),
    **dict.fromkeys(("c", "°c", "celsius"), "C"),
    **dict.fromkeys(("j", "joules"), "J"),
    **dict.fromkeys(("tflops", "tflop/s", "tflops/s"), "TFLOP/s"),
    "秒": "s",
    "毫秒": "ms",
    "微秒": "us",
    "分钟": "min",
    "小时": "h",
}
_OF_KEYS = frozenset(UNITS) - {"b", "w", "c", "j", "min", "tflops"}
SUFFIX = re.compile(
    r"(?:^|[_ (./-])(?P<unit>" + "|".join(sorted(map(re.escape, _OF_KEYS), key=len, reverse=True)) + r")\)?$",
    re.IGNORECASE,
)
CHINESE = {
    "损失": "loss",
    "准确率": "accuracy",
    "精度": "accuracy",
    "学习率": "learning_rate",
    "梯度范数": "grad_norm",
    "训练": "train",
    "验证": "val",
    "评估": "eval",
    "轮次": "epoch",
    "步数": "step",
    "步": "step",
    "耗时": "duration",
    "延迟": "latency",
    "显存": "gpu_memory",
    "内存": "memory",
    "吞吐量": "throughput",
    "吞吐": "throughput",
    "队列长度": "queue_length",
    "队列": "queue",
    "请求": "requests",
    "错误": "errors",
    "总": "total",
}
"""What people print in Chinese and what it is called in a metric's name; a longer word stands before those in it."""
BASES = {
    **dict.fromkeys(("s", "ms", "us", "µs", "μs", "ns", "min", "m", "h", "d"), "seconds"),
    **dict.fromkeys(("B", "KB", "kB", "KiB", "MB", "MiB", "GB", "GiB", "TiB"), "bytes"),
    **dict.fromkeys(("percent", "%"), "ratio"),
    "MHz": "hertz",
    **dict.fromkeys(("W", "mW"), "watts"),
    "C": "celsius",
    "J": "joules",
}
"""Unit as printed to base unit."""
KINDS = {"seconds": "duration", "bytes": "size", "ratio": "share"}
"""What a number is called of which only the unit is printed."""
