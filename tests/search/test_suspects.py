"""Clips that were given to a wrong character are found; clips of the right one are left in peace."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from search.filling import Voices, around, fill, some_voices, units
from standin import DIM, StandInEncoder, write_voice

from speaker_search.errors import NotFoundError, UsageError
from speaker_search.library import Library
from speaker_search.search.suspects.finding import Suspects, find_suspects, left_out
from speaker_search.settings import Settings

GAME = "maker0/game0"


@pytest.fixture
def catalog_url(sqlite_catalog_url: str) -> str:
    """What is asked of the catalog here, others ask of PostgreSQL too."""
    return sqlite_catalog_url


def swapped(voices: Voices, *, to: str = GAME) -> tuple[dict[str, dict[str | None, np.ndarray]], str, str]:
    """The same, with a clip of a character of the first game given to another one; who had it, and who has it now."""
    filled = {game: dict(cast) for game, cast in voices.items()}
    before = next(name for name in filled[GAME] if name)
    after = [name for name in filled[to] if (name and name not in filled[GAME]) or (name and to == GAME)][-1]
    clip = filled[GAME][before][:1]
    filled[GAME][before] = filled[GAME][before][1:]
    filled[to][after] = np.concatenate([filled[to][after], clip])
    return filled, before, after


def test_a_clip_of_another_character_of_the_game_is_the_one_suspect(library: Library) -> None:
    voices, before, after = swapped(some_voices(spread=0.4))
    vectors = fill(library, voices)
    (one,) = library.suspects().clips
    assert (one.own.name, one.likelier.name, one.likelier.game) == (after, before, "game0")
    assert np.allclose(vectors[one.id], voices[GAME][after][-1])
    assert one.probability > 0.9
    assert one.likelier.cosine > one.own.cosine


def test_the_lines_to_hear_are_the_two_characters_own(library: Library) -> None:
    voices, before, after = swapped(some_voices(spread=0.4))
    fill(library, voices)
    (one,) = library.suspects().clips
    assert one.own.line is not None
    assert one.likelier.line is not None
    by_name = {name: {clip.id for clip in library.show(f"game0/{name}").clips} for name in (before, after)}
    assert one.likelier.line.id in by_name[before]
    assert one.own.line.id in by_name[after] - {one.id}


def test_a_clip_of_another_games_character_is_found_too(library: Library) -> None:
    voices, before, after = swapped(some_voices(spread=0.4), to="maker1/game1")
    fill(library, voices)
    first = library.suspects().clips[0]
    assert (first.own.name, first.likelier.name) == (after, before)
    assert first.own.game == "game1"


def test_a_catalog_with_right_labels_has_no_suspects(library: Library) -> None:
    fill(library, some_voices(spread=0.4))
    found = library.suspects()
    assert found.clips == []
    assert (found.found, found.compared, found.alone) == (0, 6 * 8 * 5, 0)


def test_only_the_clips_of_a_game_are_looked_at_when_one_is_named(library: Library) -> None:
    voices, _, _ = swapped(some_voices(spread=0.4))
    fill(library, voices)
    assert library.suspects(game="game1").clips == []
    assert len(library.suspects(game="game0").clips) == 1
    with pytest.raises(NotFoundError, match="game99"):
        library.suspects(game="game99")


def test_a_characters_only_clip_is_counted_and_not_judged(library: Library) -> None:
    voices = {game: dict(cast) for game, cast in some_voices(spread=0.4).items()}
    name = next(name for name in voices[GAME] if name)
    voices[GAME][name] = voices[GAME][name][:1]
    fill(library, voices)
    found = library.suspects(min_probability=1e-6)
    assert found.alone == 1
    assert name not in {one.own.name for one in found.clips if one.own.game == "game0"}


def test_characters_of_one_voice_are_not_told_apart(library: Library) -> None:
    voices, before, after = swapped(some_voices(spread=0.4))
    fill(library, voices)
    ready = library.ready
    ids = {one.name: one.id for one in library.characters(game="game0").characters}
    apart = find_suspects(ready.snapshot)
    together = find_suspects(ready.snapshot, people={ids[before]: 1, ids[after]: 1})
    assert apart is not None
    assert together is not None
    assert (apart.own.tolist(), apart.other.tolist()) == ([ids[after]], [ids[before]])
    assert ids[before] not in together.other.tolist()


def test_a_line_that_another_game_repeats_is_no_suspect(library: Library) -> None:
    rng = np.random.default_rng(0)
    voices = {game: dict(cast) for game, cast in some_voices(spread=0.4).items()}
    odd = units(rng.standard_normal((1, DIM)))  # unlike its character, but its audio is in another game, too
    voices["maker0/game0"]["again"] = np.concatenate([around(units(rng.standard_normal(DIM)), 4, rng, 0.4), odd])
    voices["maker1/game1"]["again"] = odd
    fill(library, voices, heard=True)
    assert [one for one in library.suspects().clips if one.likelier.name == "again"] == []


def test_a_catalog_too_small_to_learn_from_says_so(library: Library) -> None:
    rng = np.random.default_rng(0)
    fill(library, {"m/g": {"a": around(units(rng.standard_normal(DIM)), 3, rng)}})
    found = library.suspects()
    assert found.clips == []
    assert any("too few characters" in warning for warning in found.warnings)


def test_what_cannot_be_asked_is_refused(library: Library, tmp_path: Path) -> None:
    for wrong in (
        {"limit": 0},
        {"min_probability": 1.0},
        {"export_to": tmp_path / "x.html"},
        {"export_to": tmp_path / "no/x.csv"},
    ):
        with pytest.raises(UsageError):
            library.suspects(**wrong)  # type: ignore[arg-type]


def test_a_limit_shortens_the_list_and_the_count_stays(library: Library) -> None:
    voices = {game: dict(cast) for game, cast in some_voices(spread=0.4).items()}
    for _ in range(3):
        voices, _, _ = swapped(voices)
    fill(library, voices)
    whole, first = library.suspects(), library.suspects(limit=1)
    assert (first.found, first.clips) == (whole.found, whole.clips[:1])
    assert whole.found == 3


def test_never_all_clips_of_a_character_are_left_out_of_its_mean() -> None:
    ids, own = np.arange(1, 6), np.array([1, 1, 1, 2, 2])
    odds = np.array([3.0, 1.0, 2.0, 5.0, -1.0])
    cosines = np.zeros(5, np.float32)
    found = Suspects(ids, own, own + 10, odds, cosines, cosines)
    assert left_out(found, np.array([3, 2]), np.array([1, 2])).tolist() == [1, 3, 4]  # clip 2 stays for character 1
    nobody = replace(found, log_odds=-odds)
    assert left_out(nobody, np.array([3, 2]), np.array([1, 2])).tolist() == [5]


# -- corrected by people ---------------------------------------------------------------------------------------


def test_corrected_rows_of_the_index_mend_the_catalog_without_embedding_again(tmp_path: Path) -> None:
    game, index = tmp_path / "dump" / "M_G", tmp_path / "dump" / "M_G" / "index.json"
    rows = []
    for number in range(6):
        for take in range(6):
            write_voice(game / "voice" / f"a{number}{take}.wav", number, take)
            rows.append({"Speaker": f"名{number}", "Voice": f"a{number}{take}", "Text": "はい、|そう"})
    rows[2]["Speaker"] = "名4"  # spoken by 名0
    index.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    encoder = StandInEncoder()
    with Library(Settings(home=tmp_path / "home", encoder=StandInEncoder.name), encoder=encoder) as library:
        library.ingest([tmp_path / "dump"])
        found = library.suspects(export_to=tmp_path / "patch.json", limit=None)
        assert [(one.own.name, one.likelier.name) for one in found.clips] == [("名4", "名0")]
        corrected = json.loads((tmp_path / "patch.json").read_text(encoding="utf-8"))
        assert corrected == [{"Speaker": "名0", "Voice": "a02", "Text": "はい、|そう"}]
        by_voice = {row["Voice"]: row for row in corrected}
        rows = [by_voice.get(row["Voice"], row) for row in rows]
        index.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
        embedded = encoder.clips
        report = library.ingest([tmp_path / "dump"])
        assert (report.relabelled, encoder.clips) == (1, embedded)
        assert library.suspects().clips == []


def test_rows_of_several_games_are_not_mixed(tmp_path: Path) -> None:
    for title in ("G", "H"):
        game, rows = tmp_path / "dump" / f"M_{title}", []
        for number in range(6):
            for take in range(6):
                write_voice(game / "voice" / f"a{number}{take}.wav", number, take)
                rows.append({"Speaker": f"名{number}", "Voice": f"a{number}{take}", "Text": "はい"})
        rows[2]["Speaker"] = "名4"  # spoken by 名0
        (game / "index.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    with Library(Settings(home=tmp_path / "home", encoder="stand-in"), encoder=StandInEncoder()) as library:
        library.ingest([tmp_path / "dump"])
        with pytest.raises(UsageError, match=r"of several games\. Name one with --game"):
            library.suspects(export_to=tmp_path / "patch.json", limit=None)
        assert not (tmp_path / "patch.json").exists()
        library.suspects(export_to=tmp_path / "patch.json", limit=None, game="G")
        assert len(json.loads((tmp_path / "patch.json").read_text(encoding="utf-8"))) == 1


def test_a_table_names_the_likelier_character_as_lists_of_voices_do(library: Library, tmp_path: Path) -> None:
    voices, before, after = swapped(some_voices(spread=0.4))
    fill(library, voices)
    (one,) = library.suspects(export_to=tmp_path / "suspects.csv").clips
    lines = (tmp_path / "suspects.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].split(",")[:6] == ["path", "maker", "game", "character", "was_game", "was"]
    assert lines[1].split(",")[:6] == [str(one.path), "maker0", "game0", before, "game0", after]
