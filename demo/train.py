"""Trains a small model in plain Python and logs as Hugging Face's Trainer does with its NaN filter off.

A two-layer network learns a noisy function by gradient descent. SIGUSR1 multiplies the learning rate by a million: the weights
overflow within a few steps, and the loss becomes NaN as it does in real runs. SIGUSR2 starts again from fresh weights, and so does
a run that has reached its last step, so that there is always one to look at.
"""

from __future__ import annotations

import argparse
import math
import random
import signal
import sys
import time
from pathlib import Path
from typing import IO

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
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--pause", type=float, default=0.02, help="seconds between steps")
    parser.add_argument("--every", type=int, default=10, help="steps between two log lines")
    parser.add_argument("--evaluate", type=int, default=500, help="steps between two evaluations and checkpoints")
    args = parser.parse_args()
    wish = {"explode": False, "restart": False}
    signal.signal(signal.SIGUSR1, lambda *_: wish.update(explode=True))
    signal.signal(signal.SIGUSR2, lambda *_: wish.update(restart=True))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    seed = 0
    with args.log.open("a", encoding="utf-8", buffering=1) as log:
        while True:
            seed += 1
            train(Model(seed), random.Random(seed + 6), args, wish, log)


def train(model: Model, chance: random.Random, args: argparse.Namespace, wish: dict[str, bool], log: IO[str]) -> None:
    """One run, to its last step or until it is wished that it starts again."""
    rate, begun, total = 0.02, time.monotonic(), 0.0
    held_out = [point for _ in range(8) for point in sample(random.Random(0))]
    log.write(
        f"***** Running training *****\n  Num examples = {BATCH * EPOCH_STEPS}\n  Total optimization steps = {args.steps:,}\n"
    )
    for step in range(1, args.steps + 1):
        if wish["restart"]:
            wish["restart"] = False
            return
        if wish["explode"]:
            wish["explode"] = False
            rate *= 1e6
        loss, norm = _finite_or_nan(model, sample(chance), rate)
        total += loss
        epoch = round(step / EPOCH_STEPS, 2)
        seconds = time.monotonic() - begun
        if step % args.every == 0:
            done = f"{step * 100 // args.steps:3d}%|          | {step}/{args.steps} [{_clock(seconds)}<00:00, {step / seconds:5.2f}it/s]"
            report = {"loss": round(loss, 4), "grad_norm": norm, "learning_rate": rate, "epoch": epoch}
            log.write(f"\r{done}\n{report}\n")
        if step % args.evaluate == 0:
            # two digits: what is left of the noise must not look like a run that gets worse
            log.write(f"{{'eval_loss': {_finite_or_nan(model, held_out, 0.0)[0]:.2f}, 'epoch': {epoch}}}\n")
            log.write(f"Saving model checkpoint to output/checkpoint-{step}\n")
        time.sleep(args.pause)
    seconds = time.monotonic() - begun
    summary = {"train_runtime": round(seconds, 2), "train_steps_per_second": round(args.steps / seconds, 3)}
    log.write(f"{summary | {'train_loss': total / args.steps, 'epoch': args.steps / EPOCH_STEPS}}\n")


def _finite_or_nan(model: Model, points: list[tuple[float, float]], rate: float) -> tuple[float, float]:
    try:
        return model.step(points, rate)
    except OverflowError:
        return math.nan, math.nan


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"


if __name__ == "__main__":
    main()
