#!/usr/bin/env python3
"""Measures how fast clips become embeddings: with the reference package, and with every backend of this machine.

All of them embed the same files in turns, so that other work on the machine slows all of them alike. Prints a table,
and one JSON object as the last line.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from speaker_search import audio
from speaker_search.encoders.anime import PREFIX, AnimeEncoder, build_network
from speaker_search.encoders.backends.choose import BF16_FLAGS, Backend, choose, exact
from speaker_search.encoders.backends.machine import Machine, cpu_name, this_machine
from speaker_search.encoders.networks.ecapa import DIM, N_MELS
from speaker_search.encoders.networks.unpadded import Unpadded
from speaker_search.encoders.weights import resolve
from speaker_search.entities import SAMPLE_RATE, Floats
from speaker_search.errors import AudioError

CHECKOUT = Path(__file__).resolve().parents[1]
PLACES = (CHECKOUT.parent / "shared" / "voices" / "acted", CHECKOUT / "speaker_search" / "demo" / "voices")
REFERENCE = "reference"
REFERENCE_THREADS = 10  # as in its notebook
PADDED = "padded batches"
PADDED_CLIPS = 16  # in a batch
WINDOW = 128  # clips decoded while the ones before are embedded, as ingest does
IN_MEMORY = ", in memory"
SEED = 20
WARM_UP = 4  # clips


@dataclass(slots=True)
class Way:
    """A way from files to embeddings."""

    run: Callable[[Sequence[Path]], Floats]  #: rows (N, 192) in the files' order
    seconds: float = float("inf")  #: of the best round
    cpu_seconds: float = float("inf")  #: of all threads together, in the round that took the least
    rows: Floats = field(default_factory=lambda: np.empty((0, DIM), dtype=np.float32))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voices", type=Path, help="folder of sound files")
    parser.add_argument("--clips", type=int, help="how many of them, spread evenly (default: all)")
    parser.add_argument("--rounds", type=int, default=2, help="the best one counts")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--encoder", choices=("anime-va", "anime-char"), default="anime-va")
    parser.add_argument("--checkpoint", type=Path, help="its weights (default: random ones)")
    chosen = parser.parse_args()
    voices = chosen.voices or next(place for place in PLACES if place.is_dir())
    clips = read_all(voices, chosen.clips)
    files = list(clips)
    seconds = sum(map(len, clips.values())) / SAMPLE_RATE
    print(f"{len(files)} clips of {voices.name}: {seconds:,.0f} s, {seconds / len(files):.2f} s on average")
    print(f"{machine_name()}; load average {os.getloadavg()[0]:.1f} at the start")
    if chosen.checkpoint is None:
        print("Random weights: as fast as real ones, but their cosines say little about those of real ones.")
    with tempfile.TemporaryDirectory() as folder:
        ways = ways_of(chosen, clips, chosen.checkpoint or random_weights(Path(folder)))
        for way in ways.values():  # kernels, caches, lazy imports
            way.run(files[:WARM_UP])
        for _ in range(chosen.rounds):
            for way in ways.values():
                measure(way, files)
    report(ways, seconds, {"machine": machine_name(), "data": f"{len(files)} clips of {voices.name}, {seconds:.0f} s"})


def ways_of(chosen: argparse.Namespace, clips: dict[Path, Floats], checkpoint: Path) -> dict[str, Way]:
    """The reference's ways, and ours with every backend of the device."""
    machine = this_machine()
    device = choose(chosen.device, machine).device
    reference = load_reference(checkpoint, device)
    threads = torch.get_num_threads()
    ways = {
        REFERENCE: Way(lambda files: notebook(reference, files, threads)),
        PADDED: Way(lambda files: padded_batches(reference, files, threads)),
    }
    for backend in backends_of(machine):
        if backend.device == "cuda" and device == "cpu":
            continue
        began = time.perf_counter()
        encoder = AnimeEncoder(resolve(chosen.encoder, checkpoint), backend)
        print(f"{backend.name}: loaded in {time.perf_counter() - began:.1f} s", end="")
        if encoder.backend.name != backend.name:
            print(f" and left out: {encoder.backend.reason}")
            continue
        print()
        ways[backend.name] = Way(
            lambda files, encoder=encoder: from_files(encoder, files, threads)  # type: ignore[misc]
        )
        ways[backend.name + IN_MEMORY] = Way(
            lambda files, encoder=encoder: encoder.embed([clips[file] for file in files])  # type: ignore[misc]
        )
    return ways


def backends_of(machine: Machine) -> list[Backend]:
    """Every backend that the machine has, the exact one first."""
    backends = [exact("it is always there")]
    if machine.openvino:
        fast = BF16_FLAGS & machine.cpu_flags
        backends += [
            Backend("openvino", "cpu", precision, "OpenVINO is installed")  # type: ignore[arg-type]
            for precision in (("fp32", "mixed", "bf16") if fast else ("fp32",))
        ]
    if machine.gpu is not None:
        backends += [Backend("torch", "cuda", "fp32", "there is a GPU"), choose("cuda", machine)]
    return backends


def read_all(folder: Path, count: int | None) -> dict[Path, Floats]:
    """The waveforms of `count` of the folder's sounds, spread evenly, without those that cannot be read."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in audio.AUDIO_SUFFIXES)
    if count is not None:
        files = [files[place * len(files) // count] for place in range(min(count, len(files)))]
    clips = {}
    for file in files:
        try:
            clips[file] = audio.read(file).samples
        except AudioError:
            continue
    return clips


def random_weights(folder: Path) -> Path:
    """Write seeded random weights in the layout of the published ones."""
    torch.manual_seed(SEED)
    path = folder / "embedding_model.pth"
    torch.save({PREFIX + key: tensor for key, tensor in build_network().state_dict().items()}, path)
    return path


def load_reference(checkpoint: Path, device: str) -> Any:
    from anime_speaker_embedding import AnimeSpeakerEmbedding  # type: ignore[import-untyped]

    with redirect_stdout(sys.stderr):  # it prints what it loads
        return AnimeSpeakerEmbedding(ckpt_path=checkpoint, device=device)


def notebook(reference: Any, files: Sequence[Path], threads: int) -> Floats:
    """The reference's own way: a pool of threads, each embedding one file at a time."""
    # As many torch threads as in a program of its own, whatever limit our encoders have set.
    with ThreadPoolExecutor(REFERENCE_THREADS, initializer=torch.set_num_threads, initargs=(threads,)) as pool:
        return np.stack(list(pool.map(reference.get_embedding, files)))


@torch.inference_mode()
def padded_batches(reference: Any, files: Sequence[Path], threads: int) -> Floats:
    """The reference's network, fed as in SpeechBrain's encode_batch: clips padded with zeros, and their lengths."""
    rows = []
    for waveforms in decoded(files, PADDED_CLIPS, threads):
        longest = max(map(len, waveforms))
        padded = torch.stack([torch.from_numpy(np.pad(each, (0, longest - len(each)))) for each in waveforms])
        lengths = torch.tensor([len(each) / longest for each in waveforms]).to(reference.device)
        peaks = padded.abs().amax(dim=1, keepdim=True).clamp(min=1.0)
        mels = reference.fbank((padded / peaks * 32768.0).to(reference.device))
        embeddings = reference.backbone(mels, lengths=lengths).squeeze(1)
        rows.append(torch.nn.functional.normalize(embeddings, dim=1).cpu().numpy())
    return np.concatenate(rows)


def from_files(encoder: AnimeEncoder, files: Sequence[Path], threads: int) -> Floats:
    return np.concatenate([encoder.embed(waveforms) for waveforms in decoded(files, WINDOW, threads)])


def decoded(files: Sequence[Path], window: int, threads: int) -> Any:
    """Waveforms of the files, a window at a time; the next one is decoded meanwhile."""
    with ThreadPoolExecutor(threads) as pool:
        pending: list[Any] = []
        for start in range(0, len(files), window):
            following = [pool.submit(audio.read, file) for file in files[start : start + window]]
            if pending:
                yield [future.result().samples for future in pending]
            pending = following
        yield [future.result().samples for future in pending]


def measure(way: Way, files: Sequence[Path]) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    way.rows = way.run(files)
    way.seconds = min(way.seconds, time.perf_counter() - wall)
    way.cpu_seconds = min(way.cpu_seconds, time.process_time() - cpu)


def report(ways: dict[str, Way], seconds: float, about: dict[str, str]) -> None:
    reference = ways[REFERENCE]
    paths = {}
    print(f"\n{'way':32} {'s of audio/s':>12} {'/CPU s':>7} {'ratio':>6} {'min cosine':>11}")
    for name, way in ways.items():
        cosine = float((way.rows * reference.rows).sum(axis=1).min())
        rate = seconds / way.seconds
        ratio = reference.seconds / way.seconds
        print(f"{name:32} {rate:12.1f} {seconds / way.cpu_seconds:7.1f} {ratio:6.2f} {cosine:11.6f}")
        paths[name] = {"seconds_per_second": rate, "per_cpu_second": seconds / way.cpu_seconds, "min_cosine": cosine}
    ours = [name for name in ways if name not in (REFERENCE, PADDED) and not name.endswith(IN_MEMORY)]
    best = min(ours, key=lambda name: ways[name].seconds)
    ratio = reference.seconds / ways[best].seconds
    operations = flops_per_second_of_audio()
    floors = {"cpu": matmul_rate("cpu", torch.float32) / operations}
    if torch.cuda.is_available():
        floors["cuda"] = matmul_rate("cuda", torch.float16) / operations
    print(f"\nBest: {best}, {ratio:.2f} times as fast as the reference, decoding included.")
    for device, floor in floors.items():
        print(
            f"{device}: at the rate of torch's matrix product, the network's {operations / 1e9:.2f} GFLOP per second "
            f"of audio allow {floor:,.0f} s of audio per second."
        )
    print(f"Load average {os.getloadavg()[0]:.1f} at the end.")
    figures = {
        **about,
        "command": shlex.join(["scripts/bench_encoder.py", *sys.argv[1:]]),
        "ratio_to_reference": ratio,
        "min_cosine": min(paths[name]["min_cosine"] for name in ours),
        "best": best,
        "floor_seconds_per_second": floors,
        "paths": paths,
    }
    print(json.dumps(figures))


def flops_per_second_of_audio() -> int:
    """The network's operations for one more second of audio, as torch counts them: a product and a sum are two."""
    network = Unpadded(build_network()).eval()
    counts = []
    for frames in (100, 200):
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            network(torch.zeros(1, frames, N_MELS))
        counts.append(int(counter.get_total_flops()))
    return counts[1] - counts[0]


def matmul_rate(device: str, dtype: torch.dtype) -> float:
    """Operations per second of torch's product of two large matrices, the best of five."""
    size = 8192 if device == "cuda" else 2048
    left, right = torch.randn(2, size, size, device=device).to(dtype)
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        (left @ right)[0, 0].item()  # waits for a GPU
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best


def machine_name() -> str:
    machine = this_machine()
    flags = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in machine.cpu_flags]
    return ", ".join(filter(None, (cpu_name(), f"{os.cpu_count()} cores", " ".join(flags), machine.gpu)))


if __name__ == "__main__":
    main()
