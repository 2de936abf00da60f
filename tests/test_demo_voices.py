"""The bundled demo voices are what the README and the other tests take them to be."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
import soundfile

ROOT = Path(__file__).parents[1]
VOICES = ROOT / "speaker_search" / "demo" / "voices"


@dataclass(frozen=True, slots=True)
class Row:
    maker: str
    game: str
    speaker: str
    text: str
    seconds: float | None  #: None when its file does not decode
    there: bool  #: whether it has a file


def read_rows() -> list[Row]:
    rows = []
    for index in sorted(VOICES.glob("*/index.json")):
        maker, _, game = index.parent.name.partition("_")
        files = {path.stem: path for path in index.parent.rglob("*.ogg")}
        for entry in json.loads(index.read_text("utf-8")):
            reference = entry["FilePath"].rpartition("\\")[2] if "FilePath" in entry else entry["Voice"]
            path = files.get(reference.removesuffix(".ogg"))
            seconds = None
            if path is not None:
                try:
                    samples, rate = soundfile.read(path)
                    seconds = len(samples) / rate
                except soundfile.LibsndfileError:
                    pass
            rows.append(Row(maker, game, entry["Speaker"], entry["Text"], seconds, path is not None))
    return rows


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return read_rows()


@pytest.fixture(scope="module")
def cast() -> list[dict[str, str]]:
    return json.loads((VOICES / "cast.json").read_text("utf-8"))


def test_four_games_of_two_makers_have_six_characters_each(cast: list[dict[str, str]]) -> None:
    games = Counter((role["maker"], role["game"]) for role in cast)
    assert list(games.values()) == [6, 6, 6, 6]
    assert len({maker for maker, _ in games}) == 2
    assert len({(role["maker"], role["game"], role["character"]) for role in cast}) == 24


def test_eight_of_ten_voices_recur_and_none_twice_in_a_game(cast: list[dict[str, str]]) -> None:
    roles = Counter(role["voice_actor"] for role in cast)
    assert len(roles) == 10
    assert sum(count > 1 for count in roles.values()) == 8
    assert len({(role["game"], role["voice_actor"]) for role in cast}) == len(cast)


def test_each_character_has_eight_clips_that_decode(rows: list[Row], cast: list[dict[str, str]]) -> None:
    clips = Counter((row.maker, row.game, row.speaker) for row in rows if row.seconds is not None)
    assert clips.pop(("夜汽車ソフト", "硝子の終着駅", "？？？")) == 1
    assert clips == {(role["maker"], role["game"], role["character"]): 8 for role in cast}


def test_one_file_is_corrupt_and_one_row_has_no_file(rows: list[Row]) -> None:
    assert len(rows) == 195
    assert sum(row.there and row.seconds is None for row in rows) == 1
    assert sum(not row.there for row in rows) == 1


def test_every_file_has_a_row(rows: list[Row]) -> None:
    assert len(list(VOICES.rglob("*.ogg"))) == sum(row.there for row in rows)


def test_lines_are_short_and_no_two_are_alike(rows: list[Row]) -> None:
    lengths = [row.seconds for row in rows if row.seconds is not None]
    assert min(lengths) > 0.8
    assert max(lengths) < 8
    assert len({row.text for row in rows}) == len(rows)


def test_all_files_together_are_under_3_mb() -> None:
    assert sum(path.stat().st_size for path in VOICES.rglob("*") if path.is_file()) < 3_000_000


@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"),
    reason="the bundled files were made on Linux x86-64; other builds of espeak-ng and Vorbis round differently",
)
def test_the_script_makes_the_bundled_files_byte_for_byte(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "scripts" / "make_demo_voices.py", "--out", tmp_path], check=True)
    made, bundled = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (tmp_path, VOICES)
    )
    assert made.keys() == bundled.keys()
    assert [path for path in made if made[path] != bundled[path]] == []
