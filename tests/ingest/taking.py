"""Taking voices in, and what the catalog then holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from speaker_search.catalog.clips import clips_by_id
from speaker_search.catalog.embeddings import all_embedded
from speaker_search.documents import IngestReport
from speaker_search.library import Library

CAST = {"maker/one": {"Ann": 1, "Bob": 2}, "maker/two": {"Cid": 1}}
CLIPS = 9


def take_in(library: Library, *paths: Path, retry_refused: bool = False, enqueue: bool = False) -> IngestReport:
    """Ingest; afterwards the index is equal to the catalog."""
    report = library.ingest(paths, retry_refused=retry_refused, enqueue=enqueue, processes=1)
    assert library.verify().ok
    return report


def refusals(library: Library) -> dict[str, str]:
    return {clip.path.name: clip.reason for clip in library.refused().clips}


def embedded(library: Library) -> dict[Path, bytes]:
    """Each embedded clip's vector, by path."""
    space = library.space
    with library.catalog.read() as connection:
        held = [
            one for part in all_embedded(connection, space) for one in zip(part.ids.tolist(), part.vectors, strict=True)
        ]
        clips = clips_by_id(connection, [id_ for id_, _ in held])
    return {clips[id_].path: vector.tobytes() for id_, vector in held}


def dump(root: Path, rows: Sequence[tuple[str, str]] | str) -> Path:
    """A game with an index.json of (speaker, file) rows, or of that very text."""
    root.mkdir(parents=True, exist_ok=True)
    text = rows if isinstance(rows, str) else json.dumps([{"Speaker": who, "Voice": file} for who, file in rows])
    (root / "index.json").write_text(text, encoding="utf-8")
    return root
