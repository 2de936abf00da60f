"""Claimed clips in the order in which they are decoded and embedded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from speaker_search.audio.decoders import Decoders
from speaker_search.catalog.queue import ClaimedClip
from speaker_search.encoders import Backend
from speaker_search.entities import ObjectPath
from speaker_search.errors import AudioError
from speaker_search.sources import Archives, is_archive
from speaker_search.sources.objects.fetched_sounds import sound_in_store

HELD_BYTES = 128 * 2**20  # of archives' members and of objects waiting to be decoded, for each of two windows
FETCHES = 16  # objects at once: each takes a request of 20 to 100 ms

#: A file, the bytes of an archive's member or of an object, or why it cannot be read.
Source: TypeAlias = Path | bytes | AudioError


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is claimed and embedded at a time."""

    window: int  #: clips claimed together; those of equal length share batches
    portion_s: float  #: seconds of audio decoded, embedded and stored together: at most this much is lost by a kill


def sizes_for(backend: Backend) -> Sizes:
    """A GPU needs many clips of one length at a time; on a CPU it hardly matters, and a portion takes long. Pure."""
    return Sizes(8_192, 4_096.0) if backend.device == "cuda" else Sizes(512, 128.0)


@dataclass(frozen=True, slots=True)
class Found:
    """A claimed clip before it is decoded."""

    clip: ClaimedClip
    source: Source
    seconds: float  #: according to its header; 0.0 when that cannot be read


def windows(
    claim: Callable[[int], list[ClaimedClip]], archives: Archives, decoders: Decoders, sizes: Sizes
) -> Generator[list[Found], None, None]:
    """Windows of clips, until nothing can be claimed; the next is claimed, and its headers read, while one is embedded.

    A window ends early when its archive members and objects exceed HELD_BYTES. Objects are fetched FETCHES at a time.
    """
    claimed: deque[ClaimedClip] = deque()
    fetching = ThreadPoolExecutor(FETCHES, "fetch")

    def window() -> list[Found]:
        if not claimed:
            claimed.extend(claim(sizes.window))
        asked: list[tuple[ClaimedClip, Source | Future[Source]]] = []
        held = 0
        while claimed and held < HELD_BYTES:
            clip = claimed.popleft()
            if isinstance(clip.path, ObjectPath) and not is_archive(clip.root):
                asked.append((clip, fetching.submit(source_of, clip, archives)))
                held += max(0, clip.file[0])
                continue
            source = source_of(clip, archives)
            held += len(source) if isinstance(source, bytes) else 0
            asked.append((clip, source))
        sources = [(clip, one.result() if isinstance(one, Future) else one) for clip, one in asked]
        lengths = [None if isinstance(source, AudioError) else decoders.header_seconds(source) for _, source in sources]
        return [
            Found(clip, source, 0.0 if length is None else length.result())
            for (clip, source), length in zip(sources, lengths, strict=True)
        ]

    with ThreadPoolExecutor(1, "claim") as ahead:
        try:
            coming = ahead.submit(window)
            while found := coming.result():
                coming = ahead.submit(window)
                yield found
        finally:
            fetching.shutdown(wait=False, cancel_futures=True)  # whoever stops does not wait for a slow store


def portions(window: Sequence[Found], portion_s: float) -> Iterator[list[Found]]:
    """Cut a window into portions, longest clips first; a suspect is a portion of its own. Pure.

    A clip whose header gives no length counts as 0 s: most of these are refused.
    """
    portion: list[Found] = []
    seconds = 0.0
    for found in sorted(window, key=lambda one: one.seconds, reverse=True):
        if portion and (found.clip.suspect or portion[-1].clip.suspect or seconds + found.seconds > portion_s):
            yield portion
            portion, seconds = [], 0.0
        portion.append(found)
        seconds += found.seconds
    if portion:
        yield portion


def source_of(clip: ClaimedClip, archives: Archives) -> Source:
    """A clip's file on a disk, the bytes of its object or archive member, or why it cannot be read."""
    path = clip.path
    try:
        if is_archive(clip.root):
            return archives.read(clip.root, clip.name)
        return sound_in_store(path, clip.file[0]) if isinstance(path, ObjectPath) else path
    except AudioError as refusal:
        return refusal
