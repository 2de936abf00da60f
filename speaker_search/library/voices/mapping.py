"""Characters and clips on maps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from speaker_search import documents
from speaker_search.catalog import people
from speaker_search.catalog.embeddings import UNKNOWN
from speaker_search.entities import Ids
from speaker_search.library.voices.crediting import Crediting

# Imported where they are used: see holdings.
if TYPE_CHECKING:
    from speaker_search.pictures.maps import Maps
    from speaker_search.search.live import Ready

MOST_CLIPS = 20_000  # on one map


class Mapping(Crediting):
    """An open catalog that can be looked at from above."""

    _maps: tuple[str, Maps] | None = None  # of the space that was asked for last

    def close(self) -> None:
        if self._maps is not None:
            self._maps[1].close()
        super().close()

    def character_map(self) -> documents.CharacterMap:
        """Every character as a point, those that sound alike near each other.

        A map is laid out once and kept. New characters lie between those most like them, until a tenth of the catalog
        has changed. Until the first map is made, which takes seconds, points are laid out roughly.
        """
        from speaker_search.cast.credits.named_voices import sexes
        from speaker_search.pictures.maps import Points

        ready = self.ready
        profiles = ready.profiles
        order = np.argsort(profiles.character_ids)
        ids = profiles.character_ids[order]
        vectors = profiles.as_pairs.vectors[order]
        places, better = self._maps_of(ready).places(
            "characters", Points(ids, vectors, profiles.position, ready.snapshot.clips.clips)
        )
        with self.catalog.read() as connection:
            there = people.characters_by_id(connection, None, ids.tolist())
        # Others have been forgotten or merged since.
        held = np.array([id_ in there and there[id_].id == id_ for id_ in ids.tolist()], bool)
        who = [there[id_] for id_ in ids[held].tolist()]
        games = {one.game.id: one.game for one in who}
        place_of = {id_: place for place, id_ in enumerate(games)}
        linked = self._whole_cast(ready).voices
        voices = {one.id: voice.id for voice in linked for one, _ in voice.members}
        of_actors = sexes(linked, self._credits())
        return documents.CharacterMap(
            encoder=ready.space.name,
            better=better,
            x=places[held, 0].tolist(),
            y=places[held, 1].tolist(),
            ids=ids[held].tolist(),
            names=[one.name for one in who],
            games=[place_of[one.game.id] for one in who],
            voices=[voices.get(id_) for id_ in ids[held].tolist()],
            sexes=[of_actors.get(id_) for id_ in ids[held].tolist()],
            clips=profiles.clips[order][held].tolist(),
            of_games=[documents.Game.copy_of(game) for game in games.values()],
        )

    def clip_map(self, game_id: int) -> documents.ClipMap:
        """A game's clips as points, laid out and kept likewise; at most 20,000, evenly chosen.

        Raises NotFoundError for an unknown game.
        """
        from speaker_search.pictures.maps import Points

        game, ready = self.game(game_id), self.ready
        clips = ready.snapshot.clips.of_game(game.id)
        by_id = np.argsort(clips.ids)
        shown = clips.take(by_id[np.linspace(0, len(clips) - 1, min(len(clips), MOST_CLIPS)).astype(np.int64)])
        vectors = ready.profiles.whitened(shown.vectors.astype(np.float32))
        places, better = self._maps_of(ready).places(
            f"game-{game.id}", Points(shown.ids, vectors, ready.snapshot.position, math.inf)
        )
        speakers: Ids = np.unique(shown.characters[shown.characters != UNKNOWN])
        with self.catalog.read() as connection:
            there = people.characters_by_id(connection, None, speakers.tolist())
        return documents.ClipMap(
            encoder=ready.space.name,
            better=better,
            x=places[:, 0].tolist(),
            y=places[:, 1].tolist(),
            game=documents.Game(id=game.id, title=game.title, maker=game.maker),
            ids=shown.ids.tolist(),
            characters=[None if id_ == UNKNOWN else id_ for id_ in shown.characters.tolist()],
            names={id_: one.name for id_, one in there.items()},
            of=len(clips),
        )

    def _maps_of(self, ready: Ready) -> Maps:
        from speaker_search.pictures.maps import Maps
        from speaker_search.views.storage import folder_of

        space = ready.space
        with self._lock:
            if self._maps is None or self._maps[0] != space.name:
                if self._maps is not None:
                    self._maps[1].close()
                folder = folder_of(self.settings.home, self.catalog.uuid, space) / "maps"
                self._maps = (space.name, Maps(folder, self.catalog.uuid, space.name))
            return self._maps[1]
