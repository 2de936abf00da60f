"""Lines of unknown speakers, in catalogs where it is known who speaks them; the patch that people may apply."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from search.filling import around, fill, units
from standin import DIM, StandInEncoder, write_voice

from speaker_search.cast.unknown_speakers.guessing import posteriors
from speaker_search.cast.unknown_speakers.index_patch import patch
from speaker_search.cast.unknown_speakers.same_game import FEATURES
from speaker_search.documents import Suspect, UnknownLine, UnknownLines
from speaker_search.errors import NotFoundError, UsageError
from speaker_search.library import Library
from speaker_search.search.suspects.ratios import regression
from speaker_search.settings import Settings

GAMES, CAST, PEOPLE = 6, 8, 40


@pytest.fixture
def library(sqlite_catalog_url: str, tmp_path: Path) -> Library:
    settings = Settings(home=tmp_path, database_url=sqlite_catalog_url, encoder=StandInEncoder.name)
    with Library(settings, encoder=StandInEncoder()) as opened:
        yield opened  # type: ignore[misc]


def filled(library: Library) -> tuple[UnknownLines, dict[int, str]]:
    """The unknown lines of a game, and who speaks each: characters of the game, of another game, or nobody."""
    rng = np.random.default_rng(0)
    voices = units(rng.standard_normal((PEOPLE + 5, DIM)))
    games: dict[str, dict[str | None, np.ndarray]] = {}
    for game in range(GAMES):
        cast = rng.permutation(PEOPLE)[:CAST]
        games[f"m/g{game}"] = {f"p{person:02d}": around(voices[person], 5, rng, 0.4) for person in sorted(cast)}
    here = sorted(name for name in games["m/g0"] if name)
    away = sorted({name for game in games.values() for name in game if name} - {*here})
    speakers = [*here, *here, *away[:6], *["nobody"] * 5]
    numbers = [PEOPLE + place % 5 if who == "nobody" else int(who[1:]) for place, who in enumerate(speakers)]
    games["m/g0"][None] = np.concatenate([around(voices[number], 1, rng, 0.4) for number in numbers])
    vectors = fill(library, games)
    found = library.unknown_lines("g0")
    who = {}
    for line in found.lines:
        place = int(np.argmax(games["m/g0"][None] @ vectors[line.id]))
        who[line.id] = speakers[place]
    return found, who


def test_lines_of_the_games_own_characters_are_given_to_them_and_others_are_not(library: Library) -> None:
    found, who = filled(library)
    assert len(found.lines) == 2 * CAST + 11
    own = {one.name for one in library.characters(game="g0").characters}
    likely = []
    for line in found.lines:
        first = line.here[0]
        assert first.game == "g0"
        assert all(other.game != "g0" for other in line.elsewhere)
        assert first.probability is not None
        if who[line.id] in own:
            assert first.name == who[line.id]
            likely.append(first.probability)
        else:
            assert first.probability < 0.5
    assert np.mean(likely) > 0.8


def test_nobody_is_likelier_for_a_voice_that_no_character_has(library: Library) -> None:
    found, who = filled(library)
    nobody = [line.nobody for line in found.lines if who[line.id] == "nobody"]
    somebody = [line.nobody for line in found.lines if who[line.id] != "nobody"]
    assert np.mean([value or 0 for value in nobody]) > 2 * np.mean([value or 0 for value in somebody])


def test_the_voice_of_another_games_character_is_found_there(library: Library) -> None:
    found, who = filled(library)
    own = {one.name for one in library.characters(game="g0").characters}
    away = [line for line in found.lines if who[line.id] not in {*own, "nobody"}]
    assert sum(line.elsewhere[0].name == who[line.id] for line in away) >= len(away) - 1


def test_the_likeliest_lines_come_first_and_no_line_is_missing(library: Library) -> None:
    found, who = filled(library)
    firsts = [line.here[0].probability or 0 for line in found.lines]
    assert firsts == sorted(firsts, reverse=True)
    assert len({line.id for line in found.lines}) == len(who)


def test_a_game_without_unknown_lines_has_none_and_one_that_is_not_there_is_not_found(library: Library) -> None:
    filled(library)
    assert library.unknown_lines("g1").lines == []
    with pytest.raises(NotFoundError, match="g99"):
        library.unknown_lines("g99")


def test_a_catalog_too_small_ranks_without_probabilities_and_says_so(library: Library) -> None:
    rng = np.random.default_rng(0)
    one, other = units(rng.standard_normal((2, DIM)))
    fill(library, {"m/g": {"a": around(one, 3, rng), "b": around(other, 3, rng), None: around(one, 2, rng, 0.1)}})
    found = library.unknown_lines("g")
    assert [[each.name for each in line.here] for line in found.lines] == [["a", "b"], ["a", "b"]]
    assert {each.probability for line in found.lines for each in line.here} == {None}
    assert {line.nobody for line in found.lines} == {None}
    assert any("No probabilities" in warning for warning in found.warnings)


def test_a_game_with_nobody_named_is_compared_with_other_games(library: Library) -> None:
    rng = np.random.default_rng(0)
    one, other = units(rng.standard_normal((2, DIM)))
    fill(
        library,
        {"m/g": {None: around(one, 2, rng, 0.1)}, "m/h": {"a": around(one, 3, rng), "b": around(other, 3, rng)}},
    )
    found = library.unknown_lines("g")
    assert [line.here for line in found.lines] == [[], []]
    assert [line.elsewhere[0].name for line in found.lines] == ["a", "a"]


# -- by hand -------------------------------------------------------------------------------------------------


def test_posteriors_of_one_line_are_bayes_rule() -> None:
    likely, absent = posteriors(np.log(np.array([[8.0, 2.0]])))
    # The share of named speakers, from one line and ten assumed ones at 0.5, solves s = (p(s) + 5) / 11.
    share = 0.5
    for _ in range(100):
        share = (share * 5 / (share * 5 + 1 - share) + 5) / 11
    total = share * 5 + 1 - share
    assert likely[0].tolist() == pytest.approx([share * 8 / 2 / total, share * 2 / 2 / total], rel=1e-4)
    assert absent[0] == pytest.approx((1 - share) / total, rel=1e-4)
    assert likely.sum() + absent[0] == pytest.approx(1)


def test_lines_that_fit_nobody_lower_the_share_of_named_speakers_in_a_game() -> None:
    unclear = np.array([[0.0, 0.0]])
    clear, strangers = np.array([[6.0, -6.0]] * 50), np.array([[-6.0, -6.0]] * 50)
    among_clear = posteriors(np.concatenate([unclear, clear]))[0][0].sum()
    among_strangers = posteriors(np.concatenate([unclear, strangers]))[0][0].sum()
    assert among_strangers < 0.2 < 0.8 < among_clear


def test_a_regression_over_trials_of_two_normal_scores_gives_their_likelihood_ratio() -> None:
    rng = np.random.default_rng(0)
    same, different = (rng.standard_normal((20_000, FEATURES)) for _ in range(2))
    same[:, 0] += 2.0
    ratios = regression(same, different)
    points = np.zeros((3, FEATURES))
    points[:, 0] = (0.0, 1.0, 2.0)
    assert ratios.of(points) == pytest.approx([-2.0, 0.0, 2.0], abs=0.15)  # of N(2, 1) to N(0, 1): 2 x - 2


# -- the patch -----------------------------------------------------------------------------------------------


def dump(folder: Path) -> Path:
    """A dump whose rows name their files in three ways; the last two speakers are unknown."""
    game = folder / "M_G"
    for number in range(3):
        for take in range(3):
            write_voice(game / "voice" / f"a{number}{take}.wav", number, take)
    write_voice(game / "voice" / "q1.wav", 0, 7)
    write_voice(game / "voice" / "q2.wav", 1, 7)
    rows: list[dict[str, Any]] = [
        {"Speaker": f"名{number}", "Voice": f"a{number}{take}", "Text": "はい"}
        for number in range(3)
        for take in range(3)
    ]
    rows += [
        {"Speaker": "？？？", "Voice": "q1", "Text": "だれ", "Extra": 1},
        {"Speaker": "？？？", "FilePath": "voice\\q2.wav", "Text": "さあ"},
    ]
    (game / "index.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return folder


def line(path: Path, name: str, probability: float = 0.9) -> UnknownLine:
    who = Suspect(id=1, name=name, game="G", maker="M", probability=probability)
    return UnknownLine(id=1, text="だれ", seconds=1.0, path=path, here=[who], elsewhere=[], nobody=0.1)


def test_a_json_patch_has_the_dumps_own_rows_with_their_speakers(tmp_path: Path) -> None:
    voice = dump(tmp_path) / "M_G" / "voice"
    rows = json.loads(patch([line(voice / "q1.wav", "名0"), line(voice / "q2.wav", "名1")], ".json"))
    assert rows == [
        {"Speaker": "名0", "Voice": "q1", "Text": "だれ", "Extra": 1},
        {"Speaker": "名1", "FilePath": "voice\\q2.wav", "Text": "さあ"},
    ]


def test_a_file_that_no_row_names_is_named_by_its_path(tmp_path: Path) -> None:
    voice = dump(tmp_path) / "M_G" / "voice"
    (row,) = json.loads(patch([line(voice / "deep" / "x.wav", "名0")], ".json"))
    assert row == {"FilePath": "voice/deep/x.wav", "Text": "だれ", "Speaker": "名0"}
    (row,) = json.loads(patch([line(Path("/nowhere/x.wav"), "名0")], ".json"))
    assert row == {"FilePath": "x.wav", "Text": "だれ", "Speaker": "名0"}


def test_a_csv_patch_has_paths_and_characters(tmp_path: Path) -> None:
    content = patch([line(tmp_path / "a.wav", "名,0"), line(tmp_path / "b.wav", "=1+1")], ".csv")
    rows = list(csv.reader(content.decode("utf-8-sig").splitlines()))
    assert rows == [["path", "character"], [str(tmp_path / "a.wav"), "名,0"], [str(tmp_path / "b.wav"), "'=1+1"]]


def test_an_export_holds_the_likely_lines_only_and_changes_neither_dump_nor_catalog(tmp_path: Path) -> None:
    folder = dump(tmp_path / "dump")
    before = (folder / "M_G" / "index.json").read_bytes()
    with Library(Settings(home=tmp_path, encoder=StandInEncoder.name), encoder=StandInEncoder()) as library:
        library.ingest([folder])
        found = library.unknown_lines("G", export_to=tmp_path / "patch.json")
        assert [line.path.name for line in found.lines] == ["q1.wav", "q2.wav"]
        assert json.loads((tmp_path / "patch.json").read_text(encoding="utf-8")) == []  # no probabilities
        assert library.unknown_lines("G").lines == found.lines
    assert (folder / "M_G" / "index.json").read_bytes() == before


def test_a_patch_of_an_unknown_kind_is_refused_before_anything_is_read(library: Library, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.json or \.csv"):
        library.unknown_lines("g0", export_to=tmp_path / "patch.html")
