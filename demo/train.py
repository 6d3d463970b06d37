"""Trains a small model in plain Python and logs as Hugging Face's Trainer does with its NaN filter off.

A two-layer network learns a noisy function by gradient descent. SIGUSR1 multiplies the learning rate by a million: the weights
overflow within a few steps, and the loss becomes NaN as it does in real runs. SIGUSR2 starts again from fresh weights.
"""

from __future__ import annotations

import argparse
import math
import random
import signal
import sys
import time
from pathlib import Path

HIDDEN = 8
BATCH = 16
EPOCH_STEPS = 200


class Model:
    """y = sum_j v_j * relu(w_j * x + b_j) + c, with its gradients by hand."""

    def __init__(self, seed: int) -> None:
        chance = random.Random(seed)
        self.weights = [[chance.uniform(-1, 1) for _ in range(HIDDEN)] for _ in range(3)]
        self.offset = 0.0

    def step(self, points: list[tuple[float, float]], rate: float) -> tuple[float, float]:
        """One step of gradient descent on (x, y) points; mean squared error and gradient norm before it."""
        w, b, v = self.weights
        grads = [[0.0] * HIDDEN for _ in range(3)]
        grad_offset = loss = 0.0
        for x, y in points:
            hidden = [max(0.0, w[j] * x + b[j]) for j in range(HIDDEN)]
            error = sum(v[j] * hidden[j] for j in range(HIDDEN)) + self.offset - y
            loss += error * error / len(points)
            slope = 2 * error / len(points)
            grad_offset += slope
            for j in range(HIDDEN):
                grads[2][j] += slope * hidden[j]
                if hidden[j] > 0:
                    grads[0][j] += slope * v[j] * x
                    grads[1][j] += slope * v[j]
        norm = _root(grad_offset * grad_offset + sum(g * g for row in grads for g in row))
        for row, slopes in zip(self.weights, grads, strict=True):
            for j in range(HIDDEN):
                row[j] -= rate * slopes[j]
        self.offset -= rate * grad_offset
        return loss, norm


def _root(value: float) -> float:
    return math.sqrt(value) if value >= 0 else math.nan


def sample(chance: random.Random) -> list[tuple[float, float]]:
    """A batch of the function to learn, with noise."""
    xs = [chance.uniform(-2, 2) for _ in range(BATCH)]
    return [(x, math.sin(2 * x) + chance.gauss(0, 0.05)) for x in xs]


def main() -> None:
    """Train until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--pause", type=float, default=0.02, help="seconds between steps")
    parser.add_argument("--every", type=int, default=10, help="steps between two log lines")
    args = parser.parse_args()
    wish = {"explode": False, "restart": False}
    signal.signal(signal.SIGUSR1, lambda *_: wish.update(explode=True))
    signal.signal(signal.SIGUSR2, lambda *_: wish.update(restart=True))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    chance = random.Random(7)
    model, step, rate, begun = Model(1), 0, 0.02, time.monotonic()
    with args.log.open("a", encoding="utf-8", buffering=1) as log:
        log.write(
            f"***** Running training *****\n  Num examples = {BATCH * EPOCH_STEPS}\n  Total optimization steps = {args.steps:,}\n"
        )
        while step < args.steps:
            if wish["restart"]:
                model, step, rate, begun = Model(step + 2), 0, 0.02, time.monotonic()
            elif wish["explode"]:
                rate *= 1e6
            wish.update(explode=False, restart=False)
            step += 1
            try:
                loss, norm = model.step(sample(chance), rate)
            except OverflowError:
                loss = norm = math.nan
            if step % args.every == 0:
                speed = step / (time.monotonic() - begun)
                bar = (
                    f"\r{step * 100 // args.steps:3d}%|          | {step}/{args.steps} [00:00<00:00, {speed:5.2f}it/s]"
                )
                report = {
                    "loss": round(loss, 4),
                    "grad_norm": norm,
                    "learning_rate": rate,
                    "epoch": round(step / EPOCH_STEPS, 2),
                }
                log.write(f"{bar}\n{report}\n")
            time.sleep(args.pause)


if __name__ == "__main__":
    main()
