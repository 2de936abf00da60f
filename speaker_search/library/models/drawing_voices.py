"""Voices drawn: maps of characters and clips, and who is mistaken for whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from speaker_search.catalog import pages, people
from speaker_search.catalog.spaces import Space, filled_spaces
from speaker_search.documents import INFERENCE
from speaker_search.documents.models.pictures import SEED, ColouredBy, DrawnPanel, Picture, PointsOf
from speaker_search.entities import Character, Game, counted
from speaker_search.errors import EmptyCatalogError, UsageError
from speaker_search.library.encoder_choice import space_to_search
from speaker_search.library.models.comparing import Comparing, Say

# Imported where they are used: see holdings.
if TYPE_CHECKING:
    from speaker_search.library.models.map_points import MapPoints
    from speaker_search.search.live import Ready

NONE: dict[str, str] = {"voice": "in no voice", "sex": "not known", "character": "unknown speaker"}
SEXES = {"f": "female", "m": "male"}


class DrawingVoices(Comparing):
    """An open catalog whose voices can be drawn.

    Every picture is an .svg or .png file, or an .html page that needs nothing else; a file that exists is replaced.
    Raises UsageError for a file that cannot be written.
    """

    def plot_map(
        self,
        file: str | Path,
        *,
        game: str | None = None,
        encoders: Sequence[str] = (),
        by: PointsOf | None = None,
        colour: ColouredBy | None = None,
        seed: int = SEED,
        say: Say = lambda _: None,
    ) -> Picture:
        """Draw characters or clips as points, those that sound alike near each other: by default the characters of the
        catalog by game, or the clips of one game by character.

        There is a panel for each space, or for each of `encoders` (names of encoders or spaces). `say` is told what is
        being done. Raises NotFoundError for an unknown game.
        """
        from speaker_search.library.models.map_points import character_points, clip_points, own_names, own_titles
        from speaker_search.pictures import layout
        from speaker_search.pictures.charts import check_file, save
        from speaker_search.pictures.map_charts import Panel, map_chart

        check_file(Path(file))
        of_one = None if game is None else self._game_called(game)
        by = by or ("character" if of_one is None else "clip")
        colour = colour or ("game" if of_one is None else "character")
        grouped = self._grouped(colour)
        points_of = character_points if by == "character" else clip_points
        found: list[tuple[str, MapPoints]] = []
        for ready in self._readies(encoders, say):
            found.append((ready.space.name, points_of(self.catalog, ready, None if of_one is None else of_one.id)))
        names = own_names([who for _, points in found for who in points.speakers if who is not None])
        titles = own_titles([one for _, points in found for one in points.games])
        whole = len(names) if by == "character" else max(points.of for _, points in found)
        if not whole:
            what = "The catalog" if of_one is None else of_one.title
            raise UsageError(f"{what} has no {by} with an embedding.", "`spksearch worker --drain` embeds clips.")
        panels, drawn = [], []
        for name, points in found:
            say(f"Laying out {counted(len(points), by)} in {name}…")
            places, how = layout.spread(points.vectors, seed)
            labels = ["" if one is None else names[one.id] for one in points.speakers]
            groups = [
                grouped(one, of, "" if one is None else names[one.id], titles[of.id])
                for one, of in zip(points.speakers, points.games, strict=True)
            ]
            told: dict[str, Sequence[object]] = {
                "character": [label or NONE["character"] for label in labels],
                "game": [one.title for one in points.games],
                "maker": [one.maker.name for one in points.games],
            }
            told |= {colour: groups, **points.told} if colour in ("voice", "sex") else points.told
            shown = f"{len(points):,} of {counted(whole, by)}" if len(points) < whole else counted(whole, by)
            panels.append(Panel(name, f"{shown}; {how}, seed {seed}", places, groups, told, labels))
            drawn.append(DrawnPanel(encoder=name, shows=f"{by}s", points=len(points), of=whole, layout=how))
        say("Drawing…")
        title = f"{by.capitalize()}s" + ("" if of_one is None else f" of {of_one.title}") + f" by {colour}"
        chart = map_chart(title, panels, coloured_by=colour, none=NONE.get(colour, ""))
        save(Path(file), title, [chart, INFERENCE])
        return Picture(file=Path(file), plot="map", game=address(of_one), panels=drawn, seed=seed)

    def plot_confusion(
        self, file: str | Path, *, game: str | None = None, encoders: Sequence[str] = (), say: Say = lambda _: None
    ) -> Picture:
        """Draw which characters' clips sound most like which, for at most 40: the most confused of a game or of all.

        A clip is compared with the mean of each character, and of its own without the clip. There is a matrix for each
        space, or for each of `encoders`. Raises NotFoundError for an unknown game.
        """
        from speaker_search.library.models.clips_mistaken import clips_mistaken
        from speaker_search.pictures.charts import Chart, check_file, save
        from speaker_search.pictures.confusion_charts import confusion_chart, leaf_order

        check_file(Path(file))
        of_one = None if game is None else self._game_called(game)
        where = "the catalog" if of_one is None else of_one.title
        title = f"Who sounds like whom in {where}"
        charts: list[Chart] = []
        drawn, notes = [], []
        for ready in self._readies(encoders, say):
            name, profiles = ready.space.name, ready.profiles
            say(f"Comparing clips in {name}…")
            result = clips_mistaken(ready, None if of_one is None else of_one.id)
            found, whole = result.found, counted(result.characters, "character")
            order = leaf_order(profiles.as_pairs.vectors[np.searchsorted(profiles.character_ids, found.characters)])
            shown = len(order)
            drawn.append(DrawnPanel(encoder=name, shows="characters", points=shown, of=result.characters))
            if result.alone:
                alone = counted(result.alone, "character")
                notes.append(f"{name}: {alone} with one clip: nothing is left to compare it with.")
            if not (found.clips > 0).any():
                continue
            who = whole if shown == result.characters else f"{shown} of {whole}, the most confused"
            right = found.nearest.trace() / found.clips.sum()
            said = [f"{name}: {who}; {right:.0%} of their clips are nearest to their own character's other clips"]
            if result.clips < result.of:
                said.append(f"{result.clips:,} of {counted(result.of, 'clip')} were compared, evenly chosen")
            names = self._names_of(found.characters[order].tolist())
            charts.append(confusion_chart(title, said, names, found.clips[order], found.nearest[order][:, order]))
        if not charts:
            raise UsageError(
                f"No character of {where} has two clips to compare.", "`spksearch worker --drain` embeds clips."
            )
        say("Drawing…")
        save(Path(file), title, [*charts, *notes])
        return Picture(file=Path(file), plot="confusion", game=address(of_one), panels=drawn, notes=notes)

    def _grouped(self, colour: ColouredBy) -> Callable[[Character | None, Game, str, str], str]:
        """How points are coloured: the group of one, from its speaker and game, and their names in the picture.

        Voices are those of the space that is searched, in whichever space a point is drawn.
        """
        if colour == "game":
            return lambda _, __, ___, title: title
        if colour == "maker":
            return lambda _, game, __, ___: game.maker.name
        if colour == "character":
            return lambda who, _, name, __: NONE["character"] if who is None else name
        if colour == "sex":
            said = {id_: SEXES[sex] for id_, sex in self._sexes(self.ready).items()}
        else:
            said = {
                one.id: f"voice {voice.id}" + ("" if voice.voice_actor is None else f", {voice.voice_actor}")
                for voice in self.cast().voices
                for one, _ in voice.members
            }
        return lambda who, _, __, ___: NONE[colour] if who is None else said.get(who.id, NONE[colour])

    def _names_of(self, ids: Sequence[int]) -> list[str]:
        """What characters are called on a picture, each otherwise."""
        from speaker_search.library.models.map_points import own_names

        with self.catalog.read() as connection:
            who = people.characters_by_id(connection, None, ids)
        names = own_names(list(who.values()))
        # Others have been forgotten or merged since.
        return [names.get(id_, f"character {id_}") for id_ in ids]

    def _readies(self, encoders: Sequence[str], say: Say) -> Iterator[Ready]:
        """Each of these spaces, given by name or encoder, or all of them; one after the other."""
        for space in self._chosen(encoders):
            say(f"Opening {space.name}…")
            yield self._ready_in(space)

    def _chosen(self, encoders: Sequence[str]) -> list[Space]:
        """These spaces, given by name or encoder, or all of them. Raises EncoderError and CatalogError."""
        with self.catalog.read() as connection:
            held = {space.name: space for space in filled_spaces(connection)}
        if not held:
            raise EmptyCatalogError
        names, known = {name: space.encoder for name, space in held.items()}, self._encoder_names()
        chosen = [space_to_search(one, names, default=self._defaults, encoders=known) for one in encoders]
        return [held[name] for name in dict.fromkeys(chosen or held)]

    def _game_called(self, game: str) -> Game:
        """The game with this title, maker/title or id. Raises NotFoundError."""
        with self.catalog.read() as connection:
            id_ = people.find_game(connection, game)
            return pages.list_games(connection, within=[id_], limit=1)[0][0]


def address(game: Game | None) -> str | None:
    return None if game is None else f"{game.maker.name}/{game.title}"
