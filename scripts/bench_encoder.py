#!/usr/bin/env python3
"""Measures how fast clips become embeddings: with the reference package, and with every backend of this machine.

With `--encoder campplus` it also times SpeechBrain's ECAPA-TDNN and Resemblyzer's package. They take turns on the same
files, so that other work on the machine slows them all alike. Prints a table, and one JSON object as the last line.
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
from speaker_search.encoders import Encoder, anime, campplus, class_of
from speaker_search.encoders.backends.choose import BF16_FLAGS, Backend, choose, exact
from speaker_search.encoders.backends.machine import Machine, cpu_name, this_machine
from speaker_search.encoders.networks import ecapa
from speaker_search.encoders.networks.unpadded import Unpadded
from speaker_search.encoders.weights import Weights, resolve
from speaker_search.entities import SAMPLE_RATE, Floats
from speaker_search.errors import AudioError

CHECKOUT = Path(__file__).resolve().parents[1]
PLACES = (CHECKOUT.parent / "shared" / "voices" / "acted", CHECKOUT / "speaker_search" / "demo" / "voices")
REFERENCE = "reference"
ECAPA = "speechbrain's ECAPA-TDNN"
RESEMBLYZER = "resemblyzer's package"
REFERENCE_THREADS = 10  # as in its notebook
PADDED = "padded batches"
PADDED_CLIPS = 16  # in a batch
PEERS = (ECAPA, RESEMBLYZER)  # other encoders: no cosines between their rows and ours
WINDOW = 128  # clips decoded while the ones before are embedded, as ingest does
IN_MEMORY = ", in memory"
SEED = 20
WARM_UP = 4  # clips


Embed = Callable[[Floats], Floats]  #: samples (n,) to a unit row (dim,)


@dataclass(slots=True)
class Way:
    """A way from files to embeddings."""

    run: Callable[[Sequence[Path]], Floats]  #: rows (N, dim) in the files' order
    seconds: float = float("inf")  #: of the best round
    cpu_seconds: float = float("inf")  #: of all threads together, in the round that took the least
    rows: Floats = field(default_factory=lambda: np.empty((0, 0), dtype=np.float32))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voices", type=Path, help="folder of sound files")
    parser.add_argument("--clips", type=int, help="how many of them, spread evenly (default: all)")
    parser.add_argument("--rounds", type=int, default=2, help="the best one counts")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--encoder", choices=("anime-va", "anime-char", "campplus"), default="anime-va")
    parser.add_argument("--checkpoint", type=Path, help="its weights (default: random ones; campplus: its package's)")
    chosen = parser.parse_args()
    voices = chosen.voices or next(place for place in PLACES if place.is_dir())
    clips = read_all(voices, chosen.clips)
    files = list(clips)
    seconds = sum(map(len, clips.values())) / SAMPLE_RATE
    print(f"{len(files)} clips of {voices.name}: {seconds:,.0f} s, {seconds / len(files):.2f} s on average")
    print(f"{machine_name()}; load average {os.getloadavg()[0]:.1f} at the start")
    random = chosen.encoder != "campplus" and chosen.checkpoint is None
    if random:
        print("Random weights: as fast as real ones, but their cosines say little about those of real ones.")
    with tempfile.TemporaryDirectory() as folder:
        weights = resolve(chosen.encoder, random_weights(Path(folder)) if random else chosen.checkpoint)
        ways = ways_of(chosen.device, clips, weights)
        for way in ways.values():  # kernels, caches, lazy imports
            way.run(files[:WARM_UP])
        for _ in range(chosen.rounds):
            for way in ways.values():
                measure(way, files)
    network = campplus.build_network() if chosen.encoder == "campplus" else Unpadded(anime.build_network())
    about = {
        "encoder": chosen.encoder,
        "machine": machine_name(),
        "data": f"{len(files)} clips of {voices.name}, {seconds:.0f} s",
    }
    report(ways, seconds, network, about)


def ways_of(wanted: str, clips: dict[Path, Floats], weights: Weights) -> dict[str, Way]:
    """The reference's ways, and ours with every backend of the device."""
    machine = this_machine()
    device = choose(wanted, machine).device
    threads = torch.get_num_threads()
    if weights.name == "campplus":
        ways = {
            name: Way(lambda files, embed=embed: one_by_one(embed, files, threads))  # type: ignore[misc]
            for name, embed in (
                (REFERENCE, load_speakerlab(weights.path)),
                (ECAPA, load_speechbrain()),
                (RESEMBLYZER, load_resemblyzer()),
            )
        }
    else:
        reference = load_reference(weights.path, device)
        ways = {
            REFERENCE: Way(lambda files: notebook(reference, files, threads)),
            PADDED: Way(lambda files: padded_batches(reference, files, threads)),
        }
    for backend in backends_of(machine):
        if backend.device == "cuda" and device == "cpu":
            continue
        began = time.perf_counter()
        encoder = class_of(weights.name)(weights, backend)
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
    torch.save({anime.PREFIX + key: tensor for key, tensor in anime.build_network().state_dict().items()}, path)
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


def load_speakerlab(checkpoint: Path) -> Embed:
    """3D-Speaker's CAM++ and filterbank, as the package speakerlab-slim has them."""
    from speakerlab.models.campplus.DTDNN import CAMPPlus  # type: ignore[import-untyped]
    from torchaudio.compliance import kaldi  # type: ignore[import-untyped]

    network = CAMPPlus(feat_dim=campplus.N_MELS, embedding_size=campplus.DIM)
    network.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True))
    network.eval()

    def embed(samples: Floats) -> Floats:
        clip = torch.from_numpy(samples)[None]
        mels = kaldi.fbank(clip, num_mel_bins=campplus.N_MELS, sample_frequency=SAMPLE_RATE, dither=0.0)
        return unit(network((mels - mels.mean(dim=0, keepdim=True))[None]))

    return embed


def load_speechbrain() -> Embed:
    """SpeechBrain's ECAPA-TDNN as its EncoderClassifier runs it, with random weights of the published size."""
    from speechbrain.lobes.features import Fbank  # type: ignore[import-untyped]
    from speechbrain.processing.features import InputNormalization  # type: ignore[import-untyped]

    filterbank = Fbank(n_mels=ecapa.N_MELS)
    normalised = InputNormalization(norm_type="sentence", std_norm=False)
    network = ecapa.build_network().eval()
    whole = torch.ones(1)

    def embed(samples: Floats) -> Floats:
        mels = normalised(filterbank(torch.from_numpy(samples)[None]), whole)
        return unit(network(mels, whole))

    return embed


def load_resemblyzer() -> Embed:
    from resemblyzer import VoiceEncoder, preprocess_wav  # type: ignore[import-untyped]

    network = VoiceEncoder("cpu", verbose=False)

    def embed(samples: Floats) -> Floats:
        return unit(network.embed_utterance(preprocess_wav(samples)))

    return embed


def unit(vector: torch.Tensor | Floats) -> Floats:
    row = np.asarray(vector, dtype=np.float32).reshape(-1)
    return np.asarray(row / np.linalg.norm(row), dtype=np.float32)


def one_by_one(embed: Embed, files: Sequence[Path], threads: int) -> Floats:
    """One clip after the other, each on all threads."""

    @torch.inference_mode()
    def run() -> Floats:
        return np.stack([embed(audio.read(file).samples) for file in files])

    # As many torch threads as in a program of its own, whatever limit our encoders have set.
    with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(threads,)) as pool:
        return pool.submit(run).result()


def from_files(encoder: Encoder, files: Sequence[Path], threads: int) -> Floats:
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


def report(ways: dict[str, Way], seconds: float, network: torch.nn.Module, about: dict[str, str]) -> None:
    reference = ways[REFERENCE]
    paths: dict[str, dict[str, float | None]] = {}
    print(f"\n{'way':32} {'s of audio/s':>12} {'/CPU s':>7} {'ratio':>6} {'min cosine':>11}")
    for name, way in ways.items():
        cosine = None if name in PEERS else float((way.rows * reference.rows).sum(axis=1).min())
        rate = seconds / way.seconds
        ratio = reference.seconds / way.seconds
        shown = "-" if cosine is None else f"{cosine:.6f}"
        print(f"{name:32} {rate:12.1f} {seconds / way.cpu_seconds:7.1f} {ratio:6.2f} {shown:>11}")
        paths[name] = {"seconds_per_second": rate, "per_cpu_second": seconds / way.cpu_seconds, "min_cosine": cosine}
    ours = [name for name in ways if name not in (REFERENCE, PADDED, *PEERS) and not name.endswith(IN_MEMORY)]
    best = min(ours, key=lambda name: ways[name].seconds)
    ratio = reference.seconds / ways[best].seconds
    operations = flops_per_second_of_audio(network)
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
        "min_cosine": min(cosine for name in ours if (cosine := paths[name]["min_cosine"]) is not None),
        "best": best,
        "floor_seconds_per_second": floors,
        "paths": paths,
    }
    print(json.dumps(figures))


def flops_per_second_of_audio(network: torch.nn.Module) -> int:
    """The network's operations for one more second of audio, as torch counts them: a product and a sum are two."""
    network.eval()
    counts = []
    for frames in (100, 200):
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            network(torch.zeros(1, frames, ecapa.N_MELS))  # as many mels as CAM++ has
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
