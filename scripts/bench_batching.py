#!/usr/bin/env python3
"""Shows how full batches of one frame count are, depending on how many clips are claimed together.

The lengths are simulated: log-normal, from 0.3 to 60 s, with the mean of visual-novel voice dumps, 4.0 s.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Sequence

import numpy as np

from speaker_search.encoders.backends.machine import cpu_name
from speaker_search.encoders.batching import equal_length

WINDOWS = (512, 1_000, 8_192, 10_000, 100_000)  # clips; 512 and 8,192 are those of an ingest on a CPU and a GPU
BUDGETS = (10, 30, 300)  # seconds of audio in a full batch
MEAN_SECONDS = 4.0
SPREAD = 0.6  # of the logarithm; nine in ten clips last 1.2 to 9 s
FRAMES_PER_SECOND = 100


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--clips", type=int, default=500_000)
    clips: int = arguments.parse_args().clips
    lengths = np.random.default_rng(0).lognormal(np.log(MEAN_SECONDS) - SPREAD**2 / 2, SPREAD, clips).clip(0.3, 60)
    frames = (lengths * FRAMES_PER_SECOND).astype(int).tolist()
    print(f"{clips:,} clips, mean {lengths.mean():.2f} s\n")
    print(f"{'window':>8} {'budget':>7} {'fill':>6} {'clips a batch':>14} {'batches':>9} {'us a clip':>10}")
    figures = []
    for budget in BUDGETS:
        for window in WINDOWS:
            began = time.perf_counter()
            parts = [frames[start : start + window] for start in range(0, clips, window)]
            batches = [
                [part[at] for at in batch] for part in parts for batch in equal_length(part, budget * FRAMES_PER_SECOND)
            ]
            spent = (time.perf_counter() - began) / clips * 1e6
            filled = fill(batches, budget * FRAMES_PER_SECOND)
            size = clips / len(batches)
            print(f"{window:8,} {budget:5} s {filled:6.2f} {size:14.1f} {len(batches):9,} {spent:10.1f}")
            figures.append({"window": window, "budget_s": budget, "fill": filled, "clips_per_batch": size})
    print(
        json.dumps(
            {
                "machine": cpu_name(),
                "data": f"{clips} simulated lengths, log-normal, mean {lengths.mean():.2f} s",
                "command": f"scripts/bench_batching.py --clips {clips}",
                "fill": figures,
            }
        )
    )


def fill(batches: Iterable[Sequence[int]], max_frames: int) -> float:
    """How full batches of frame counts are on average; 1.0 when each has `max_frames`."""
    totals = [sum(batch) for batch in batches]
    return sum(totals) / (len(totals) * max_frames)


if __name__ == "__main__":
    main()
