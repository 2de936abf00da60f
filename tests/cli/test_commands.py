"""Every command on the bundled voices, as a process: its answers agree with the known voice actors."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from end_to_end.bundled import VOICES, Ingested, Role, cast, recurring
from end_to_end.running import LIMIT_S, Ran, Word, environment, quickly, serving, spksearch

from speaker_search.documents.paging import cursor_after

Answer = Callable[[str], Ran]

ROLES = {role.address: role for role in cast()}


def of_other_games(role: Role) -> set[str]:
    """The characters that the same voice actor plays elsewhere."""
    return {
        other.address for other in ROLES.values() if other.voice_actor == role.voice_actor and other.game != role.game
    }


ASKED = next(role for role in ROLES.values() if role.clips() and len(of_other_games(role)) == 2)
CLIP = ASKED.clips()[0]
COMMANDS: dict[str, tuple[Word, ...]] = {
    "search": ("search", CLIP, "--exclude-game", ASKED.game, "--json"),
    "search in words": ("search", CLIP, "--exclude-game", ASKED.game),
    "similar": ("similar", ASKED.address, "--json"),
    "cast": ("cast", "--json"),
    "cast of a game": ("cast", "--game", ASKED.game, "--json"),
    "evaluate": ("evaluate", "--truth", VOICES / "cast.json", "--json"),
    "evaluate in words": ("evaluate", "--truth", VOICES / "cast.json"),
    "verify": ("verify", "--json"),
    "status": ("index", "status", "--json"),
    "list": ("catalog", "list", "--limit", "20", "--json"),
    "list, second page": ("catalog", "list", "--limit", "20", "--cursor", cursor_after("characters", 20), "--json"),
    "show": ("catalog", "show", ASKED.address, "--json"),
    "refused": ("catalog", "refused", "--json"),
    "refused, of another reason": ("catalog", "refused", "--reason", "silent"),
    "refused, of one reason": ("catalog", "refused", "--reason", "missing"),
}


@pytest.fixture(scope="module")
def answer(ingested: Ingested) -> Answer:
    """What a command answers, by its name; each is run once."""
    return cache(lambda name: quickly(*COMMANDS[name], home=ingested.home))


def address(character: dict[str, Any]) -> str:
    """maker/game/name of a character in a search's document."""
    return f"{character['game']['maker']['name']}/{character['game']['title']}/{character['name']}"


def test_ingest_counts_every_clip_and_exits_with_1_for_the_refused(ingested: Ingested) -> None:
    assert ingested.first.code == 1
    report = ingested.first.document
    assert (report["new"], report["known"], report["opened"], report["embedded"]) == (195, 0, 194, 193)
    assert report["refused"] == {"missing": 1, "not_audio": 1}
    assert report["catalog"] == {"embedded": 193, "pending": 0, "refused": 2}
    assert (report["games"], report["pending"], report["problems"]) == (4, 0, [])
    assert report["encoder"].startswith("resemblyzer@")


def test_a_second_ingest_opens_no_file_and_exits_with_0(ingested: Ingested, tmp_path: Path) -> None:
    again = quickly("ingest", VOICES, "--json", home=ingested.copy(tmp_path / "home"))
    report = again.document
    assert (report["new"], report["known"], report["opened"], report["embedded"]) == (0, 195, 0, 0)
    assert report["catalog"] == {"embedded": 193, "pending": 0, "refused": 2}
    assert again.code == 0


def test_with_json_events_are_streamed_to_stderr(ingested: Ingested) -> None:
    events = [json.loads(line) for line in ingested.first.err.splitlines()]
    assert {event["event"] for event in events} == {"progress"}
    phases = [event["phase"] for event in events]
    assert phases == sorted(phases, key=("scanning", "embedding", "done").index)
    assert set(phases) == {"scanning", "embedding", "done"}
    last = events[-1]
    assert (last["games"], last["scanned"], last["opened"], last["of"]) == (4, 195, 194, 194)
    assert (last["refused"], last["left_s"]) == ({"missing": 1, "not_audio": 1}, 0)


def test_the_last_event_is_the_document(ingested: Ingested) -> None:
    last = json.loads(ingested.first.err.splitlines()[-1])
    assert last == {"event": "progress", **ingested.first.document}


def test_a_dry_run_counts_and_writes_nothing(tmp_path: Path) -> None:
    done = quickly("ingest", VOICES, "--dry-run", "--json", home=tmp_path / "home")
    assert (done.code, done.document["games"]) == (0, 4)
    assert sum(done.document["routes"].values()) == 195
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("name", [name for name, words in COMMANDS.items() if "--json" in words])
def test_json_is_one_document_and_nothing_else_on_stdout(answer: Answer, name: str) -> None:
    done = answer(name)
    assert isinstance(done.document, dict)
    assert (done.code, done.err) == (0, "")


def test_verify_finds_index_and_catalog_equal(answer: Answer) -> None:
    assert answer("verify").document == {
        "clips": {"embedded": 193, "pending": 0, "refused": 2},
        "index": {"vectors": 193, "missing": 0, "extra": 0, "different": 0},
        "ahead": 0,
        "compared": 193,
        "unusable": [],
        "requeued": 0,
        "ok": True,
    }


def test_search_puts_the_same_voice_of_another_game_first(answer: Answer) -> None:
    document = answer("search").document
    assert {address(match["character"]) for match in document["matches"][:2]} == of_other_games(ASKED)
    assert document["matches"][0]["probability"] > 0.5
    assert document["query"]["clips"] == 1
    assert ASKED.game not in {match["character"]["game"]["title"] for match in document["matches"]}


def test_search_has_the_promised_form(answer: Answer) -> None:
    document = answer("search").document
    assert document.keys() == {"query", "matches", "complete", "next", "nobody", "cannot_tell"}
    assert document["query"].keys() >= {"clips", "seconds", "encoder", "warnings"}
    match = document["matches"][0]
    assert match.keys() >= {"character", "score", "probability", "hits"}
    assert match["character"].keys() >= {"id", "name", "game", "clips", "voice"}
    assert match["character"]["game"]["maker"].keys() == {"id", "name"}
    hit = match["hits"][0]
    assert hit["clip"].keys() >= {"id", "text", "seconds", "audio"}
    assert hit["clip"]["audio"] == f"/v1/clips/{hit['clip']['id']}/audio"
    assert -1 <= hit["cosine"] <= 1


def test_search_in_words_names_the_same_characters_and_that_they_are_inferred(answer: Answer) -> None:
    done = answer("search in words")
    found = answer("search").document["matches"]
    named = [match["character"]["name"] for match in found]
    lines = done.out.splitlines()
    assert [name in line for name, line in zip(named, lines[1::2], strict=True)] == [True] * 10
    nearest = [match["hits"][0]["clip"] for match in found]
    assert all(f"clip {clip['id']} " in line for clip, line in zip(nearest, lines[2::2], strict=True))
    files = [re.search(r"/.*\.ogg", line) for line in lines[2::2]]
    assert all(file and Path(file[0]).is_file() for file in files)
    assert "never proven" in done.err
    assert done.code == 0


def test_pages_of_a_search_hold_every_character_of_the_other_games_once(answer: Answer, ingested: Ingested) -> None:
    first = answer("search").document
    rest = quickly("search", "--cursor", first["next"], "--json", home=ingested.home).document
    assert (first["complete"], rest["complete"], rest["next"]) == (False, True, None)
    shown = [address(match["character"]) for match in first["matches"] + rest["matches"]]
    assert sorted(shown) == sorted(role.address for role in ROLES.values() if role.game != ASKED.game)


def test_each_clip_is_searched_with_apart_if_asked(answer: Answer, ingested: Ingested) -> None:
    of = ("--exclude-game", ASKED.game, "--each", "--json")
    done = quickly("search", CLIP, "/nowhere.ogg", f"character:{ASKED.address}", *of, home=ingested.home)
    one, missing, character = done.document["answers"]
    assert (one["search"], one["problem"], done.code) == (answer("search").document, None, 1)
    assert (missing["search"], missing["problem"]["type"]) == (None, "urn:spksearch:problem:audio")
    assert {address(match["character"]) for match in character["search"]["matches"][:2]} == of_other_games(ASKED)


def test_similar_finds_the_other_roles_of_a_voice_first(answer: Answer) -> None:
    found = [address(match["character"]) for match in answer("similar").document["matches"]]
    assert set(found[:2]) == of_other_games(ASKED)


def test_cast_finds_every_recurring_voice_whole_and_no_false_one(answer: Answer) -> None:
    voices = answer("cast").document["voices"]
    found = [frozenset(f"{c['maker']}/{c['game']}/{c['name']}" for c in voice["characters"]) for voice in voices]
    assert len(found) == 8
    assert set(found) == recurring()


def test_every_character_is_in_exactly_one_list_of_the_cast(answer: Answer) -> None:
    document = answer("cast").document
    linked = [one for voice in document["voices"] for one in voice["characters"]]
    shown = [f"{c['maker']}/{c['game']}/{c['name']}" for c in linked + document["unlinked"]]
    assert sorted(shown) == sorted(ROLES)
    assert all(voice.keys() >= {"id", "probability", "voice_actor", "characters"} for voice in document["voices"])
    assert all(one.keys() >= {"id", "clips", "probability"} for one in linked)


def test_the_cast_of_one_game_names_all_its_characters(answer: Answer) -> None:
    document = answer("cast of a game").document
    assert all(ASKED.game in {one["game"] for one in voice["characters"]} for voice in document["voices"])
    assert {one["game"] for one in document["unlinked"]} <= {ASKED.game}
    here = [one["name"] for voice in document["voices"] for one in voice["characters"] if one["game"] == ASKED.game]
    here += [one["name"] for one in document["unlinked"]]
    assert sorted(here) == sorted(role.character for role in ROLES.values() if role.game == ASKED.game)


def test_evaluate_measures_everything_promised(answer: Answer) -> None:
    found = answer("evaluate").document
    promised = "encoder characters voice_actors precision_at_1 map eer cllr bcubed calibration intervals reliability"
    assert found.keys() >= {*promised.split(), "queries"}
    assert (found["characters"], found["voice_actors"]) == (24, 10)
    assert (found["precision_at_1"], found["map"]) == (1.0, 1.0)
    assert found["bcubed"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "best_f1": 1.0}
    assert found["eer"] < 0.05
    assert 0 < found["cllr"] < 0.5
    assert found["pairwise"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    assert 0 <= found["min_dcf"] < 0.5
    promised = "ece brier first_match_ece membership_ece likely_pair_ece voice_ece"
    assert found["calibration"].keys() == {*promised.split()}
    assert (found["intervals"]["precision_at_1"], found["intervals"]["f1"]) == ([1.0, 1.0], [1.0, 1.0])


def test_evaluate_lists_first_matches_by_probability_and_queries_by_size(answer: Answer) -> None:
    found = answer("evaluate").document
    assert sum(row["count"] for row in found["reliability"]) == 24
    for row in found["reliability"]:
        assert row.keys() == {"from", "to", "count", "mean_probability", "right"}
        assert row["from"] <= row["mean_probability"] <= row["to"]
    assert [row["clips"] for row in found["queries"]] == [1, 2, 4, 8]
    assert found["queries"][0]["queries"] == 192  # every clip of a known speaker
    for row in found["queries"]:
        keys = {"clips", "queries", "precision_at_1", "first_match_ece", "confident", "confident_right"}
        assert row.keys() == keys


def test_an_evaluation_in_words_fits_a_terminal_of_80_columns(answer: Answer) -> None:
    done = answer("evaluate in words")
    assert (done.code, done.err) == (0, "")
    assert max(map(len, done.out.splitlines())) <= 80
    assert done.out.startswith("24 known characters, 10 voice actors, ")
    for words in (
        "95 % interval",
        "Cllr",
        "best threshold",
        "first matches",
        "Queries of one or more clips",
        "p >= 0.9",
    ):
        assert words in done.out


def test_catalog_list_pages_through_every_character_once(answer: Answer) -> None:
    first, rest = answer("list").document, answer("list, second page").document
    assert (len(first["characters"]), first["next"], rest["next"]) == (20, cursor_after("characters", 20), None)
    assert sorted(address(one) for one in first["characters"] + rest["characters"]) == sorted(ROLES)
    assert {one["clips"] for one in first["characters"]} == {8}


def test_catalog_show_lists_a_characters_clips_with_their_text(answer: Answer) -> None:
    document = answer("show").document
    assert address(document["character"]) == ASKED.address
    rows = json.loads((VOICES / f"{ASKED.maker}_{ASKED.game}" / "index.json").read_text(encoding="utf-8"))
    assert {clip["text"] for clip in document["clips"]} == {
        row["Text"] for row in rows if row["Speaker"] == ASKED.character
    }


def test_catalog_refused_names_file_and_reason_of_each(answer: Answer) -> None:
    clips = answer("refused").document["clips"]
    found = {clip["reason"]: Path(clip["path"]) for clip in clips}
    assert found.keys() == {"missing", "not_audio"}
    assert found["not_audio"].is_file()
    assert not found["missing"].exists()
    assert all(clip["detail"] for clip in clips)
    in_words = answer("refused, of one reason").out
    assert str(found["missing"]) in in_words
    assert str(found["not_audio"]) not in in_words
    assert answer("refused, of another reason").out == "No clip is refused as silent.\n"


def test_index_status_and_build_count_all_vectors(ingested: Ingested, tmp_path: Path, answer: Answer) -> None:
    status = answer("status").document
    assert (status["clips"], status["vectors"], status["behind"]) == (193, 193, 0)
    assert Path(status["folder"]).is_dir()
    assert (status["kind"], status["lists"], status["recall"]) == ("Flat,fp16", 0, None)
    home = ingested.copy(tmp_path / "home")
    tuned = quickly("index", "tune", home=home)
    assert (tuned.code, tuned.out.splitlines()[-1]) == (
        0,
        "An exact scan finds all that is nearest: there is nothing to tune.",
    )
    refused = quickly("index", "tune", "--recall", "99", home=home)
    assert (refused.code, refused.err) == (2, "spksearch: The recall must be at least 0.5 and below 1, not 99.\n")
    built = quickly("index", "build", "--json", home=home)
    assert (built.code, built.document["ok"], built.document["index"]["vectors"]) == (0, True, 193)


def test_cast_exports_every_character_to_a_spreadsheet(ingested: Ingested, tmp_path: Path) -> None:
    file = tmp_path / "cast.csv"
    done = quickly("cast", "--export", file, home=ingested.home)
    assert (done.code, done.out) == (0, "")
    assert "8 recurring voices" in done.err
    rows = list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))
    assert sorted(f"{row['maker']}/{row['game']}/{row['character']}" for row in rows) == sorted(ROLES)
    assert len({row["voice"] for row in rows if row["voice"]}) == 8


def test_cast_with_export_and_json_writes_the_file_and_answers_with_the_same(
    ingested: Ingested, tmp_path: Path, answer: Answer
) -> None:
    done = quickly("cast", "--export", tmp_path / "cast.json", "--json", home=ingested.home)
    assert done.document == answer("cast").document
    assert json.loads((tmp_path / "cast.json").read_text(encoding="utf-8")) == done.document


def test_demo_keeps_its_catalog_in_the_folder_given_and_touches_no_other(toured: Ingested, tmp_path: Path) -> None:
    kept = toured.copy(tmp_path / "kept")
    elsewhere = {"SPKSEARCH_DATABASE_URL": "postgresql://nobody@nowhere.invalid/x", "SPKSEARCH_CHECKPOINT": "/nowhere"}
    done = quickly("demo", "--keep", kept, home=tmp_path / "home", SPKSEARCH_ENCODER="anime-va", **elsewhere)
    assert "8 of 8 recurring voices found, 0 false" in done.out
    assert "keeps its id and gains" in done.out
    assert "(Every voice is as before.)" in done.out
    pasted = done.out.split("Try next:\n")[1].splitlines()
    assert len(pasted) == 3
    for command in pasted:
        shell = subprocess.run(
            ["sh", "-c", command],
            cwd=tmp_path,
            env={**environment(tmp_path / "home", **elsewhere), "PATH": os.defpath, "SPKSEARCH_ENCODER": "anime-va"},
            capture_output=True,
            timeout=LIMIT_S,
        )
        assert shell.returncode == 0, shell.stderr
        assert shell.stdout
    document = quickly("demo", "--keep", kept, "--json", home=tmp_path / "home", **elsewhere).document
    assert (document["recurring"], document["found"], document["false"], document["right"]) == (8, 8, 0, True)
    assert document["home"] == str(kept)
    assert (document["ingest"]["known"], document["verify"]["ok"]) == (195, True)
    tried = document["tried"]
    assert (tried["verdict"]["state"], tried["undone"]["state"], tried["restored"]) == ("stands", "undone", True)
    assert "joined" in {change["kind"] for change in tried["changes"]}
    assert quickly("verdict", "list", "--json", home=kept).document["verdicts"] == []
    assert done.code == 0
    assert not (tmp_path / "home").exists()


def test_demo_serves_its_catalog_when_asked(toured: Ingested, tmp_path: Path) -> None:
    kept = toured.copy(tmp_path / "kept")
    with serving(tmp_path / "home", "--serve", "--keep", kept, command="demo") as server:
        assert server.client.get("/").headers["content-type"] == "text/html; charset=utf-8"
        assert len(server.client.get("/v1/games").json()["games"]) == 4


def test_the_module_and_the_installed_program_print_the_version(tmp_path: Path) -> None:
    assert spksearch("--version", home=tmp_path).out.strip() == version("speaker-search")
    program = Path(sys.executable).with_name("spksearch")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=LIMIT_S)
    assert done.stdout.strip() == version("speaker-search")
