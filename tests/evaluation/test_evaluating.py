"""Search and cast measured against known voice actors, on synthetic voices taken in from files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from standin import StandInEncoder, write_dump

from speaker_search.errors import UsageError
from speaker_search.evaluation.truth import read_truth
from speaker_search.library import Library
from speaker_search.settings import Settings

#: Each character's voice. Voices 1, 2, 3, 5 and 8 recur.
CAST = {
    "Kumo/Hare": {"Aoi": 1, "Beni": 2, "Chie": 3, "Dai": 12},
    "Kumo/Ame": {"Dan": 4, "Eri": 1, "Fuji": 5, "Goro": 8},
    "Hoshi/Tsuki": {"Gin": 2, "Hana": 6, "Iku": 3, "Jin": 9},
    "Hoshi/Taiyo": {"Jun": 1, "Kai": 7, "Leo": 5, "Miu": 8},
}
RECURRING = 11


@pytest.fixture
def library(settings: Settings, encoder: StandInEncoder) -> Iterator[Library]:
    with Library(settings, encoder=encoder) as opened:
        yield opened


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dump(tmp_path_factory.mktemp("dump"), CAST, clips=2)


def write_truth(path: Path, cast: dict[str, dict[str, int]]) -> Path:
    rows = [
        {"maker": game.split("/")[0], "game": game.split("/")[1], "character": name, "voice_actor": f"actor {number}"}
        for game, characters in cast.items()
        for name, number in characters.items()
    ]
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def test_a_catalog_that_is_all_right_measures_as_that(library: Library, dump: Path, tmp_path: Path) -> None:
    library.ingest([dump])
    found = library.evaluate(write_truth(tmp_path / "cast.json", CAST))
    assert (found.encoder, found.characters, found.voice_actors) == (StandInEncoder.space, 16, 10)
    assert (found.precision_at_1, found.map) == (1.0, 1.0)
    assert found.eer is not None
    assert found.eer < 0.02
    assert found.bcubed.precision == 1.0
    assert found.calibration is not None
    assert 0 < found.calibration.brier < 0.15


def test_a_character_whose_clips_were_all_refused_is_a_miss(library: Library, dump: Path, tmp_path: Path) -> None:
    mute = tmp_path / "more" / "Yuki" / "Fuyu"
    write_dump(tmp_path / "more", {"Yuki/Fuyu": {"Tori": 10}}, clips=1)
    (mute / "Mute").mkdir()
    (mute / "Mute" / "0.ogg").write_bytes(b"no sound")
    library.ingest([dump])
    library.ingest([tmp_path / "more"])
    truth = {**CAST, "Yuki/Fuyu": {"Tori": 10, "Mute": 6}}  # who is otherwise heard once, as Hana
    found = library.evaluate(write_truth(tmp_path / "cast.json", truth))
    assert found.characters == 18
    # Of 11 that recur each is found; Mute finds nobody and Hana does not find Mute.
    assert found.precision_at_1 == pytest.approx(RECURRING / (RECURRING + 2))
    assert found.map == pytest.approx(RECURRING / (RECURRING + 2))
    assert found.eer is not None
    assert found.eer < 0.02  # of the scores there are
    assert found.bcubed.precision == 1.0  # a group of its own ...
    assert found.bcubed.recall < 1.0  # ... that Hana is not in


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_everyone_in_no_voice_is_a_group_of_their_own(library: Library, tmp_path: Path) -> None:
    cast = {"a/x": {"p": 1, "q": 2}, "a/y": {"r": 1, "s": 3}}
    library.ingest([write_dump(tmp_path / "d", cast, clips=1)])
    found = library.evaluate(write_truth(tmp_path / "cast.json", cast))
    assert library.cast().voices == ()
    assert (found.bcubed.precision, found.bcubed.recall) == (1.0, 0.75)
    assert found.bcubed.f1 == pytest.approx(2 * 0.75 / 1.75)
    assert (found.precision_at_1, found.calibration) == (1.0, None)


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_measures_with_nothing_to_measure_on_are_none(library: Library, tmp_path: Path) -> None:
    cast = {"a/x": {"p": 1, "q": 2}, "a/y": {"r": 3}}
    library.ingest([write_dump(tmp_path / "d", cast, clips=1)])
    found = library.evaluate(write_truth(tmp_path / "cast.json", cast))
    assert (found.precision_at_1, found.map, found.eer, found.calibration) == (None, None, None, None)
    assert (found.bcubed.precision, found.bcubed.recall, found.bcubed.f1) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_before_any_known_character_is_embedded_there_is_nothing_to_measure(
    library: Library, dump: Path, tmp_path: Path
) -> None:
    """They counted as misses: a precision of 0, with an interval, and B-cubed precision of 1."""
    library.ingest([dump], enqueue=True)
    truth = write_truth(tmp_path / "cast.json", CAST)
    found = library.evaluate(truth)
    assert (found.characters, found.precision_at_1, found.map, found.eer, found.cllr) == (16, None, None, None, None)
    assert set(found.bcubed.model_dump().values()) == {None}
    assert set(found.intervals.model_dump().values()) == {None}
    assert all(size.precision_at_1 is None for size in found.queries)
    assert any("clips are still to be embedded (32 of 32)" in warning for warning in found.warnings)
    library.work(drain=True)
    assert library.evaluate(truth).warnings == []


def test_only_characters_that_the_truth_knows_are_measured(library: Library, dump: Path, tmp_path: Path) -> None:
    library.ingest([dump])
    known = {"ＫＵＭＯ/ hare": {"aoi": 1, "BENI": 2}, "Kumo/Ame": {"Eri": 1}, "Other/Game": {"Nobody": 1}}
    found = library.evaluate(write_truth(tmp_path / "cast.json", known))
    assert (found.characters, found.voice_actors) == (3, 2)
    assert found.precision_at_1 == 1.0


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_the_wrong_actors_measure_as_wrong(library: Library, dump: Path, tmp_path: Path) -> None:
    library.ingest([dump])
    numbers = iter(np.random.default_rng(0).permutation(np.repeat(range(4), 4)).tolist())
    mixed = {game: {name: next(numbers) for name in characters} for game, characters in CAST.items()}
    found = library.evaluate(write_truth(tmp_path / "cast.json", mixed))
    assert found.precision_at_1 is not None
    assert found.precision_at_1 < 0.6
    assert found.eer is not None
    assert found.eer > 0.2


# -- truth files ---------------------------------------------------------------------------------------------

ROW = {"maker": "a", "game": "x", "character": "p", "voice_actor": "A"}


@pytest.fixture
def small(library: Library, tmp_path: Path) -> Library:
    library.ingest([write_dump(tmp_path / "d", {"a/x": {"p": 1}}, clips=1)])
    return library


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"\xff\xfe\x00",
        b"null",
        b"5",
        b'"text"',
        json.dumps(ROW).encode(),
        json.dumps([[]]).encode(),
        json.dumps(["a"]).encode(),
        json.dumps([None]).encode(),
        *(json.dumps([{k: v for k, v in ROW.items() if k != field}]).encode() for field in ROW),
        *(json.dumps([{**ROW, field: wrong}]).encode() for field in ROW for wrong in (None, ["a"])),
        *(json.dumps([{**ROW, field: 7}]).encode() for field in ("maker", "game", "character")),
    ],
)
def test_a_file_that_does_not_say_who_speaks_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cast.json").write_bytes(content)
    with pytest.raises(UsageError, match="Give a JSON list of"):
        read_truth(tmp_path / "cast.json")


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_a_truth_that_is_not_there_is_refused_by_its_reason(small: Library, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        small.evaluate(tmp_path / "none.json")
    with pytest.raises(UsageError, match="directory"):
        small.evaluate(tmp_path)


@pytest.mark.parametrize("rows", [[], [{**ROW, "game": "another"}], [{**ROW, "character": "q"}]])
@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_the_truth_of_other_games_is_refused(small: Library, tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    (tmp_path / "cast.json").write_text(json.dumps(rows), encoding="utf-8")
    with pytest.raises(UsageError, match="names none of the characters"):
        small.evaluate(tmp_path / "cast.json")


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_a_voice_actor_may_go_by_a_number(small: Library, tmp_path: Path) -> None:
    (tmp_path / "cast.json").write_text(json.dumps([{**ROW, "voice_actor": 7}]), encoding="utf-8")
    assert small.evaluate(tmp_path / "cast.json").voice_actors == 1


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_a_truth_may_begin_with_a_byte_order_mark(small: Library, tmp_path: Path) -> None:
    (tmp_path / "cast.json").write_text(json.dumps([ROW]), encoding="utf-8-sig")
    assert small.evaluate(tmp_path / "cast.json").characters == 1


# -- parts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_an_evaluation_by_game_or_maker_has_a_part_for_each(library: Library, dump: Path, tmp_path: Path) -> None:
    library.ingest([dump])
    truth = write_truth(tmp_path / "cast.json", CAST)
    games, makers = library.evaluate(truth, by="game"), library.evaluate(truth, by="maker")
    assert [(part.name, part.characters) for part in games.parts] == [(game, 4) for game in sorted(CAST)]
    assert [(part.name, part.characters) for part in makers.parts] == [("Hoshi", 8), ("Kumo", 8)]
    assert {part.precision_at_1 for part in games.parts} == {1.0}
    assert library.evaluate(truth).parts == []


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_styles_that_the_truth_does_not_say_cannot_be_measured(small: Library, tmp_path: Path) -> None:
    truth = tmp_path / "cast.json"
    truth.write_text(json.dumps([ROW]), encoding="utf-8")
    with pytest.raises(UsageError, match="names no style"):
        small.evaluate(truth, by="style")
    truth.write_text(json.dumps([{**ROW, "style": "sad"}]), encoding="utf-8")
    assert [part.name for part in small.evaluate(truth, by="style").parts] == ["sad"]
