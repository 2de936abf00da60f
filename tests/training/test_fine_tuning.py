"""From a catalog to weights with a card, by the library and by the command."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from end_to_end.running import quickly
from standin import StandInEncoder, write_dump

from speaker_search.documents.models.trained import Recipe, TrainedModel
from speaker_search.encoders import load
from speaker_search.encoders.weights import resolve
from speaker_search.errors import EncoderError, UsageError
from speaker_search.library import Library
from speaker_search.settings import Settings
from speaker_search.training.kept_run import KeptRun

QUICK = Recipe(steps=2, batch=4, min_crop_s=0.3, max_crop_s=0.4, augment=False, evaluate_every=1)
BEGIN = resolve("campplus").path


class Known(StandInEncoder):
    """A stand-in under the name of an encoder that can be trained."""

    name = "campplus"
    space = "campplus@000000000000"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with five games of three characters each; two of them have one actor."""
    home = tmp_path_factory.mktemp("home")
    games = {f"Kumo/Game {game}": {f"Role {game}{role}": 3 * game + role for role in range(3)} for game in range(5)}
    dump = write_dump(home / "voices", games)
    with library(home) as filled:
        filled.ingest([dump])
        filled.judge("Kumo/Game 0/Role 00", "Kumo/Game 1/Role 10", same=True)
    return home


def library(home: Path) -> Library:
    return Library(Settings(home=home, encoder=Known.name), encoder=Known())


@pytest.fixture(scope="module")
def trained(home: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    with library(home) as opened:
        made = opened.train(QUICK, out=tmp_path_factory.mktemp("out") / "mine.pt", checkpoint=BEGIN, processes=1)
    assert made is not None
    return made


def test_the_weights_are_those_of_an_encoder_with_a_space_of_its_own(trained: TrainedModel) -> None:
    assert trained.file is not None
    assert load("campplus", checkpoint=trained.file, device="cpu").space == trained.space
    assert trained.started_from == "campplus@92f29b94e694"


def test_the_card_says_what_was_heard_and_how_it_was_measured(trained: TrainedModel) -> None:
    assert trained.card is not None
    assert trained.file is not None
    assert trained.before is not None
    text = trained.card.read_text(encoding="utf-8")
    assert f"Trained on {trained.training.clips} clips of {trained.training.speakers} speakers" in text
    assert f"| before | 0 | {trained.before.eer:.2%} |" in text
    assert "whose licence applies" in text
    kept = TrainedModel.model_validate_json(trained.file.with_suffix(".json").read_bytes())
    assert kept == trained
    assert (kept.training.games + kept.held_out.games, kept.judged_by) == (5, "within games")


def test_the_curves_are_a_page_that_asks_nobody(trained: TrainedModel) -> None:
    assert trained.curves is not None
    page = trained.curves.read_text(encoding="utf-8")
    assert "Equal error rate of held-out voices" in page
    assert "default-src 'none'" in page


def test_a_verdict_makes_two_characters_one_speaker(home: Path, trained: TrainedModel) -> None:
    _, plan, _ = KeptRun(trained.folder).beginning()
    with library(home) as opened:
        one, other = (opened.character(name).id for name in ("Kumo/Game 0/Role 00", "Kumo/Game 1/Role 10"))
    assert not {one, other} <= set(plan.training.characters.tolist())
    assert trained.training.speakers + trained.held_out.speakers == 14


def test_nothing_that_is_there_is_overwritten(home: Path, trained: TrainedModel, tmp_path: Path) -> None:
    assert trained.file is not None
    with library(home) as opened:
        with pytest.raises(UsageError, match="holds a training already"):
            opened.train(QUICK, out=trained.file)
        shutil.copy(trained.file, tmp_path / "other.pt")
        with pytest.raises(UsageError, match=r"other\.pt exists already"):
            opened.train(QUICK, out=tmp_path / "other.pt")
        with pytest.raises(UsageError, match="There is no folder"):
            opened.train(QUICK, out=tmp_path / "nowhere" / "mine.pt")


def test_wrong_weights_are_refused_before_anything_is_written(home: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "notes.txt"
    wrong.write_text("weights?")
    with library(home) as opened, pytest.raises(EncoderError, match=r"is not a weights file.*with --checkpoint"):
        opened.train(QUICK, out=tmp_path / "mine.pt", checkpoint=wrong)
    assert [*tmp_path.iterdir()] == [wrong]


def test_a_finished_training_that_is_resumed_writes_the_same_weights_again(home: Path, trained: TrainedModel) -> None:
    assert trained.file is not None
    before = trained.file.read_bytes()
    trained.file.unlink()
    with library(home) as opened:
        again = opened.train(resume=trained.folder, processes=1)
    assert again is not None
    assert trained.file.read_bytes() == before
    assert again.evaluations == trained.evaluations


def test_a_folder_that_holds_no_training_cannot_be_resumed(home: Path, trained: TrainedModel, tmp_path: Path) -> None:
    with library(home) as opened:
        for folder in (tmp_path, tmp_path / "nowhere"):
            with pytest.raises(UsageError, match="is not the folder of a training"):
                opened.train(resume=folder)
        changed = tmp_path / "changed"
        shutil.copytree(trained.folder, changed)
        text = (changed / "training.json").read_text(encoding="utf-8")
        (changed / "training.json").write_text(text.replace('"steps": 2', '"steps": 3'), encoding="utf-8")
        with pytest.raises(UsageError, match="was changed, or written by another version"):
            opened.train(resume=changed)
        (changed / "training.json").write_text(text, encoding="utf-8")
        (changed / "plan.npz").write_bytes(b"PK")
        with pytest.raises(UsageError, match=r"plan\.npz is damaged"):
            opened.train(resume=changed)


def test_a_training_is_resumed_only_with_its_own_catalog(trained: TrainedModel, tmp_path: Path) -> None:
    with library(tmp_path / "other") as opened:
        opened.ingest([write_dump(tmp_path / "voices", {"Kumo/Hare": {"Aoi": 1}})])
        with pytest.raises(UsageError, match=r"began with another catalog\. Set SPKSEARCH_HOME"):
            opened.train(resume=trained.folder, processes=1)


WRONG = {
    "an encoder that cannot be trained": (("--encoder", "resemblyzer"), "resemblyzer cannot be trained"),
    "a share": (("--held-out", "0.9"), "--held-out cannot be 0.9: it must be less than or equal to 0.5"),
    "an odd batch": (("--batch", "7"), "--batch cannot be 7: it must be a multiple of 2"),
    "parts": (("--accumulate", "3"), "Choose a --batch that 6 divides"),
    "a crop": (("--max-crop", "0.01"), "--max-crop cannot be 0.01"),
    "resume with settings": (("--resume", ".", "--steps", "3"), "Leave out all flags but --resume"),
    "resume of nothing": (("--resume", "nowhere"), "nowhere is not the folder of a training"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_input_is_a_sentence(what: str, home: Path, tmp_path: Path) -> None:
    words, sentence = WRONG[what]
    if what == "an encoder that cannot be trained":
        home = tmp_path / "other"

        class Other(Known):
            name, space = "resemblyzer", "resemblyzer@000000000000"

        dump = write_dump(tmp_path / "voices", {"Kumo/Hare": {"Aoi": 1}})
        with Library(Settings(home=home, encoder="resemblyzer"), encoder=Other()) as opened:
            opened.ingest([dump])
    done = quickly("train", *words, home=home, folder=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert sentence in done.err
    assert "Traceback" not in done.err


def test_an_empty_catalog_is_a_sentence(tmp_path: Path) -> None:
    done = quickly("train", "--encoder", "campplus", home=tmp_path)
    assert done.code == 3
    assert "The catalog holds no voices yet" in done.err


def test_the_command_answers_with_one_document(home: Path, tmp_path: Path) -> None:
    words = (
        "--checkpoint",
        BEGIN,
        "--steps",
        "1",
        "--batch",
        "4",
        "--max-crop",
        "0.4",
        "--no-augment",
        "--workers",
        "1",
        "--json",
    )
    done = quickly("train", *words, "--out", tmp_path / "mine.pt", home=home)
    assert done.code in (0, 1), done.err
    assert done.document["finished"] is True
    assert done.document["recipe"]["min_crop_s"] == 0.4
    assert [json.loads(line)["event"] for line in done.err.splitlines()] == ["progress"] * len(done.err.splitlines())
