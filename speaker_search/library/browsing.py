"""Looking through a catalog page by page: makers, games, characters and clips."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Protocol

from speaker_search import documents
from speaker_search.catalog import pages, people
from speaker_search.catalog.clips import RefusedClip, count_refused, refused_clips
from speaker_search.catalog.spaces import count_queued
from speaker_search.documents.paging import cursor_after, id_after
from speaker_search.entities import Game
from speaker_search.errors import NotFoundError, UsageError
from speaker_search.library.holdings import Holdings, check_limit, checked_reason


class Browsing(Holdings):
    """An open catalog to look through.

    `maker`, `game` and `name` compare without regard to case and width, and former names count; `contains` is a part of
    the name. Lists are sorted by id, and `cursor` is the `next` of an earlier page. Filters raise NotFoundError for a
    maker, game or character that the catalog does not know.
    """

    def makers(
        self, *, name: str | None = None, contains: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> documents.Makers:
        """A page of makers."""
        check_limit(limit)
        after = id_after(cursor, "makers")
        with self.catalog.read() as connection:
            found = pages.list_makers(connection, name=name, contains=contains, after=after, limit=limit + 1)
        page = [documents.ListedMaker(id=one.id, name=one.name, games=games) for one, games in found]
        return documents.Makers(makers=page[:limit], next=_next("makers", page, limit))

    def maker(self, maker_id: int) -> documents.ListedMaker:
        """A maker; for the id of a merged one, the maker that stands for it. Raises NotFoundError."""
        with self.catalog.read() as connection:
            id_ = pages.standing_id(connection, "maker", maker_id)
            ((one, games),) = pages.list_makers(connection, after=id_ - 1, limit=1)
        return documents.ListedMaker(id=one.id, name=one.name, games=games)

    def games(
        self,
        *,
        maker: str | None = None,
        maker_id: int | None = None,
        title: str | None = None,
        contains: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> documents.Games:
        """A page of games."""
        check_limit(limit)
        after = id_after(cursor, "games")
        with self.catalog.read() as connection:
            within = pages.games_within(connection, maker=maker, game=title, maker_id=maker_id)
            found = pages.list_games(connection, within=within, contains=contains, after=after, limit=limit + 1)
        page = [_game(*each) for each in found]
        return documents.Games(games=page[:limit], next=_next("games", page, limit))

    def game(self, game_id: int) -> documents.ListedGame:
        """A game; for the id of a merged one, the game that stands for it. Raises NotFoundError."""
        with self.catalog.read() as connection:
            id_ = pages.standing_id(connection, "game", game_id)
            return _game(*pages.list_games(connection, within=[id_], limit=1)[0])

    def characters(
        self,
        *,
        maker: str | None = None,
        maker_id: int | None = None,
        game: str | None = None,
        game_id: int | None = None,
        name: str | None = None,
        contains: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> documents.Characters:
        """A page of characters."""
        space = self.space
        check_limit(limit)
        after = id_after(cursor, "characters")
        with self.catalog.read() as connection:
            found = people.list_characters(
                connection,
                space,
                maker=maker,
                game=game,
                name=name,
                within=pages.games_within(connection, maker=maker, game=game, maker_id=maker_id, game_id=game_id),
                contains=contains,
                after=after,
                limit=limit + 1,
            )
        page = [documents.Character.copy_of(character) for character in found]
        return documents.Characters(characters=page[:limit], next=_next("characters", page, limit))

    def character_of(self, character_id: int) -> documents.Character:
        """A character; for the id of a merged one, the character that stands for it. Raises NotFoundError."""
        space = self.space
        with self.catalog.read() as connection:
            id_ = pages.standing_id(connection, "character", character_id)
            return documents.Character.copy_of(people.characters_by_id(connection, space, [id_])[id_])

    def clip_list(
        self,
        *,
        maker: str | None = None,
        maker_id: int | None = None,
        game: str | None = None,
        game_id: int | None = None,
        character_id: int | None = None,
        unknown: bool = False,
        state: pages.State | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> documents.Clips:
        """A page of clips: of a maker, a game or a character, without a known speaker, or in one state."""
        space = self.space
        check_limit(limit)
        if unknown and character_id is not None:
            raise UsageError("A clip of an unknown speaker belongs to no character.", "Give one of the two filters.")
        after = id_after(cursor, "clips")
        with self.catalog.read() as connection:
            if character_id is not None:
                character_id = pages.standing_id(connection, "character", character_id)
            found = pages.list_clips(
                connection,
                space,
                within=pages.games_within(connection, maker=maker, game=game, maker_id=maker_id, game_id=game_id),
                character_id=character_id,
                unknown=unknown,
                state=state,
                after=after,
                limit=limit + 1,
            )
        page = [_clip(one) for one in found]
        return documents.Clips(clips=page[:limit], next=_next("clips", page, limit))

    def clip(self, clip_id: int) -> documents.HeldClip:
        """A clip. Raises NotFoundError."""
        space = self.space
        with self.catalog.read() as connection:
            found = pages.held_clips(connection, space, [min(clip_id, documents.MAX_ID)])
        if not found:
            raise NotFoundError(f"There is no clip {clip_id}.")
        return _clip(found[0])

    def state(self) -> documents.LibraryState:
        """How many makers, games, characters and clips there are, and how the index is; zeros for an empty catalog."""
        space = None if self.empty else self.space
        index = self.index_status() if space else None
        with self.catalog.read() as connection:
            named = pages.count_named(connection)
            pending, refused = count_queued(connection, space.id) if space else (0, 0)
            reasons = count_refused(connection, space) if space else {}
        return documents.LibraryState(
            encoder=space.name if space else None,
            makers=named.makers,
            games=named.games,
            characters=named.characters,
            clips=documents.ClipCounts(embedded=index.clips if index else 0, pending=pending, refused=refused),
            refused=reasons,
            index=documents.IndexState.copy_of(index) if index else None,
            version=version("speaker-search"),
        )

    def refused_list(
        self, *, reason: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> documents.RefusedFiles:
        """A page of refused clips with their reasons, or of those with one reason."""
        space = self.space
        check_limit(limit)
        after = id_after(cursor, "refused")
        with self.catalog.read() as connection:
            found = refused_clips(connection, space, reason=checked_reason(reason), after=after, limit=limit + 1)
        page = [_refused(one) for one in found]
        return documents.RefusedFiles(clips=page[:limit], next=_next("refused", page, limit))


class _Listed(Protocol):
    @property
    def id(self) -> int: ...


def _next(listed: str, page: Sequence[_Listed], limit: int) -> str | None:
    return cursor_after(listed, page[limit - 1].id) if len(page) > limit else None


def _game(game: Game, characters: int) -> documents.ListedGame:
    maker = documents.Maker.copy_of(game.maker)
    return documents.ListedGame(id=game.id, title=game.title, maker=maker, characters=characters)


def _refused(clip: RefusedClip) -> documents.RefusedFile:
    root = str(clip.path).removesuffix(clip.name)
    return documents.RefusedFile(
        id=clip.id, file=clip.name, reason=clip.reason, detail=clip.detail.replace(root, "") if root else clip.detail
    )


def _clip(held: pages.HeldClip) -> documents.HeldClip:
    return documents.HeldClip(
        id=held.clip.id,
        text=held.clip.text,
        seconds=held.clip.seconds,
        game=documents.Game.copy_of(held.game),
        character=None if held.character is None else documents.NamedCharacter.of(held.character),
        state=held.state,
        reason=held.reason,
    )
