"""The points of maps: characters or clips of a space, with what is said of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from speaker_search.catalog import clips, pages, people
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.embeddings import UNKNOWN
from speaker_search.entities import Character, Floats, Game, Ids
from speaker_search.search.live import Ready

MOST_CLIPS = 100_000  # on one map: PaCMAP lays them out in about a minute
MOST_TEXTS = 20_000  # clips whose lines are shown when they are pointed at: a page of more would be slow to open


@dataclass(frozen=True, eq=False, slots=True)
class MapPoints:
    """What a map of a space shows."""

    vectors: Floats  # (n, dim) of unit length
    speakers: Sequence[Character | None]  # (n,) None where the speaker is unknown
    games: Sequence[Game]  # (n,)
    told: Mapping[str, Sequence[object]]  #: (n,) each
    of: int  #: how many there are

    def __len__(self) -> int:
        return len(self.vectors)


def character_points(catalog: Catalog, ready: Ready, game: int | None) -> MapPoints:
    """The characters of a space, or of one game; those with most clips first."""
    profiles = ready.profiles
    rows = np.argsort(-profiles.clips, kind="stable")
    if game is not None:
        rows = rows[profiles.game_ids[rows] == game]
    there = _characters(catalog, profiles.character_ids[rows])
    rows = rows[[id_ in there and there[id_].id == id_ for id_ in profiles.character_ids[rows].tolist()]]
    speakers = [there[id_] for id_ in profiles.character_ids[rows].tolist()]
    told = {"clips": profiles.clips[rows].tolist()}
    return MapPoints(profiles.as_pairs.vectors[rows], speakers, [one.game for one in speakers], told, len(rows))


def clip_points(catalog: Catalog, ready: Ready, game: int | None) -> MapPoints:
    """The clips of a space, or of one game; at most 100,000, evenly chosen."""
    index = ready.snapshot.clips
    if game is None:
        shown, of = index.evenly(MOST_CLIPS), index.clips
    else:
        shown = index.of_game(game)
        of = len(shown)
        order = np.lexsort((shown.ids, shown.characters))
        shown = shown.take(order[np.linspace(0, of - 1, min(of, MOST_CLIPS)).astype(np.int64)])
    with catalog.read() as connection:
        ids = np.unique(shown.games).tolist()
        games = {one.id: one for one, _ in pages.list_games(connection, within=ids, limit=len(ids))}
    shown = shown.take(np.isin(shown.games, [*games]))  # others have been merged since
    there = _characters(catalog, np.unique(shown.characters[shown.characters != UNKNOWN]))
    told: dict[str, list[object]] = {"clip": shown.ids.tolist(), "seconds": np.round(shown.seconds, 1).tolist()}
    if len(shown) <= MOST_TEXTS:
        with catalog.read() as connection:
            held = clips.clips_by_id(connection, shown.ids.tolist())
        told["line"] = [held[id_].text if id_ in held else "" for id_ in shown.ids.tolist()]
    vectors = ready.profiles.whitened(shown.vectors.astype(np.float32))
    speakers = [there.get(id_) for id_ in shown.characters.tolist()]
    return MapPoints(vectors, speakers, [games[id_] for id_ in shown.games.tolist()], told, of)


def own_names(some: Sequence[Character]) -> dict[int, str]:
    """The names of characters by id, each with its game, and its maker too, where several have the same."""
    named = {one.id: one for one in some}.values()
    return _told_apart(
        {one.id: (one.name, f"{one.name} ({one.game.title})", f"{one.name} ({one.address})") for one in named}
    )


def own_titles(some: Sequence[Game]) -> dict[int, str]:
    """The titles of games by id, each with its maker where several have the same."""
    return _told_apart({one.id: (one.title, f"{one.title} ({one.maker.name})") for one in some})


def _told_apart(ways: Mapping[int, Sequence[str]]) -> dict[int, str]:
    """For each id the first of its names that no other has; the id is added to what is still the same."""
    counts = [Counter(names[n] for names in ways.values()) for n in range(len(next(iter(ways.values()), ())))]
    return {
        id_: next((name for name, count in zip(names, counts, strict=True) if count[name] == 1), f"{names[-1]} {id_}")
        for id_, names in ways.items()
    }


def _characters(catalog: Catalog, ids: Ids) -> dict[int, Character]:
    with catalog.read() as connection:
        return people.characters_by_id(connection, None, ids.tolist())
