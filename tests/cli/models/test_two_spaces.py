"""`compare`, `adopt` and `catalog confusions` as people see them, on a catalog that two encoders have heard."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from library.models.two_spaces import blurred, judge_namesakes
from search.filling import fill, some_voices
from standin import StandInEncoder
from typer.testing import CliRunner

from speaker_search.cli.commands.models import plot
from speaker_search.cli.program import program
from speaker_search.documents.models.pictures import DrawnPanel, Picture
from speaker_search.encoders.weights import resolve
from speaker_search.library import Library
from speaker_search.settings import Settings

VOICES = some_voices(8, 8, 5)


class Sharp(StandInEncoder):
    name, space = "campplus", resolve("campplus").space


class Blurred(StandInEncoder):
    name, space = "resemblyzer", resolve("resemblyzer").space


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with Library(Settings(home=tmp_path / "home")) as library:
        fill(library, VOICES, encoder=Sharp)
        fill(library, blurred(VOICES), encoder=Blurred)
    return tmp_path / "home"


def run(home: Path, *words: str, **environment: str) -> Result:
    environ = {"SPKSEARCH_HOME": str(home), **environment}
    return CliRunner().invoke(program(words), words, env=environ, catch_exceptions=False)


def test_a_comparison_has_a_column_for_each_space_and_says_what_judges_it(home: Path) -> None:
    shown = run(home, "compare")
    assert shown.exit_code == 0
    heading = next(line for line in shown.stdout.splitlines() if line.startswith("measure"))
    assert heading.split()[1:] == [Sharp.space, "(searched)", Blurred.space]
    assert "Too few voices are known" in shown.stdout
    document = json.loads(run(home, "compare", "--encoder", "campplus", "--encoder", "resemblyzer", "--json").stdout)
    assert (document["judged_by"], len(document["spaces"]), len(document["games"])) == ("halves", 2, 8)


def test_a_space_is_adopted_and_left_again(home: Path) -> None:
    assert "No space was adopted" in run(home, "adopt").stderr
    done = run(home, "adopt", "resemblyzer")
    assert done.exit_code == 0
    assert f"{Blurred.space} is searched from now on" in done.stdout
    assert f"`spksearch adopt --back` returns to {Sharp.space}" in done.stderr
    held = json.loads(run(home, "adopt", "--json").stdout)
    assert (held["adopted"], held["before"]) == (Blurred.space, Sharp.space)
    assert [one["searched"] for one in held["spaces"]] == [False, True]
    overruled = run(home, "adopt", "--back", SPKSEARCH_ENCODER="resemblyzer")
    assert (overruled.exit_code, "overrides the adopted space" in overruled.stderr) == (0, True)
    assert "is searched already" in run(home, "adopt", "campplus", SPKSEARCH_ENCODER=Sharp.space).stdout
    assert "is adopted already" in run(home, "adopt", "campplus", SPKSEARCH_ENCODER="resemblyzer").stdout
    for flag, overrides in (("resemblyzer", True), ("campplus", False)):
        assert ("overrides the adopted space" in run(home, "adopt", SPKSEARCH_ENCODER=flag).stderr) == overrides


def test_embedding_again_says_where_searches_stay(home: Path) -> None:
    done = run(home, "ingest", "--again", "--encoder", "resemblyzer")
    assert done.stdout.splitlines()[-1] == (
        f"Searches stay in {Sharp.space}; `spksearch adopt {Blurred.space}` switches, with proof."
    )
    assert f"Searches were kept in {Sharp.space} by" in run(home, "adopt").stderr
    assert "Searches stay" not in run(home, "ingest", "--again", "--encoder", "campplus").stdout


def test_a_worse_space_is_shown_with_the_pairs_to_hear_and_not_adopted(home: Path) -> None:
    with Library(Settings(home=home)) as library:
        judge_namesakes(library)
    refused = run(home, "adopt", "resemblyzer")
    assert refused.exit_code == 1
    assert "is right about fewer pairs" in refused.stderr
    assert "spksearch play" in refused.stdout
    document = json.loads(run(home, "adopt", "resemblyzer", "--json").stdout)
    assert (document["adopted"], document["listening"]["worse"] > 0) == (False, True)
    assert run(home, "adopt", "resemblyzer", "--yes").exit_code == 0


def test_confusions_come_with_the_commands_that_settle_them(home: Path) -> None:
    shown = run(home, "catalog", "confusions", "--limit", "3")
    assert shown.exit_code == 0
    assert "same:      spksearch verdict same" in shown.stdout
    assert "More: --cursor" in shown.stderr
    document = json.loads(run(home, "catalog", "confusions", "--limit", "3", "--json").stdout)
    assert len(document["pairs"]) == 3
    with Library(Settings(home=home)) as library:
        judge_namesakes(library)
    assert run(home, "catalog", "confusions", "--min-probability", "0.999").exit_code == 1


@pytest.mark.parametrize(("count", "words"), [(1, "1 probability"), (2, "2 probabilities")])
def test_one_drawn_probability_is_not_called_several(
    count: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    panel = DrawnPanel(encoder="campplus", shows="probabilities", points=count, of=count)
    plot.show(Picture(file=Path("a.svg"), plot="reliability", game=None, panels=[panel]), json=False)
    assert capsys.readouterr().out.splitlines()[0] == f"campplus: {words}."
