"""Two spaces of one catalog compared: on the same clips, judged by a list, by credits and verdicts, or by halves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path

import numpy as np
import pytest
from library.models.two_spaces import Blurred, Sharp, blurred, fill_both, judge_namesakes
from search.filling import Voices, fill, some_voices

from speaker_search.errors import CatalogError, EmptyCatalogError, EncoderError, UsageError
from speaker_search.library import Library
from speaker_search.settings import Settings

SHARP = some_voices(8, 8, 5)


def write_truth(path: Path, voices: Voices) -> Path:
    rows = [
        dict(zip(("maker", "game"), game.split("/"), strict=True)) | {"character": name, "voice_actor": name}
        for game, characters in voices.items()
        for name in characters
        if name is not None
    ]
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


@pytest.fixture
def library(sqlite_catalog_url: str, tmp_path: Path) -> Iterator[Library]:
    with Library(Settings(home=tmp_path / "home", database_url=sqlite_catalog_url)) as opened:
        yield opened


@pytest.fixture
def both(library: Library) -> Library:
    fill_both(library, SHARP)
    return library


def test_by_a_list_of_actors_the_figures_are_those_of_evaluate(both: Library, tmp_path: Path) -> None:
    truth = write_truth(tmp_path / "cast.json", SHARP)
    found = both.compare(truth=truth)
    assert (found.judged_by, found.left_out, found.clips) == ("truth", 0, sum(map(len, _all(SHARP))))
    for one in found.spaces:
        with Library(both.settings.model_copy(update={"encoder": one.space})) as alone:
            expected = alone.evaluate(truth)
        assert found.judged == expected.characters
        assert (one.precision_at_1, one.eer) == (expected.precision_at_1, expected.eer)
        assert (one.f1, one.best_f1) == (expected.bcubed.f1, expected.bcubed.best_f1)
        assert one.precision_at_1_interval == expected.intervals.precision_at_1
        assert one.f1_interval == expected.intervals.f1


def test_the_space_that_hears_who_speaks_is_better_by_every_measure(both: Library, tmp_path: Path) -> None:
    sharp, dull = both.compare(truth=write_truth(tmp_path / "cast.json", SHARP)).spaces
    assert (sharp.space, dull.space) == (Sharp.space, Blurred.space)
    assert (sharp.searched, dull.searched) == (True, False)
    for measure in ("precision_at_1", "f1", "separation", "silhouette"):
        assert getattr(sharp, measure) > getattr(dull, measure), measure
    assert (sharp.eer or 0) < (dull.eer or 0)
    assert (sharp.spoken.own_first or 0) > (dull.spoken.own_first or 0)


def test_clips_that_one_space_lacks_count_in_none(library: Library, tmp_path: Path) -> None:
    """A space that has only heard some of the games is measured on these, and so is the other."""
    few = dict(list(SHARP.items())[:5])
    fill(library, SHARP, encoder=Sharp)
    fill(library, blurred(few), encoder=Blurred)
    truth = write_truth(tmp_path / "cast.json", SHARP)
    found = library.compare(truth=truth)
    missing = sum(map(len, _all(SHARP))) - sum(map(len, _all(few)))
    assert (found.left_out, found.spaces[0].left_out, found.spaces[1].left_out) == (missing, missing, 0)
    assert found.judged == 5 * 8  # characters that are heard nowhere else are no misses
    with Library(Settings(home=tmp_path / "few"), encoder=Sharp()) as other:
        fill(other, few, encoder=Sharp)
        alone = other.evaluate(truth)
    assert found.spaces[0].precision_at_1 == alone.precision_at_1
    assert found.spaces[0].eer == pytest.approx(alone.eer, abs=1e-6)
    assert found.spaces[0].f1 == alone.bcubed.f1


def test_without_a_list_verdicts_judge_where_they_know_enough(both: Library) -> None:
    assert both.compare().judged_by == "halves"
    judge_namesakes(both)
    found = both.compare()
    assert found.judged_by == "credits and verdicts"
    names = [name for characters in SHARP.values() for name in characters]
    assert found.judged == sum(names.count(name) > 1 for name in names if name is not None)
    sharp, dull = found.spaces
    assert 0.8 < (sharp.precision_at_1 or 0) <= 1.0
    assert (sharp.f1 or 0) < 1.0, "the linking knew the verdicts"
    assert (sharp.precision_at_1 or 0) > (dull.precision_at_1 or 0)


def test_where_nobody_knows_any_voice_characters_look_for_their_other_half(both: Library) -> None:
    sharp, dull = both.compare().spaces
    assert (sharp.precision_at_1 or 0) > (dull.precision_at_1 or 0)
    assert (sharp.f1, sharp.f1_interval, sharp.best_f1) == (None, None, None)


def test_speed_is_measured_only_where_sounds_can_be_read(both: Library) -> None:
    found = both.compare(speed=True)
    assert [one.seconds_per_second for one in found.spaces] == [None, None]
    assert [warning.split(" was not timed")[0] for warning in found.warnings] == [Sharp.space, Blurred.space]


def test_a_report_has_the_figures_a_map_and_the_scores_of_each_space(both: Library, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text("an older one", encoding="utf-8")
    found = both.compare(export_to=file)
    page = file.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert escape(found.basis) in page
    assert all(page.count(one.space) >= 4 for one in found.spaces)
    assert page.count('class="spec"') == 3  # a map of both spaces, and the scores of each
    assert page == (both.compare(export_to=file), file.read_text(encoding="utf-8"))[1]
    assert [*tmp_path.glob("*.part")] == []


@pytest.mark.parametrize("name", ["report.svg", "report", "nowhere/report.html"])
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_measured(library: Library, name: str) -> None:
    with pytest.raises(UsageError):
        library.compare(export_to=Path("/nowhere") / name)


def test_what_cannot_be_compared_is_said_in_a_sentence(library: Library, tmp_path: Path) -> None:
    with pytest.raises(EmptyCatalogError, match="holds no voices yet"):
        library.compare()
    fill(library, SHARP, encoder=Sharp)
    with pytest.raises(UsageError, match=f"needs two spaces, and there is only {Sharp.space}"):
        library.compare()
    fill(library, {"other/game": {"somebody": next(iter(_all(SHARP)))}}, encoder=Blurred)
    with pytest.raises(UsageError, match="No clip is embedded in all of"):
        library.compare()
    with pytest.raises(CatalogError, match="holds no embeddings of anime-va"):
        library.compare(encoders=["anime-va", "campplus"])
    with pytest.raises(EncoderError, match="There is no encoder 'nobody'"):
        library.compare(encoders=["nobody"])
    fill(library, blurred(SHARP), encoder=Blurred)
    with pytest.raises(UsageError, match="names none of the characters"):
        library.compare(truth=write_truth(tmp_path / "cast.json", {"no/game": {"nobody": np.empty((0, 1))}}))
    with pytest.raises(UsageError, match="cannot be read"):
        library.compare(truth=tmp_path / "missing.json")


def _all(voices: Voices) -> Iterator[np.ndarray]:
    for characters in voices.values():
        yield from characters.values()
