"""resemblyzer: the GE2E voice encoder of PyPI's Resemblyzer 0.1.4, whose wheel carries the weights.

A rewrite of it without librosa: it gives the same numbers, and embeds all clips' windows in one batch.
GE2E is Wan et al. 2018, https://arxiv.org/abs/1710.10467.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
import webrtcvad  # type: ignore[import-untyped]
from torchaudio.functional import melscale_fbanks  # type: ignore[import-untyped]

from speaker_search.encoders.backends.choose import Backend
from speaker_search.encoders.batching import FRAME_SAMPLES, equal_length
from speaker_search.encoders.checkpoint import load_tensors, read_checkpoint, refused
from speaker_search.encoders.weights import Weights
from speaker_search.entities import SAMPLE_RATE, Floats

DIM = 256
N_MELS = 40
N_FFT = 400  # samples, 25 ms
LAYERS = 3

INT16_MAX = 32_767
TARGET_DBFS = -30.0  # quieter clips are amplified to this, louder ones are not changed

VAD_MODE = 3  # the strictest
VAD_WINDOW = 480  # samples, 30 ms
VAD_SMOOTHING = 8  # windows in the moving average
VAD_MARGIN = 3  # windows kept on each side of speech, so pauses of up to 6 windows survive

PARTIAL_FRAMES = 160  # 1.6 s
PARTIAL_STEP = 77  # frames: 1.3 partial windows a second, rounded
MIN_COVERAGE = 0.75  # of a partial window; the last one is dropped when less of it is audio

# Its time for a second of audio is least with batches of 15 to 30 s; larger ones do not fit in the caches.
MAX_BATCH_SECONDS = 30.0
MAX_BATCH_FRAMES = int(MAX_BATCH_SECONDS * SAMPLE_RATE / FRAME_SAMPLES)


class ResemblyzerEncoder:
    """Tells speakers apart, trained on read and conversational English."""

    dim = DIM
    torch_only = torch_on_cpu = "its recurrent layers run in torch only"

    def __init__(self, weights: Weights, backend: Backend) -> None:
        """Load the network on the backend's device. Raises EncoderError when the weights are not its own."""
        self.name = weights.name
        self.space = weights.space
        #: What computes its embeddings, and why.
        self.backend = backend
        self._device = torch.device(backend.device)
        state = read_checkpoint(weights).get("model_state")
        if not isinstance(state, dict):
            raise refused(weights, "it has no model_state")
        # The similarity's scale and offset belong to the training's loss.
        network = load_tensors(_Network(), state, weights, ignored=("similarity_weight", "similarity_bias"))
        self._network = network.to(self._device).eval()
        self._window = torch.hann_window(N_FFT, device=self._device)
        self._mels = melscale_fbanks(
            N_FFT // 2 + 1, 0.0, SAMPLE_RATE / 2, N_MELS, SAMPLE_RATE, norm="slaney", mel_scale="slaney"
        ).to(self._device)  # (201, 40)

    def embed(self, waveforms: Sequence[Floats]) -> Floats:
        """Embed clips: (N, 256) unit rows in the order given, NaN for a clip in which the VAD hears no speech."""
        rows = np.full((len(waveforms), DIM), np.nan, dtype=np.float32)
        windows = [partial_windows(trim_silences(normalize_volume(samples))) for samples in waveforms]
        voiced = [position for position, partials in enumerate(windows) if len(partials)]
        if not voiced:
            return rows
        partials = [partial for position in voiced for partial in windows[position]]  # views: P of (25840,)
        embeddings = np.empty((len(partials), DIM), dtype=np.float32)
        for batch in equal_length([PARTIAL_FRAMES] * len(partials), MAX_BATCH_FRAMES):
            embeddings[batch] = self._embed_partials(np.stack([partials[member] for member in batch]))
        counts = [len(windows[position]) for position in voiced]
        sums = np.add.reduceat(embeddings, np.cumsum([0, *counts[:-1]]))  # (V, 256): the mean has the same direction
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        rows[voiced] = np.divide(sums, norms, out=np.full_like(sums, np.nan), where=norms > 0)
        return rows

    @torch.inference_mode()
    def _embed_partials(self, partials: Floats) -> Floats:
        """Embed windows of samples (P, 25840): (P, 256)."""
        frames = torch.from_numpy(partials).to(self._device).unfold(1, N_FFT, FRAME_SAMPLES)  # (P, 160, 400)
        power = torch.fft.rfft(frames * self._window).abs().square()
        return np.asarray(self._network(power @ self._mels).cpu().numpy(), dtype=np.float32)


class _Network(torch.nn.Module):
    """Mel spectrograms (P, 160, 40) of power, without a logarithm, to unit embeddings (P, 256)."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(N_MELS, DIM, LAYERS, batch_first=True)
        self.linear = torch.nn.Linear(DIM, DIM)

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        _, (hidden, _) = self.lstm(mels)
        return torch.nn.functional.normalize(torch.relu(self.linear(hidden[-1])), dim=1)


def normalize_volume(samples: Floats) -> Floats:
    """Amplify a clip quieter than -30 dBFS (root mean square) to that level."""
    rms = float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0
    target = 10 ** (TARGET_DBFS / 20)
    return samples if rms == 0.0 or rms >= target else samples * np.float32(target / rms)


def trim_silences(samples: Floats) -> Floats:
    """Keep what WebRTC's voice detector takes for speech, with a margin of 90 ms; empty when it finds none."""
    n_windows = len(samples) // VAD_WINDOW
    samples = samples[: n_windows * VAD_WINDOW]
    # Decoded Vorbis may exceed 1, and a cast alone would wrap around.
    scaled = np.clip(np.round(samples * np.float32(INT16_MAX)), -INT16_MAX - 1, INT16_MAX)
    pcm = scaled.astype("<i2").reshape(-1, VAD_WINDOW)
    vad = webrtcvad.Vad(VAD_MODE)  # a new one for every clip, since it adapts to what it hears
    voiced = np.array([vad.is_speech(window.tobytes(), SAMPLE_RATE) for window in pcm], dtype=bool)
    # The moving average reaches 3 windows back and 4 ahead; a tie, half of them voiced, counts as silence.
    smooth = _window_sums(voiced, before=(VAD_SMOOTHING - 1) // 2, after=VAD_SMOOTHING // 2) > VAD_SMOOTHING // 2
    kept = _window_sums(smooth, before=VAD_MARGIN, after=VAD_MARGIN) > 0
    return samples[np.repeat(kept, VAD_WINDOW)]


def _window_sums(flags: npt.NDArray[np.bool_], *, before: int, after: int) -> npt.NDArray[np.int64]:
    """For each place, how many flags are set from `before` places back to `after` places ahead."""
    sums = np.concatenate([[0], np.cumsum(np.pad(flags.astype(np.int64), (before, after)))])
    return np.asarray(sums[before + after + 1 :] - sums[: len(flags)], dtype=np.int64)


def partial_windows(samples: Floats) -> Floats:
    """Cut a trimmed clip into the overlapping windows that the network sees: a view (P, 25840), P = 0 when it is empty.

    A window covers 160 frames, and 200 samples more on each side, because frames are centred; beyond the clip's ends
    these are zeros. Windows start 77 frames apart.
    """
    width = (PARTIAL_FRAMES - 1) * FRAME_SAMPLES + N_FFT
    if not len(samples):
        return np.empty((0, width), dtype=np.float32)
    n_frames = len(samples) // FRAME_SAMPLES + 1
    count = 1 + max(0, n_frames - PARTIAL_FRAMES + PARTIAL_STEP) // PARTIAL_STEP
    covered = (len(samples) / FRAME_SAMPLES - (count - 1) * PARTIAL_STEP) / PARTIAL_FRAMES  # of the last window
    if count > 1 and covered < MIN_COVERAGE:
        count -= 1
    hop = PARTIAL_STEP * FRAME_SAMPLES
    padded = np.pad(samples, (N_FFT // 2, (count - 1) * hop + width))
    windows: Floats = np.lib.stride_tricks.sliding_window_view(padded, width)[::hop][:count]
    return windows
