"""Characters and clips on maps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from speaker_search import documents
from speaker_search.catalog import people
from speaker_search.catalog.embeddings import UNKNOWN
from speaker_search.entities import Ids, Sex
from speaker_search.library.voices.crediting import Crediting

# Imported where they are used: see holdings.
if TYPE_CHECKING:
    from speaker_search.pictures.maps import Maps
    from speaker_search.search.live import Ready

MOST_CLIPS = 20_000  # on one map
MOST_NEAR = 12  # clips shown around a character


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
        voices, sexes = self._voices(ready), self._sexes(ready)
        return documents.CharacterMap(
            encoder=ready.space.name,
            better=better,
            x=places[held, 0].tolist(),
            y=places[held, 1].tolist(),
            ids=ids[held].tolist(),
            names=[one.name for one in who],
            games=[place_of[one.game.id] for one in who],
            voices=[voices.get(id_) for id_ in ids[held].tolist()],
            sexes=[sexes.get(id_) for id_ in ids[held].tolist()],
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
        voices, sexes = self._voices(ready), self._sexes(ready)
        return documents.ClipMap(
            encoder=ready.space.name,
            better=better,
            x=places[:, 0].tolist(),
            y=places[:, 1].tolist(),
            game=documents.Game(id=game.id, title=game.title, maker=game.maker),
            ids=shown.ids.tolist(),
            characters=[None if id_ == UNKNOWN else id_ for id_ in shown.characters.tolist()],
            names={id_: one.name for id_, one in there.items()},
            voices={id_: voices[id_] for id_ in there if id_ in voices},
            sexes={id_: sexes[id_] for id_ in there if id_ in sexes},
            of=len(clips),
        )

    def near_clips(self, character_ids: Sequence[int]) -> documents.NearClips:
        """Up to 12 clips of each of these characters, evenly chosen, with their places around it.

        A character's clips are laid out by themselves. Characters that are not in the catalog any more are left out.
        """
        from speaker_search.pictures.layout import around

        ready = self.ready
        with self.catalog.read() as connection:
            there = people.characters_by_id(connection, None, character_ids)
        wanted = sorted({(one.game.id, id_) for id_, one in there.items() if one.id == id_})
        games, ids = np.array(wanted, np.int64).reshape(-1, 2).T
        found = list(ready.snapshot.clips.of_characters(games, ids, MOST_NEAR))
        places = [around(ready.profiles.whitened(clips.vectors.astype(np.float32))) for clips in found]
        x, y = np.concatenate([np.empty((0, 2), np.float32), *places]).T.tolist()
        clips = [id_ for one in found for id_ in one.ids.tolist()]
        speakers = [id_ for one in found for id_ in one.characters.tolist()]
        return documents.NearClips(encoder=ready.space.name, ids=clips, characters=speakers, x=x, y=y)

    def _sexes(self, ready: Ready) -> dict[int, Sex]:
        """The sex of who speaks each character, by id, where credits say it."""
        from speaker_search.cast.credits.named_voices import sexes

        return sexes(self._whole_cast(ready).voices, self._credits())

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
