"""Pages of one search while the catalog changes, and cursors that are not what an answer gave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from search.filling import around, fill, forget, some_voices, units
from standin import DIM, StandInEncoder

from speaker_search.documents import By
from speaker_search.entities import Match
from speaker_search.errors import UsageError
from speaker_search.library import Library
from speaker_search.search import cursors
from speaker_search.search.query import Answer, Filters, Given, Query
from speaker_search.settings import Settings

ASKED = units(np.random.default_rng(5).standard_normal(DIM))
BYS: tuple[By, ...] = ("character", "voice", "game", "clip")


class Changing:
    """A catalog that changes while it is searched."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.voices = some_voices(games=4, characters=5, clips=3)
        self.rng = np.random.default_rng(7)
        self.vectors = fill(library, self.voices)

    def change(self, how: str) -> None:
        """Add a game, add lines near the query to a character, forget a line, or nothing."""
        if how == "game":
            number = len(self.voices)
            centres = units(self.rng.standard_normal((3, DIM)))
            cast = {f"n{place}": around(centre, 3, self.rng) for place, centre in enumerate(centres)}
            self.voices[f"maker{number % 2}/late{number}"] = {**cast, "near": around(ASKED, 2, self.rng)}
        elif how == "lines":
            game = list(self.voices)[self.rng.integers(len(self.voices))]
            name, lines = list(self.voices[game].items())[-1]  # the last one, so that no other clip's number changes
            self.voices[game][name] = np.concatenate([lines, around(ASKED, 2, self.rng)])
        elif how == "forget":
            gone = int(self.rng.choice([*self.vectors]))
            del self.vectors[gone]
            forget(self.library, gone)
        if how in ("game", "lines"):
            self.vectors |= fill(self.library, self.voices)
        self.library.refresh()

    def there(self, by: By) -> set[object]:
        """What a search finds at the moment."""
        return {
            key(match, by) for match in self.library.search_like(embedding=ASKED.tolist(), limit=1_000, by=by).matches
        }

    def voice_of(self) -> dict[int, int]:
        return {one.id: voice.id for voice in self.library.cast().voices for one, _ in voice.members}


def key(match: Match, by: By) -> object:
    """What a match is about."""
    if by == "clip":
        return match.hits[0].clip.id
    assert match.character is not None
    return match.character.game.id if by == "game" else match.character.id


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Changing]:
    with Library(Settings(home=tmp_path_factory.mktemp("home")), encoder=StandInEncoder()) as library:
        yield Changing(library)


CHANGES = st.sampled_from(["game", "lines", "forget", "nothing"])


@settings(
    deadline=None,
    derandomize=True,
    max_examples=2,
    phases=[Phase.generate],  # the catalog keeps what other examples changed, so shrinking one would mislead
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.tuples(CHANGES, st.integers(1, 9)), min_size=3, max_size=5))
def test_pages_neither_repeat_nor_skip_a_match_while_the_catalog_changes(
    changing: Changing, steps: list[tuple[str, int]]
) -> None:
    library = changing.library
    stayed = {by: changing.there("character" if by == "voice" else by) for by in BYS}
    first = {by: library.search_like(embedding=ASKED.tolist(), limit=3, by=by) for by in BYS}
    pages = {by: [one] for by, one in first.items()}
    linked = [changing.voice_of()]
    for how, limit in [*steps, ("nothing", 1_000)]:
        changing.change(how)
        linked.append(changing.voice_of())
        for by in BYS:
            stayed[by] &= changing.there("character" if by == "voice" else by)
            if (cursor := pages[by][-1].next) is not None:
                pages[by].append(library.search(cursor=cursor, limit=limit))
    for by in BYS:
        assert pages[by][-1].complete
        keys = [key(match, by) for page in pages[by] for match in page.matches]
        assert len(keys) == len(set(keys))
        assert by == "voice" or stayed[by] <= set(keys)
    matches = [match for page in pages["voice"] for match in page.matches]
    voices = [match.voice for match in matches if match.voice is not None]
    assert len(voices) == len(set(voices))
    characters = {key(match, "voice") for match in matches}
    for character in stayed["voice"] - characters:  # its voice was given by another character
        assert any(of.get(character) in {*voices, *(of[one] for one in characters if one in of)} for of in linked)


def test_a_cursor_keeps_the_filters_and_the_kind_of_match(changing: Changing) -> None:
    def walk(*, repeated: bool) -> list[Match]:
        asked = {"embedding": ASKED.tolist(), "filters": Filters(makers=("maker0",), min_clips=2), "by": "clip"}
        found = changing.library.search_like(**asked, limit=4)
        matches = list(found.matches)
        while found.next:
            again = asked if repeated else {}
            found = changing.library.search_like(**again, cursor=found.next, limit=5)
            matches += found.matches
        return matches

    alone = walk(repeated=False)
    assert alone == walk(repeated=True)
    assert {match.character.game.maker.name for match in alone if match.character} == {"maker0"}


def test_a_cursor_of_another_search_is_refused(changing: Changing) -> None:
    library = changing.library
    of_clips = library.search_like(clips=[1, 2], limit=1, filters=Filters(makers=("maker0",)))
    assert library.search_like(clips=[2, 1], cursor=of_clips.next).matches  # the same, in another order
    similar = library.similar(1, limit=1)
    for asks in (
        lambda: library.search_like(clips=[1, 3], cursor=of_clips.next),
        lambda: library.search_like(clips=[1, 2], unlike_clips=[3], cursor=of_clips.next),
        lambda: library.search_like(unlike_clips=[3], cursor=of_clips.next),
        lambda: library.search_like(clips=[1, 2], by="game", cursor=of_clips.next),
        lambda: library.search_like(clips=[1, 2], filters=Filters(makers=("maker1",)), cursor=of_clips.next),
        lambda: library.similar(2, cursor=similar.next),
        lambda: library.similar(1, same_game=True, cursor=similar.next),
        lambda: library.similar(1, cursor=of_clips.next),
    ):
        with pytest.raises(UsageError, match="belongs to another search"):
            asks()


def test_a_changed_cursor_is_refused_in_one_sentence(changing: Changing) -> None:
    text = changing.library.search_like(clips=[1], limit=2).next
    assert text is not None

    @settings(deadline=None, derandomize=True, max_examples=60)
    @given(st.integers(0, len(text)), st.text("AZaz09-_=+/ ３\0", max_size=4), st.integers(0, 3))
    def holds(place: int, put: str, cut: int) -> None:
        changed = text[:place] + put + text[place + cut :]
        if changed != text:
            with pytest.raises(UsageError, match="is not a cursor of this catalog"):
                changing.library.search(cursor=changed)

    holds()
    for never in ("", "-1", "3", "x" * 10**6):
        with pytest.raises(UsageError, match="is not a cursor of this catalog"):
            changing.library.search(cursor=never)


def test_a_cursor_of_another_catalog_or_space_is_refused(changing: Changing, tmp_path: Path) -> None:
    text = changing.library.search_like(clips=[1], limit=2).next or ""
    with Library(Settings(home=tmp_path), encoder=StandInEncoder()) as other:
        fill(other, changing.voices)
        with pytest.raises(UsageError, match="is not a cursor of this catalog"):
            other.search(cursor=text)
    ready = changing.library.ready
    trained = replace(ready, space=replace(ready.space, name="stand-in@111111111111"))
    with pytest.raises(UsageError, match="stand-in@000000000000, and stand-in@111111111111 is searched now"):
        cursors.read(text, trained, changing.library.catalog.uuid)


def test_a_cursor_holds_everything_of_its_search_and_stays_short(changing: Changing) -> None:
    ready, uuid = changing.library.ready, changing.library.catalog.uuid
    query = Query(ASKED, 3, 4.5, ("warned",), None, (2, 7), blended=True, asked="x")
    asked = cursors.Cursor(
        query, Filters(("ＭＡＫＥＲ1",), min_probability=0.3), "voice", 4, Given((1, 5, 2**60), (3,))
    )
    text = cursors.write(asked, ready, uuid)
    assert text is not None
    read = cursors.read(text, ready, uuid)
    np.testing.assert_array_equal(read.query.vector, ASKED)
    assert replace(read, query=query) == asked
    assert replace(read.query, vector=ASKED) == query
    many = replace(asked, given=Given(tuple(range(1, 80_000, 2)), ()))
    assert len(cursors.write(many, ready, uuid) or "") < 2_000
    scattered = np.random.default_rng(0).choice(7_000_000, 10_000, replace=False)
    assert len(cursors.write(replace(asked, given=Given(tuple(scattered.tolist()))), ready, uuid) or "") < 25_000


def test_the_cursor_of_a_character_is_its_id(changing: Changing) -> None:
    found: Answer = changing.library.similar(1, limit=2)
    assert len(found.next or "") < 400
    first, rest = changing.library.similar(1, limit=7).matches, changing.library.similar(1, cursor=found.next, limit=5)
    assert (*found.matches, *rest.matches) == first
    assert changing.library.search(cursor=found.next, limit=5).matches == rest.matches
