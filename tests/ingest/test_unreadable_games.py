"""A game that cannot be read is a problem; an ingest of nothing else is an error."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from ingest.taking import dump, embedded, take_in
from standin import write_voice

from speaker_search.catalog.people import makers_of_games
from speaker_search.errors import SourceError
from speaker_search.library import Library

pytestmark = pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)


@pytest.mark.parametrize("broken", ["", "[{", "{}", '[{"Speaker": "Ann", "Voice": "a.wav"},', "\ufeff null"])
def test_a_broken_index_among_several_games_is_a_problem_and_the_others_go_on(
    library: Library, tmp_path: Path, broken: str
) -> None:
    for title in ("a", "c"):
        write_voice(dump(tmp_path / "dumps" / f"maker_{title}", [("Ann", "a.wav")]) / "a.wav", 1)
    write_voice(dump(tmp_path / "dumps/maker_b", broken) / "a.wav", 1)
    report = take_in(library, tmp_path / "dumps")
    assert (report.games, report.embedded, report.trouble) == (2, 2, True)
    (problem,) = report.problems
    assert str(tmp_path / "dumps/maker_b/index.json") in problem
    dump(tmp_path / "dumps/maker_b", [("Ann", "a.wav")])
    report = take_in(library, tmp_path / "dumps")
    assert (report.games, report.embedded, report.trouble) == (3, 1, False)


def test_a_broken_index_alone_is_an_error(library: Library, tmp_path: Path) -> None:
    write_voice(dump(tmp_path / "maker_title", "[{") / "a.wav", 1)
    with pytest.raises(SourceError, match="is truncated or not valid JSON"):
        library.ingest([tmp_path / "maker_title"])
    write_voice(dump(tmp_path / "both/maker_a", "[{") / "a.wav", 1)
    write_voice(dump(tmp_path / "both/maker_b", "[{") / "a.wav", 1)
    with pytest.raises(SourceError, match=r"None of the games could be read\."):
        library.ingest([tmp_path / "both"])


def test_a_path_without_voices_leaves_the_catalog_as_it_was(library: Library, voices: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(SourceError):
        library.ingest([voices, tmp_path / "nothing"])
    with library.catalog.read() as connection:
        assert makers_of_games(connection) == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere file names must be Unicode")
@pytest.mark.parametrize("odd", ["maker/\udcff", "\udcff/title", "maker_\udcff.zip"])
def test_a_place_whose_name_is_not_utf_8_is_malformed_and_the_others_are_taken_in(
    library: Library, tmp_path: Path, odd: str
) -> None:
    good = write_voice(tmp_path / "dumps/good/one/Ann/a.wav", 1)
    place = tmp_path / "dumps" / odd
    if odd.endswith(".zip"):
        shutil.make_archive(str(tmp_path / "packed"), "zip", good.parents[1])
        (tmp_path / "packed.zip").rename(place)
    else:
        (place / "Bob").mkdir(parents=True)
        (place / "Bob/b.wav").write_bytes(good.read_bytes())
    report = take_in(library, tmp_path / "dumps")
    assert (report.games, report.routes, report.trouble) == (2, {"folder": 1, "malformed": 1}, True)
    assert json.loads(report.model_dump_json())["advice"] == report.advice
    assert list(embedded(library)) == [good.resolve()]
    with library.catalog.read() as connection:
        assert len(makers_of_games(connection)) == 1
    report = take_in(library, place)
    assert (report.routes, report.gone) == ({"malformed": 1}, 0)
