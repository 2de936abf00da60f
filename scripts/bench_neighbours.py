#!/usr/bin/env python3
"""Compares the ways to find the pairs of characters that could be linked: all cosines in blocks, as `cast` does, and
FAISS's approximate indexes over the same vectors.

Recall is the share of the pairs whose score reaches the floor of linking (or, in `linked_recall`, one voice being as
likely as two) among each character's 256 nearest. Seconds are of processor time, for all characters; they are measured
on some of them.

Example: scripts/bench_neighbours.py --characters 100000
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from typing import Any

import faiss
import numpy as np
import simulate
from bench_cast import CLIPS_PER_CHARACTER

from speaker_search.cast.linking import DOUBLED
from speaker_search.search.calibration import MOST_PAIRS
from speaker_search.search.profiles.build import uncalibrated, with_known_actors
from speaker_search.search.profiles.neighbours import MOST_NEIGHBOURS, neighbours
from speaker_search.search.profiles.profiles import Profiles
from speaker_search.search.profiles.repeats import Repeats
from speaker_search.views.characters import Characters

ASKED = 2_000  # characters whose neighbours are looked for
PROBED = (1 / 16, 1 / 4, 1 / 2)  # of the lists
CANDIDATES = (256, 512, 1_024)  # efSearch


def profiles_of(characters: int) -> Profiles:
    """Calibrated profiles of simulated characters, each with the clips it would have in a catalog."""
    clips = characters * CLIPS_PER_CHARACTER
    cast = simulate.world(clips, characters=characters)
    counts = np.random.default_rng(0).multinomial(clips, cast.shares)
    rows = np.flatnonzero(counts)
    dim = cast.voices.shape[1]
    sums = np.zeros((characters, dim))
    for start in range(0, clips, simulate.PORTION):
        speakers = np.repeat(np.arange(characters), counts)[start : start + simulate.PORTION]
        np.add.at(sums, speakers, simulate.draw(cast, speakers, start).astype(np.float64))
    seconds = (1_000 * simulate.MEAN_SECONDS * counts[rows]).astype(np.int64)
    none = np.empty(0, np.int64)
    of = Characters(0, rows, cast.games[rows], counts[rows], seconds, sums[rows], np.zeros((dim, dim)))
    plain = uncalibrated(of, Repeats(none, none, none, np.empty((0, dim))))
    return with_known_actors(plain, np.empty((0, 2), np.int64))


def indexes(vectors: np.ndarray) -> list[tuple[str, Any, list[tuple[str, Any]]]]:
    """Empty indexes, with what may be set when they are searched."""
    dim, lists = vectors.shape[1], 1 << int(np.log2(4 * np.sqrt(len(vectors))))
    flat = faiss.IndexFlatIP(dim)
    ivf = faiss.IndexIVFFlat(flat, dim, lists, faiss.METRIC_INNER_PRODUCT)
    ivf.cp.spherical = True
    graph = faiss.IndexHNSWFlat(dim, 32, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = 100
    probing = [round(share * lists) for share in PROBED]
    return [
        ("flat", faiss.IndexFlatIP(dim), [("", None)]),
        (f"IVF{lists}", ivf, [(f"nprobe {n}", faiss.SearchParametersIVF(nprobe=n)) for n in probing]),
        ("HNSW32", graph, [(f"efSearch {n}", faiss.SearchParametersHNSW(efSearch=n)) for n in CANDIDATES]),
    ]


def measure(characters: int) -> dict[str, Any]:
    profiles = profiles_of(characters)
    pairs, calibration, count = profiles.as_pairs, profiles.pairs, len(profiles)
    if calibration is None:
        sys.exit("There are too few characters to calibrate scores on.")
    floors = calibration.score_at(-float(calibration.bonus(MOST_PAIRS))), calibration.score_at(DOUBLED)
    asked = np.sort(np.random.default_rng(1).permutation(count)[:ASKED])
    times = count / len(asked)
    began = time.process_time()
    found = [block[1:] for block in neighbours(pairs, profiles.game_ids, floors, asked)]
    spent = time.process_time() - began
    first, second, scores = (np.concatenate(each) for each in zip(*found, strict=True))
    linked = scores >= calibration.score_at(0.0)
    over = {(one, other): link for one, other, link in zip(first.tolist(), second.tolist(), linked, strict=True)}
    figures: dict[str, Any] = {"characters": count, "pairs_of_each": round(len(first) / len(asked), 1)}
    figures["blocks"] = {"build_cpu_s": 0.0, "cpu_s": round(times * spent, 1), "recall": 1.0, "linked_recall": 1.0}
    for name, index, ways in indexes(pairs.vectors):
        began = time.process_time()
        index.train(pairs.vectors)
        index.add(pairs.vectors)
        built = time.process_time() - began
        for how, parameters in ways:
            began = time.process_time()
            _, near = index.search(pairs.vectors[asked], MOST_NEIGHBOURS, params=parameters)
            spent = time.process_time() - began
            hits = [
                over[pair]
                for row, ids in zip(asked.tolist(), near.tolist(), strict=True)
                for other in ids
                if (pair := (row, other)) in over
            ]
            figures[f"{name} {how}".strip()] = {
                "build_cpu_s": round(built, 1),
                "cpu_s": round(times * spent, 1),
                "recall": round(len(hits) / len(over), 4),
                "linked_recall": round(sum(hits) / int(linked.sum()), 4),
            }
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--characters", type=int, nargs="+", default=[20_000])
    figures = {}
    for characters in parser.parse_args().characters:
        found = figures[f"{characters}"] = measure(characters)
        print(f"{found['characters']:,} characters with clips, {found['pairs_of_each']} pairs of each")
        print("way", "build_cpu_s", "cpu_s", "recall", "linked_recall", sep="\t")
        for way, of in found.items():
            if isinstance(of, dict):
                print(way, *of.values(), sep="\t", flush=True)
    machine = f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}"
    data = f"simulated characters with {CLIPS_PER_CHARACTER} clips each on average"
    print(json.dumps({"machine": machine, "data": data, "command": " ".join(sys.argv), **figures}))


if __name__ == "__main__":
    main()
