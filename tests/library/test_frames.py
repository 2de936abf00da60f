"""Answers in a notebook: printed in one line, and turned into data frames."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from html.parser import HTMLParser

import pandas
import pytest
from search.filling import fill, some_voices
from standin import StandInEncoder, write_dump

from speaker_search import documents
from speaker_search.documents import SearchOptions, notebooks
from speaker_search.documents.frames import Tabular
from speaker_search.errors import UsageError
from speaker_search.library import Library
from speaker_search.search.query import Filters
from speaker_search.settings import Settings

VOICES = some_voices(games=4, characters=6, clips=3)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with Library(Settings(home=tmp_path_factory.mktemp("home")), encoder=StandInEncoder()) as opened:
        fill(opened, VOICES)
        yield opened


@pytest.fixture(scope="module")
def tables(library: Library, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tabular]:
    """Every table that a library returns."""
    folder = tmp_path_factory.mktemp("folder")
    truth = folder / "cast.json"
    spoken = [(*game.split("/"), name) for game, cast in VOICES.items() for name in cast if name]
    rows = [{"maker": m, "game": g, "character": name, "voice_actor": name} for m, g, name in spoken]
    truth.write_text(json.dumps(rows), encoding="utf-8")
    dump = write_dump(folder / "dump", {"Kumo/Hare": {"Aoi": 1}}, clips=2)
    return {
        "search": library.search_like(clips=[1]),
        "by clip": library.search_like(clips=[1], by="clip", limit=100),
        "nothing": library.search_like(clips=[1], filters=Filters(min_clips=99)),
        "search document": library.similar_document(1, SearchOptions()),
        "cast": library.cast(),
        "cast document": library.cast_document(),
        "voices": library.voices(limit=2),
        "voice": library.voice(library.voices(limit=1).voices[0].id),
        "searches": library.search_many([documents.Reference(clip=1), documents.Reference(clip=10**6)]),
        "characters": library.characters(limit=5),
        "character": library.show(1),
        "refused": library.refused(),
        "evaluation": library.evaluate(truth),
        "preview": Library.preview(library.settings, [dump]),
    }


def test_every_answer_prints_in_one_short_line_without_its_vectors(tables: dict[str, Tabular]) -> None:
    for name, table in tables.items():
        assert len(str(table)) < 200, name
        assert str(table) == repr(table)
        assert str(table).startswith(f"{type(table).__name__}(")
    found = tables["search"]
    (first, *_) = found.matches
    assert str(found).startswith("Answer(matches=10, nearest='maker0/game0/p")
    assert str(tables["characters"]).startswith("Characters(characters=5, next='")
    assert len(str(found.query)) < 200
    assert str(first) == f"Match({first.character.address!r}, score={first.score:.3f}, " + (
        f"probability={first.probability:.3f}, hits=3)"
    )
    voice = tables["cast"].voices[0]
    assert str(voice).startswith(f"Voice(1, probability={voice.probability:.3f}, members=['maker")


def test_every_answer_becomes_a_frame_with_a_row_for_each_of_its_parts(
    tables: dict[str, Tabular], library: Library
) -> None:
    for name, table in tables.items():
        frame = table.to_frame()
        assert isinstance(frame, pandas.DataFrame)
        assert tuple(frame.columns) == table.columns, name
        assert len(frame) == len(table.rows()), name
    found = tables["search"]
    frame = found.to_frame()
    assert frame.character.tolist() == [match.character.name for match in found.matches]
    assert frame.probability.tolist() == pytest.approx([match.probability for match in found.matches], abs=1e-6)
    assert frame.path.tolist() == [str(match.hits[0].clip.path) for match in found.matches]
    assert len(tables["nothing"].to_frame()) == 0
    by_clip = tables["by clip"].to_frame()
    assert (by_clip.character.isna() == [match.character is None for match in tables["by clip"].matches]).all()
    cast, frame = tables["cast"], tables["cast"].to_frame()
    assert frame.voice.dropna().nunique() == len(cast.voices) > 0
    assert len(frame) == len(cast.unlinked) + sum(len(voice.members) for voice in cast.voices) == 24
    assert frame.equals(tables["cast document"].to_frame())
    assert tables["characters"].to_frame().character_id.tolist() == [1, 2, 3, 4, 5]
    assert tables["character"].to_frame().seconds.tolist() == [3.0] * 3
    evaluation = tables["evaluation"].to_frame().set_index("measure")
    assert evaluation.value["bcubed_f1"] == tables["evaluation"].bcubed.f1
    assert evaluation.low["bcubed_f1"] <= evaluation.value["bcubed_f1"] <= evaluation.high["bcubed_f1"]
    counts = library.counts().to_frame()
    assert (counts.embedded.tolist(), counts.pending.tolist()) == ([len(VOICES) * 20], [0])
    assert len(tables["voices"].to_frame().voice.unique()) == 2
    assert tables["voice"].to_frame().character_id.is_unique
    assert tables["preview"].to_frame().clips.tolist() == [2]


def test_without_pandas_a_frame_is_refused_in_a_sentence_and_rows_are_there(
    tables: dict[str, Tabular], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)  # as Python sees a package that cannot be imported
    with pytest.raises(UsageError, match="needs pandas, which is not installed"):
        tables["characters"].to_frame()
    assert tables["characters"].rows()[0].keys() == {"character_id", "character", "game", "maker", "clips"}


class Cells(HTMLParser):
    """The text of a table's cells, and the addresses of its sounds."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.sounds: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.sounds += [value or "" for name, value in attributes if name == "src"]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_notebook_shows_rows_with_players_and_runs_nothing_of_what_names_hold() -> None:
    name = "<script>alert(1)</script>\"'&"
    shown = Cells(notebooks.table(name, ["name", name], [(name, 0.12345), (None, 2)], [("audio/ogg", b"OggS"), None]))
    assert shown.tags == {"p", "table", "tr", "th", "td", "audio"}
    assert shown.texts == [name, "name", name, name, "0.123", "2"]
    assert shown.sounds == ["data:audio/ogg;base64,T2dnUw=="]


def test_a_notebook_holds_a_bounded_number_of_rows_and_of_sound() -> None:
    large = ("audio/wav", bytes(notebooks.MOST_SOUND_BYTES // 2))
    asked = []

    def sounds() -> Iterator[tuple[str, bytes]]:
        while True:
            asked.append(large)
            yield large

    page = notebooks.table("many", ["n"], ((number,) for number in range(10**6)), sounds())
    assert (page.count("<audio"), len(asked)) == (2, 2)  # beyond that no file is read
    assert page.count("<td>") == notebooks.MOST_ROWS + 2
    assert "to_frame()" in page


def test_every_answer_shows_in_a_notebook(tables: dict[str, Tabular]) -> None:
    for name, table in tables.items():
        shown = Cells(table._repr_html_())
        assert (shown.texts[0], shown.sounds) == (str(table), []), name  # whose sounds are nowhere
