"""Credits taken into a catalog: what is kept, reported, written to be settled, and what voices are called then."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from cast.credits import made_dump
from search.filling import around, fill, some_voices, units
from standin import DIM, StandInEncoder

from speaker_search.catalog.knowledge import kept_credits
from speaker_search.cli.program import program
from speaker_search.documents import ImportedCredits
from speaker_search.errors import UsageError
from speaker_search.library import Library
from speaker_search.settings import Settings

HEADER = "maker,game,character,voice_actor\n"
GAMES = {
    "青空工房/海の声": ["渚", "高坂凛", "ジェーン", "黒幕", "店員"],
    "青空工房/海の声 ファンディスク": ["古河渚", "謎の少女"],
    "Yozora Soft/星紡": ["ゆめ"],
    "Yozora Soft/hoshi tsumugi": ["ほしのゆめ", "星野ゆめ"],
}


@pytest.fixture
def library(settings: Settings, encoder: StandInEncoder) -> Iterator[Library]:
    with Library(settings, encoder=encoder) as opened:
        rng = np.random.default_rng(0)
        voice = units(rng.standard_normal(DIM))
        fill(opened, {game: {name: around(voice, 1, rng) for name in names} for game, names in GAMES.items()})
        yield opened


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    return made_dump.archive(tmp_path / "dump.tar.zst", made_dump.files(made_dump.TODAY))


def written(folder: Path, *rows: str) -> Path:
    path = folder / "credits.csv"
    path.write_text(HEADER + "\n".join(rows), encoding="utf-8")
    return path


def kept(library: Library) -> dict[str, set[str]]:
    """The actors of every credited character."""
    with library.catalog.read() as connection:
        credits = kept_credits.credits_of(connection)
    return {library.character(id_).name: {credit.actor.name for credit in said} for id_, said in credits.items()}


def counts(done: ImportedCredits) -> tuple[int, int, int]:
    return done.matched, done.ambiguous, done.unmatched


FROM_DUMP = {
    "渚": {"佐藤 花"},
    "高坂凛": {"鈴木 雪"},
    "ジェーン": {"田中 一"},
    "古河渚": {"佐藤 花"},
    "ほしのゆめ": {"佐藤 花"},
    "星野ゆめ": {"佐藤 花"},
}


def test_a_dump_credits_the_characters_that_it_names(library: Library, dump: Path) -> None:
    done = library.import_credits(dump)
    assert kept(library) == FROM_DUMP
    assert (done.kind, done.games, done.missing_games, done.unclear_games) == ("vndb", 3, 1, [])
    assert (done.characters, done.new, done.known, done.replaced, done.malformed) == (6, 6, 0, 0, 0)
    assert counts(done) == (5, 0, 0)
    assert "ODbL" in (done.attribution or "")


def test_importing_again_changes_nothing(library: Library, dump: Path) -> None:
    library.import_credits(dump)
    again = library.import_credits(dump)
    assert (again.new, again.known, again.replaced) == (0, 6, 0)
    assert kept(library) == FROM_DUMP


def test_a_dry_run_reports_the_same_and_keeps_nothing(library: Library, dump: Path) -> None:
    tried = library.import_credits(dump, dry_run=True)
    assert kept(library) == {}
    done = library.import_credits(dump)
    assert tried == done.model_copy(update={"dry_run": True})


def test_spoilers_come_in_only_when_asked_for(library: Library, dump: Path) -> None:
    done = library.import_credits(dump)
    assert done.spoilers == 4
    whole = library.import_credits(dump, spoilers=True)
    assert whole.spoilers == 0
    assert kept(library) == FROM_DUMP | {"黒幕": {"佐藤 花"}, "謎の少女": {"佐藤 花"}}
    with library.catalog.read() as connection:
        credits = kept_credits.credits_of(connection)
    secret = {library.character(id_).name for id_, said in credits.items() if said[0].spoiler}
    assert secret == {"黒幕", "謎の少女"}
    assert {said[0].under for id_, said in credits.items() if library.character(id_).name == "黒幕"} == {"月野うさ"}


def test_a_failed_import_keeps_nothing(library: Library, tmp_path: Path, dump: Path) -> None:
    cut = tmp_path / "cut.tar.zst"
    cut.write_bytes(dump.read_bytes()[:-20])
    with pytest.raises(UsageError, match="VNDB dump"):
        library.import_credits(cut)
    with pytest.raises(UsageError, match="cannot be written"):
        library.import_credits(dump, unmatched=tmp_path / "nowhere" / "rest.csv")
    assert kept(library) == {}


def test_a_csv_is_settled_by_a_reader_and_imported_again(library: Library, tmp_path: Path) -> None:
    rows = ["青空工房,海の声,渚,花", "青空工房,海の声,=ゆめ,雪", "よそ,海の声,店員,一", "x,y,z,w", "青空工房,海の声,,"]
    rest = tmp_path / "rest.csv"
    done = library.import_credits(written(tmp_path, *rows), unmatched=rest)
    assert counts(done) == (1, 1, 2)
    assert (done.malformed, done.problems) == (1, ["Line 6: no character."])
    with rest.open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    assert [(row["character"], row["fit"]) for row in table] == [
        ("'=ゆめ", "unmatched"),
        ("店員", "ambiguous"),
        ("z", "unmatched"),
    ]
    assert "高坂凛" in table[0]["candidates"]
    assert "渚" not in table[0]["candidates"].replace("古河渚", "")
    table[0]["chosen"] = "青空工房/海の声/高坂凛"
    table[1]["chosen"] = table[1]["candidates"].split(" | ")[0]
    table[2]["chosen"] = "nobody/like/this"
    with rest.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, table[0])
        writer.writeheader()
        writer.writerows(table)
    settled = library.import_credits(rest)
    assert counts(settled) == (2, 0, 1)
    assert settled.unsettled[0].reason == "the chosen character is not in the catalog"
    assert kept(library) == {"渚": {"花"}, "高坂凛": {"雪"}, "店員": {"一"}}


def test_the_list_itself_is_not_replaced_by_what_is_unmatched_in_it(library: Library, tmp_path: Path) -> None:
    file = written(tmp_path, "m,g,c,v")
    before = file.read_bytes()
    with pytest.raises(UsageError, match=r"is the list itself, and would be replaced\. Name another file"):
        library.import_credits(file, unmatched=file)
    assert file.read_bytes() == before


def test_a_settled_row_of_a_dump_keeps_its_person(library: Library, tmp_path: Path, dump: Path) -> None:
    library.import_credits(dump)
    row = "青空工房,海の声,店員,月野うさ,vndb:s1,"
    path = tmp_path / "rest.csv"
    path.write_text("maker,game,character,voice_actor,actor,chosen\n" + row, encoding="utf-8")
    library.import_credits(path)
    assert kept(library)["店員"] == {"佐藤 花"}


def test_what_a_list_says_now_replaces_what_it_said_of_a_character(library: Library, tmp_path: Path) -> None:
    library.import_credits(written(tmp_path, "青空工房,海の声,渚,花", "青空工房,海の声,店員,一"))
    done = library.import_credits(written(tmp_path, "青空工房,海の声,渚,雪"))
    assert (done.new, done.known, done.replaced) == (1, 0, 1)
    assert kept(library) == {"渚": {"雪"}, "店員": {"一"}}


def test_a_recast_character_keeps_both_actors(library: Library, tmp_path: Path) -> None:
    library.import_credits(written(tmp_path, "青空工房,海の声,渚,花", "青空工房,海の声,渚,雪"))
    assert kept(library) == {"渚": {"花", "雪"}}


@pytest.mark.parametrize("dump_first", [True, False])
def test_a_name_in_a_csv_is_the_person_whom_a_dump_has_under_it(
    dump_first: bool, library: Library, tmp_path: Path, dump: Path
) -> None:
    path = written(tmp_path, "青空工房,海の声,店員,月野うさ")
    for file in (dump, path) if dump_first else (path, dump):
        library.import_credits(file)
    assert kept(library) == FROM_DUMP | {"店員": {"佐藤 花"}}


def test_credits_are_read_again_after_whatever_changes_them(library: Library, tmp_path: Path, dump: Path) -> None:
    changes: list[Callable[[], object]] = [
        lambda: library.import_credits(written(tmp_path, "青空工房,海の声,店員,佐藤 花")),
        lambda: library.import_credits(written(tmp_path, "青空工房,海の声,店員,山田")),
        lambda: library.import_credits(dump),
        lambda: library.import_credits(written(tmp_path, "青空工房,海の声,黒幕,佐藤 花")),
        lambda: library.merge("character", "青空工房/海の声/高坂凛", "青空工房/海の声/店員"),
        lambda: library.undo_edit(1),
    ]
    seen = [library._credits()]
    for change in changes:
        change()
        seen.append(library._credits())
        with library.catalog.read() as connection:
            assert seen[-1] == kept_credits.credits_of(connection)
        assert seen[-1] != seen[-2]
    assert library._credits() is seen[-1]


def test_an_actor_keeps_the_sex_that_a_list_says_and_a_mere_name_in_another_only_adds_to_it(
    library: Library, tmp_path: Path, dump: Path
) -> None:
    def sexes() -> dict[str, str | None]:
        assert library._credits()
        return {one.character.name: one.sex for one in library.credits().credits}

    def imported(*rows: str) -> dict[str, str | None]:
        path = tmp_path / "sexes.csv"
        path.write_text(HEADER.strip() + ",sex\n" + "\n".join(rows), encoding="utf-8")
        library.import_credits(path)
        return sexes()

    assert imported("青空工房,海の声,店員,月野うさ,f", "青空工房,海の声,黒幕,一,") == {"店員": "f", "黒幕": None}
    library.import_credits(dump)  # which has 月野うさ as a pen name of 佐藤 花
    told = {"店員": "f", **dict.fromkeys(FROM_DUMP, "f"), "ジェーン": "m"}
    assert sexes() == {**told, "黒幕": None}
    now = imported("青空工房,海の声,店員,佐藤 花,m", "青空工房,海の声,黒幕,一,m")
    assert now == {**told, "黒幕": "m"}
    assert imported("青空工房,海の声,黒幕,一,") == now


def test_what_is_unmatched_is_written_with_the_sex_of_its_actor(library: Library, tmp_path: Path) -> None:
    path, rest = tmp_path / "list.csv", tmp_path / "rest.csv"
    path.write_text(HEADER.strip() + ",sex\nx,y,z,花,f\n", encoding="utf-8")
    library.import_credits(path, unmatched=rest)
    (row,) = csv.DictReader(rest.read_text("utf-8-sig").splitlines())
    assert (row["voice_actor"], row["sex"]) == ("花", "f")


def test_an_unknown_file_is_refused(library: Library, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        library.import_credits(tmp_path / "nothing.csv")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="not a VNDB dump"):
        library.import_credits(tmp_path / "folder")


# -- voices, called after their actors ----------------------------------------------------------------------


@pytest.fixture
def cast(settings: Settings, encoder: StandInEncoder) -> Iterator[Library]:
    """Characters are called after who speaks them."""
    with Library(settings, encoder=encoder) as opened:
        fill(opened, some_voices(games=6, characters=8, clips=4, people=40, spread=0.3))
        yield opened


def one_voice(library: Library) -> list[tuple[str, str, str]]:
    """Maker, game and name of the characters of the largest voice."""
    voice = max(library.cast().voices, key=lambda voice: len(voice.members))
    return [(one.game.maker.name, one.game.title, one.name) for one, _ in voice.members]


def test_a_voice_has_the_actor_that_its_credits_agree_on(cast: Library, tmp_path: Path) -> None:
    first, second, *_ = one_voice(cast)
    cast.import_credits(written(tmp_path, ",".join([*first, "Hana"])))
    named = [voice for voice in cast.cast_document().voices if voice.voice_actor]
    assert [voice.voice_actor for voice in named] == ["Hana"]
    assert first[2] in {one.name for one in named[0].characters}
    cast.import_credits(written(tmp_path, ",".join([*first, "Hana"]), ",".join([*second, "Yuki"])))
    assert all(second not in {(one.game.maker.name, one.game.title, one.name) for one, _ in voice.members}
               or voice.voice_actor in (None, "Yuki") for voice in cast.cast().voices)  # fmt: skip


def test_scores_are_calibrated_on_what_credits_say_once(cast: Library, tmp_path: Path) -> None:
    plain = cast._informed(cast.ready).profiles
    assert plain is cast.ready.profiles
    everyone = cast.characters(limit=1000).characters
    cast.import_credits(written(tmp_path, *(",".join((*one.address.split("/"), one.name)) for one in everyone[:40])))
    informed = cast._informed(cast.ready).profiles
    assert informed.pairs is not None
    assert plain.pairs is not None
    assert not np.allclose(informed.pairs.odds, plain.pairs.odds)
    assert informed.queries is plain.queries
    assert cast._informed(cast.ready).profiles is informed


def test_uncredited_members_of_a_named_voice_have_a_likely_actor(cast: Library, tmp_path: Path) -> None:
    first, *others = one_voice(cast)
    assert cast.likely_actors().characters == []
    cast.import_credits(written(tmp_path, ",".join([*first, "Hana"])))
    likely = cast.likely_actors().characters
    assert {(one.character.maker, one.character.game, one.character.name) for one in likely} == set(others)
    assert {one.voice_actor for one in likely} == {"Hana"}
    assert all(0.5 <= one.probability <= 1 for one in likely)


# -- the command --------------------------------------------------------------------------------------------


def test_the_command_says_what_became_of_each_credit(
    library: Library,
    dump: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    monkeypatch.setenv("SPKSEARCH_DATABASE_URL", str(library.settings.database_url))
    monkeypatch.setenv("SPKSEARCH_HOME", str(library.settings.home))

    def run(*words: str) -> tuple[int, str]:
        given = ["credits", "import", *words]
        with pytest.raises(SystemExit) as ended:
            program(given)(given, prog_name="spksearch")
        return int(str(ended.value.code)), capfdbinary.readouterr().out.decode()

    code, out = run(str(written(tmp_path, "青空工房,海の声,渚,花", "x,y,z,w", "a,b,c")))
    assert code == 1
    assert "2 credits: 1 matched, 0 ambiguous, 1 unmatched, 1 malformed row." in out
    assert "Malformed: Line 4: 3 cells, where the first line has 4." in out
    assert "no game of that title and maker" in out
    code, out = run(str(dump), "--dry-run", "--json")
    assert (code, json.loads(out)["dry_run"]) == (0, True)
    code, out = run(str(dump))
    assert "Left out 4 spoilers" in out
