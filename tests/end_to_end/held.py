"""What a catalog holds, to compare two of them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from speaker_search.catalog import tables
from speaker_search.catalog.clips import clips_by_id
from speaker_search.catalog.embeddings import all_embedded
from speaker_search.library import Library
from speaker_search.settings import Settings


@dataclass(frozen=True, slots=True)
class Held:
    """Clips by path: the vectors of those embedded, the reasons of those refused, and how many wait."""

    vectors: dict[str, bytes]
    refused: dict[str, str]
    pending: int


def held(settings: Settings) -> Held:
    """What the catalog holds: each clip once, and all of it as the index has it."""
    with Library(settings.model_copy(update={"encoder": None})) as library:  # the catalog says which
        assert library.verify().ok
        refused = {str(clip.path): clip.reason for clip in library.refused().clips}
        pending = library.counts().pending
        space = library.space
        with library.catalog.read() as connection:
            parts = list(all_embedded(connection, space))
            vectors = {id_: row for part in parts for id_, row in zip(part.ids.tolist(), part.vectors, strict=True)}
            clips = clips_by_id(connection, list(vectors))
            total = connection.execute(select(func.count()).select_from(tables.clips)).scalar_one()
    assert len(vectors) + len(refused) + pending == total
    return Held({str(clips[id_].path): row.tobytes() for id_, row in vectors.items()}, refused, pending)
