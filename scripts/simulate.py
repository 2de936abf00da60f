#!/usr/bin/env python3
"""Makes a catalog of simulated voices of any size: vectors and names without sounds, for benchmarks.

Actors play characters, characters speak clips, and each game shifts all its voices alike, as its room and equipment do.
The same seed gives the same catalog. Example: scripts/simulate.py --clips 1000000 --home /tmp/simulated
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import func, select

from speaker_search.catalog import log, tables
from speaker_search.catalog.database import Catalog, open_catalog
from speaker_search.catalog.embeddings import stored
from speaker_search.catalog.log import Change
from speaker_search.catalog.rows import ensure, insert_all
from speaker_search.catalog.spaces import Space, ensure_space
from speaker_search.entities import fold
from speaker_search.settings import Settings

SPACE, DIM = "simulated@000000000000", 192
ACTORS, GAMES, CHARACTERS = 989, 600, 7_357  # of a large collection of visual novels; fewer clips have fewer of them
MAKERS = 20
CLIPS_PER_CHARACTER = 130
ROLE, TAKE, ROOM = 0.7, 1.1, 0.35  # distances: a role from its actor, a take from its role, a room from no room
MEAN_SECONDS, SECONDS_SPREAD = 4.0, 0.6  # of a clip's length, log-normal
PORTION = 10_000  # clips written in one transaction


@dataclass(frozen=True)
class World:
    """Who plays what. Clips are drawn from it."""

    voices: np.ndarray  # (characters, DIM) each role's centre, its game's shift included
    actors: np.ndarray  # (characters,)
    games: np.ndarray  # (characters,)
    shares: np.ndarray  # (characters,) of all clips


def world(clips: int, seed: int = 0, characters: int | None = None) -> World:
    """The cast for this many clips, of as many characters as usual unless told otherwise."""
    rng = np.random.default_rng([seed, 0])
    characters = characters or int(np.clip(clips // CLIPS_PER_CHARACTER, 24, CHARACTERS))
    games = max(4, GAMES * characters // CHARACTERS)
    actors = max(8, ACTORS * characters // CHARACTERS)
    of_game = np.sort(rng.integers(games, size=characters))
    of_game[:games] = np.arange(games)  # no game without a character
    of_game.sort()
    cast = rng.integers(actors, size=characters)

    def directions(count: int) -> np.ndarray:
        return rng.standard_normal((count, DIM)).astype(np.float32) / np.sqrt(DIM)

    people, roles, rooms = directions(actors), directions(characters), directions(games)
    voices = people[cast] + ROLE * roles + ROOM * rooms[of_game]
    shares = rng.lognormal(0.0, 1.0, characters)
    return World(voices, cast, of_game, shares / shares.sum())


def draw(cast: World, characters: np.ndarray, seed: int) -> np.ndarray:
    """Unit vectors (n, DIM) of clips by these characters (n,)."""
    rng = np.random.default_rng([seed, 1])
    noise = rng.standard_normal((len(characters), DIM), dtype=np.float32) / np.float32(np.sqrt(DIM))
    vectors = cast.voices[characters] + TAKE * noise
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def names(game: int) -> tuple[str, str]:
    """The maker and title of a game, by its number."""
    return f"Maker {game % MAKERS}", f"Game {game}"


def fill(
    catalog: Catalog, clips: int, seed: int = 0, characters: int | None = None, *, without_last_game: bool = False
) -> Space:
    """Write a whole simulated catalog with its embeddings, or one without clips of the last game: `fill_last_game`."""
    cast = world(clips, seed, characters)
    space = ensure_space(catalog, space=SPACE, name=SPACE.partition("@")[0], dim=DIM)
    with catalog.write() as connection:
        called = [names(game) for game in range(int(cast.games.max()) + 1)]
        maker_ids = {
            maker: ensure(connection, tables.makers, {"key": fold(maker)}, {"name": maker})
            for maker in dict.fromkeys(maker for maker, _ in called)
        }
        root_id = ensure(connection, tables.roots, {"path": "/simulated"}, {})
        game_ids = [
            ensure(
                connection,
                tables.games,
                {"maker_id": maker_ids[maker], "key": fold(title)},
                {"title": title},
            )
            for maker, title in called
        ]
        rows = [
            {"id": n + 1, "game_id": game_ids[game], "name": f"Character {n}", "key": fold(f"Character {n}")}
            for n, game in enumerate(cast.games.tolist())
        ]
        insert_all(connection, tables.characters, rows)
    speakers = _speakers(cast, clips, seed)
    if without_last_game:
        speakers = speakers[cast.games[speakers] < cast.games.max()]
    for first, part in _portions(speakers):
        _write(catalog, space, cast, part, first, root_id, game_ids, seed)
    _raise_ids(catalog)
    return space


def fill_last_game(catalog: Catalog, clips: int, seed: int = 0, characters: int | None = None) -> None:
    """Write what `fill` left out."""
    cast = world(clips, seed, characters)
    space = ensure_space(catalog, space=SPACE, name=SPACE.partition("@")[0], dim=DIM)
    speakers = _speakers(cast, clips, seed)
    left = cast.games[speakers] == cast.games.max()
    with catalog.read() as connection:
        root_id = connection.execute(select(tables.roots.c.id)).scalar_one()
        game_ids = list(connection.execute(select(tables.games.c.id).order_by(tables.games.c.id)).scalars())
    _write(catalog, space, cast, speakers[left], int((~left).sum()) + 1, root_id, game_ids, seed)
    _raise_ids(catalog)


def _speakers(cast: World, clips: int, seed: int) -> np.ndarray:
    """Who speaks each clip. Clips of a game are consecutive, as after a scan."""
    speakers = np.random.default_rng([seed, 2]).choice(len(cast.games), clips, p=cast.shares)
    speakers.sort()
    return speakers


def _raise_ids(catalog: Catalog) -> None:
    """Have PostgreSQL number new rows above those that were written with their ids; SQLite does so by itself."""
    if catalog.engine.dialect.name == "postgresql":
        with catalog.write() as connection:
            for table in (tables.clips, tables.characters):
                highest = connection.execute(select(func.max(table.c.id))).scalar_one()
                connection.execute(select(func.setval(func.pg_get_serial_sequence(table.name, "id"), highest)))


def _write(
    catalog: Catalog,
    space: Space,
    cast: World,
    speakers: np.ndarray,
    first: int,
    root_id: int,
    game_ids: list[int],
    seed: int,
) -> None:
    """One portion of clips, numbered from `first` on."""
    rng = np.random.default_rng([seed, 3, first])
    seconds = rng.lognormal(np.log(MEAN_SECONDS) - SECONDS_SPREAD**2 / 2, SECONDS_SPREAD, len(speakers))
    vectors = draw(cast, speakers, seed + first)
    clips, embeddings, entries = [], [], []
    for place, speaker in enumerate(speakers.tolist()):
        id_ = first + place
        clips.append(
            {
                "id": id_,
                "game_id": game_ids[cast.games[speaker]],
                "root_id": root_id,
                "path": f"{id_:08d}.ogg",
                "character_id": speaker + 1,
                "text": f"line {id_}",
                "size": 40_000,
                "mtime_ns": 1,
                "gone": False,
                "seconds": float(seconds[place]),
                "fingerprint": id_.to_bytes(16, "big"),
            }
        )
        embeddings.append({"encoder_id": space.id, "clip_id": id_, "vector": stored(vectors[place])})
        entries.append(Change(space.id, "embedded", id_, None, speaker + 1))
    with catalog.write() as connection:
        insert_all(connection, tables.clips, clips)
        insert_all(connection, tables.embeddings, embeddings)
        log.append(connection, entries)


def _portions(speakers: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    for start in range(0, len(speakers), PORTION):
        yield start + 1, speakers[start : start + PORTION]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=100_000)
    parser.add_argument("--characters", type=int, help="by default one for every 130 clips, up to 7,357")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--database-url", help="PostgreSQL instead of SQLite in the home")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    settings = Settings(home=chosen.home, database_url=chosen.database_url)
    catalog = open_catalog(settings.url)
    began = time.monotonic()
    space = fill(catalog, chosen.clips, chosen.seed, chosen.characters)
    print(f"{chosen.clips:,} clips in {space.name} after {time.monotonic() - began:.1f} s: {chosen.home}")
    catalog.close()


if __name__ == "__main__":
    main()
