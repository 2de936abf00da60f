"""The nearest clips to a query, one match per sound."""

from __future__ import annotations

from dataclasses import replace

from speaker_search.catalog import people
from speaker_search.catalog.clips import clips_by_id
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.embeddings import vectors_of
from speaker_search.entities import Caution, Clip, Hit, Ids, Match
from speaker_search.search import cursors
from speaker_search.search.cursors import Cursor
from speaker_search.search.live import Ready
from speaker_search.search.query import Answer, Given, Page

MOST_GIVEN = 10_000  # lines that pages list: each page looks as deep as all before it
SAME_COSINE = 1e-3  # float16 changes a cosine by less than this: closer ones may be out of order


def answer(catalog: Catalog, ready: Ready, asked: Cursor, games: Ids | None, page: Page) -> Answer:
    """The nearest sounds of these games, searched deeper until there are enough or none is left. Clips with the same
    audio, which several games may share, are the hits of one match.

    It also searches deeper while clips as near as the last one wanted may be cut off: ties go to the lowest ids, and
    all pages must agree on them.
    """
    query, min_clips = asked.query, asked.filters.min_clips
    wanted = len(page.given.ids) + page.limit + 1
    depth = 4 * wanted
    many = None
    if min_clips > 1:
        many = ready.profiles.character_ids[ready.profiles.clips >= min_clips]
    while True:
        near = ready.snapshot.clips.nearest(query.vector, depth, games=games, characters=many)
        with catalog.read() as connection:
            clips = clips_by_id(connection, near.ids.tolist())
        first: dict[bytes | int, int] = {}  # place of each sound's nearest clip
        for place, id_ in enumerate(near.ids.tolist()):
            if id_ in clips:
                first.setdefault(clips[id_].fingerprint or id_, place)
        if len(near.ids) < depth:
            break
        places = list(first.values())
        if len(places) >= wanted and near.cosines[places[wanted - 1]] - near.cosines[-1] > SAME_COSINE:
            break
        depth *= 4
    return _shown(catalog, ready, asked, clips, page)


def _shown(catalog: Catalog, ready: Ready, asked: Cursor, clips: dict[int, Clip], page: Page) -> Answer:
    """A page of the sounds found, ranked by exact cosine."""
    query = asked.query
    with catalog.read() as connection:
        vectors = vectors_of(connection, ready.space, list(clips))
        cosines = {id_: float(stored @ query.vector) for id_, stored in vectors.items()}
        sounds: dict[bytes | int, list[Hit]] = {}
        for id_ in sorted(cosines, key=lambda id_: (-cosines[id_], id_)):
            sounds.setdefault(clips[id_].fingerprint or id_, []).append(Hit(clips[id_], cosines[id_]))
        gone = set(page.given.ids)
        rest = [hits for hits in sounds.values() if gone.isdisjoint(hit.clip.id for hit in hits)]
        shown = rest[: page.limit]
        named = {hits[0].clip.character_id for hits in shown} - {None}
        characters = people.characters_by_id(connection, ready.space, [id_ for id_ in named if id_ is not None])
    matches = tuple(
        Match(characters.get(hits[0].clip.character_id or 0), hits[0].cosine, None, tuple(hits)) for hits in shown
    )
    warnings = query.warnings + ready.warnings(calibrated=False)
    cursor = None
    if len(shown) < len(rest):
        given = Given((*page.given.ids, *(hits[0].clip.id for hits in shown)))
        if len(given.ids) < MOST_GIVEN:
            cursor = cursors.write(replace(asked, given=given), ready, catalog.uuid)
        else:
            last = f"There are no pages beyond the nearest {MOST_GIVEN:,} lines: narrow the search by filters."
            warnings += (Caution(last),)
    return Answer(query, ready.space.name, warnings, matches, len(shown) == len(rest), cursor)
