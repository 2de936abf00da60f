"""Pictures of a catalog through the library: what they show, that they are the same each time, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from search.filling import around, fill, some_voices, units
from standin import DIM, StandInEncoder

from speaker_search.documents.models.pictures import Picture
from speaker_search.errors import CatalogError, EmptyCatalogError, EncoderError, NotFoundError, UsageError
from speaker_search.library import Library
from speaker_search.library.models.map_points import own_names
from speaker_search.settings import Settings

pytestmark = pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)


class OtherEncoder(StandInEncoder):
    """A second space of the same catalog."""

    name = "other"
    space = "other@111111111111"


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with Library(settings, encoder=StandInEncoder()) as library:
        fill(library, some_voices(games=4, characters=4, clips=6, people=7, spread=0.3))
        yield library


@pytest.fixture
def empty(settings: Settings) -> Iterator[Library]:
    with Library(settings, encoder=StandInEncoder()) as library:
        yield library


#: Every picture of a whole catalog.
PLOTS: dict[str, Callable[[Library, Path], Picture]] = {
    "map": lambda library, file: library.plot_map(file),
    "confusion": lambda library, file: library.plot_confusion(file),
    "scores": lambda library, file: library.plot_scores(file),
    "coverage": lambda library, file: library.plot_coverage(file),
}


def specs(page: Path) -> list[dict[str, Any]]:
    """The charts of a page."""
    found = re.findall('<script type="application/json" class="spec">(.*?)</script>', page.read_text(encoding="utf-8"))
    return [json.loads(spec) for spec in found]


def points(chart: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The points of each panel of a map."""
    return [panel["layer"][0]["data"]["values"] for panel in chart.get("concat", [chart])]


@pytest.mark.parametrize("plot", PLOTS)
def test_the_same_catalog_is_drawn_in_the_same_bytes(plot: str, library: Library, tmp_path: Path) -> None:
    one, other = (tmp_path / f"{name}.svg" for name in "ab")
    drawn = PLOTS[plot](library, one)
    PLOTS[plot](library, other)
    assert one.read_bytes() == other.read_bytes()
    assert (drawn.file, drawn.plot) == (one, plot)
    assert {panel.encoder for panel in drawn.panels} == {StandInEncoder.space}
    assert all(0 < panel.points <= panel.of for panel in drawn.panels)


def test_a_map_shows_every_character_with_its_game_and_maker(library: Library, tmp_path: Path) -> None:
    drawn = library.plot_map(tmp_path / "map.html")
    (chart,) = specs(tmp_path / "map.html")
    (shown,) = points(chart)
    listed = library.characters().characters
    assert sorted((row["game"], row["maker"], row["clips"]) for row in shown) == sorted(
        (one.game.title, one.game.maker.name, one.clips) for one in listed
    )
    assert {row["group"] for row in shown} == {one.game.title for one in listed}
    assert drawn.model_dump()["panels"] == [
        {
            "encoder": StandInEncoder.space,
            "shows": "characters",
            "points": 16,
            "of": 16,
            "layout": "t-SNE, perplexity 5",
        }
    ]
    assert drawn.seed == 1


def test_a_games_map_shows_its_clips_and_those_that_nobody_is_known_to_speak(library: Library, tmp_path: Path) -> None:
    drawn = library.plot_map(tmp_path / "map.html", game="maker1/game1")
    (shown,) = points(specs(tmp_path / "map.html")[0])
    assert (drawn.game, drawn.panels[0].points, drawn.panels[0].shows) == ("maker1/game1", 26, "clips")
    speakers = [row["character"] for row in shown]
    assert sorted({speakers.count(name) for name in set(speakers)}) == [2, 6]
    assert {row["group"] for row in shown if row["character"] == "unknown speaker"} == {"unknown speaker"}


def test_voices_colour_a_map_and_a_character_has_one_colour_in_all_spaces(library: Library, tmp_path: Path) -> None:
    fill(library, some_voices(games=2, characters=4, clips=6, people=7, spread=0.3), encoder=OtherEncoder)
    drawn = library.plot_map(tmp_path / "map.html", colour="voice")
    assert [(panel.encoder, panel.points, panel.of) for panel in drawn.panels] == [
        (StandInEncoder.space, 16, 16),
        (OtherEncoder.space, 8, 16),
    ]
    one, other = points(specs(tmp_path / "map.html")[0])
    groups = {(row["game"], row["character"]): row["group"] for row in one}
    assert {(row["game"], row["character"]): row["group"] for row in other}.items() <= groups.items()
    voices = library.cast().voices
    assert len(voices) > 2
    assert set(groups.values()) == {f"voice {voice.id}" for voice in voices} | (
        {"in no voice"} if library.cast().unlinked else set()
    )


def test_credits_colour_a_map_by_sex(library: Library, tmp_path: Path) -> None:
    who = library.characters().characters[0]
    path = tmp_path / "credits.csv"
    names = f"{who.game.maker.name},{who.game.title},{who.name}"
    path.write_text(f"maker,game,character,voice_actor,sex\n{names},Hana,f\n", encoding="utf-8")
    library.import_credits(path)
    library.plot_map(tmp_path / "map.html", colour="sex")
    (shown,) = points(specs(tmp_path / "map.html")[0])
    assert "female" in {row["sex"] for row in shown if row["game"] == who.game.title and who.name in row["character"]}
    assert {row["sex"] for row in shown} <= {"female", "not known"}


def test_another_seed_is_another_map(library: Library, tmp_path: Path) -> None:
    for seed in (1, 2):
        assert library.plot_map(tmp_path / f"{seed}.html", by="clip", seed=seed).seed == seed
    one, other = (points(specs(tmp_path / f"{seed}.html")[0])[0] for seed in (1, 2))
    assert [row["clip"] for row in one] == [row["clip"] for row in other]
    assert [row["x"] for row in one] != [row["x"] for row in other]


def test_a_page_says_all_and_shows_names_as_text(empty: Library, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = ["</script><img src=x>", "白瀬 ひかり", "a\x08b", "とても長い名前" * 9]
    voices = {name: around(units(rng.standard_normal(DIM)), 3, rng) for name in names}
    fill(empty, {"<b>maker/<i>題": voices, "other/one": {"x": around(units(rng.standard_normal(DIM)), 3, rng)}})
    for plot, draw in PLOTS.items():
        draw(empty, tmp_path / f"{plot}.html")
        written = (tmp_path / f"{plot}.html").read_text(encoding="utf-8")
        around_scripts = re.sub("<script.*?</script>", "", written, flags=re.DOTALL)
        assert [tag for tag in ("<img", "<i>", "<b>") if tag in around_scripts] == []
        draw(empty, tmp_path / f"{plot}.png")
    (shown,) = points(specs(tmp_path / "map.html")[0])
    assert {"</script><img src=x>", "a\ufffdb", names[3]} <= {row["character"] for row in shown}


@pytest.mark.parametrize("clips", [1, 2])
def test_one_character_is_a_map_of_one_point(clips: int, empty: Library, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    fill(empty, {"m/g": {"白瀬": around(units(rng.standard_normal(DIM)), clips, rng)}})
    assert empty.plot_map(tmp_path / "a.svg").panels[0].points == 1
    assert empty.plot_map(tmp_path / "b.svg", game="g").panels[0].points == clips
    assert empty.plot_coverage(tmp_path / "c.svg").panels[2].points == 1
    with pytest.raises(UsageError, match="all of one game"):
        empty.plot_scores(tmp_path / "d.svg")
    if clips == 1:
        with pytest.raises(UsageError, match="No character of the catalog has two clips"):
            empty.plot_confusion(tmp_path / "e.svg")
    else:
        empty.plot_confusion(tmp_path / "e.svg")


def test_a_character_with_one_clip_is_a_column_and_said(empty: Library, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    one, other = units(rng.standard_normal((2, DIM)))
    fill(empty, {"m/g": {"two": around(one, 2, rng, 0.1), "one": around(other, 1, rng)}})
    drawn = empty.plot_confusion(tmp_path / "a.html", game="g")
    rows = specs(tmp_path / "a.html")[0]["data"]["values"]
    assert {row["clips of"] for row in rows} == {"two"}
    assert {row["nearest to"]: row["clips"] for row in rows} == {"two": 2, "one": 0}
    assert drawn.notes == [f"{StandInEncoder.space}: 1 character with one clip: nothing is left to compare it with."]


def test_reliability_is_judged_by_a_list_or_by_what_people_said(library: Library, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no credit or verdict says who is one voice"):
        library.plot_reliability(tmp_path / "a.svg")
    listed = library.characters().characters
    truth = [
        {"maker": one.game.maker.name, "game": one.game.title, "character": one.name, "voice_actor": one.name}
        for one in listed
    ]
    (tmp_path / "cast.json").write_text(json.dumps(truth), encoding="utf-8")
    drawn = library.plot_reliability(tmp_path / "a.html", truth=tmp_path / "cast.json")
    found = library.evaluate(tmp_path / "cast.json")
    tables = (found.reliability, found.pair_reliability, found.membership_reliability, found.voice_reliability)
    assert drawn.panels[0].points == sum(one.count for table in tables for one in table)
    one, other = [each for each in listed if each.name == listed[0].name][:2]
    library.judge(one.id, other.id, same=True)
    assert library.plot_reliability(tmp_path / "b.svg").panels[0].points > 0
    with pytest.raises(UsageError, match="cannot be read"):
        library.plot_reliability(tmp_path / "b.svg", truth=tmp_path / "none.json")


def test_pending_and_refused_clips_are_covered_too(library: Library, tmp_path: Path) -> None:
    from search.filling import enqueue

    enqueue(library, {"new/game": {"p": units(np.random.default_rng(9).standard_normal((3, DIM)))}})
    library.plot_coverage(tmp_path / "a.html")
    maker = next(spec for spec in specs(tmp_path / "a.html") if "maker" in spec["title"]["text"])
    rows = maker["hconcat"][0]["layer"][0]["data"]["values"]
    assert {row["state"]: row["clips"] for row in rows if row["name"] == "new" and row["clips"]} == {"pending": 3}


def test_characters_of_one_name_are_told_apart(library: Library) -> None:
    listed = [library.character(one.id) for one in library.characters().characters]
    names = own_names(listed)
    assert len(set(names.values())) == len(listed)
    assert all(one.name in names[one.id] for one in listed)


class TestWrongInput:
    @pytest.mark.parametrize("plot", PLOTS)
    def test_an_empty_catalog_is_said(self, plot: str, empty: Library, tmp_path: Path) -> None:
        with pytest.raises(EmptyCatalogError, match="holds no voices yet"):
            PLOTS[plot](empty, tmp_path / "a.svg")

    @pytest.mark.parametrize("plot", PLOTS)
    @pytest.mark.parametrize(("name", "words"), [("a.gif", "does not end in"), ("none/a.svg", "There is no folder")])
    def test_a_file_that_cannot_be_is_said_first(
        self, plot: str, name: str, words: str, empty: Library, tmp_path: Path
    ) -> None:
        with pytest.raises(UsageError, match=words):
            PLOTS[plot](empty, tmp_path / name)

    def test_unknown_games_and_encoders_are_said(self, library: Library, tmp_path: Path) -> None:
        with pytest.raises(NotFoundError, match="There is no game nothing"):
            library.plot_map(tmp_path / "a.svg", game="nothing")
        with pytest.raises(NotFoundError, match="There is no game nothing"):
            library.plot_confusion(tmp_path / "a.svg", game="nothing")
        with pytest.raises(EncoderError, match="There is no encoder 'nothing'"):
            library.plot_map(tmp_path / "a.svg", encoders=["nothing"])
        with pytest.raises(CatalogError, match="holds no embeddings of campplus"):
            library.plot_scores(tmp_path / "a.svg", encoders=["campplus"])

    def test_a_game_without_embeddings_is_said(self, library: Library, tmp_path: Path) -> None:
        from search.filling import enqueue

        enqueue(library, {"new/game": {"p": units(np.random.default_rng(9).standard_normal((3, DIM)))}})
        with pytest.raises(UsageError, match="game has no clip with an embedding"):
            library.plot_map(tmp_path / "a.svg", game="new/game")
        with pytest.raises(UsageError, match="No character of game has two clips"):
            library.plot_confusion(tmp_path / "a.svg", game="new/game")
        assert list(tmp_path.glob("a.*")) == []
