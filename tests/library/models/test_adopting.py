"""Another space is adopted: with proof, for good, and back again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from library.models.two_spaces import Blurred, Sharp, blurred, fill_both, judge_namesakes
from search.filling import fill, some_voices
from standin import write_dump, write_voice

from speaker_search.encoders.weights import resolve
from speaker_search.errors import CatalogError, EncoderError, UsageError
from speaker_search.library import Library
from speaker_search.library.kept_weights import find_weights, keep_weights, kept_weights
from speaker_search.settings import Settings

VOICES = some_voices(8, 8, 5)


@pytest.fixture
def plain(sqlite_catalog_url: str, tmp_path: Path) -> Settings:
    """Settings in which no encoder is chosen."""
    return Settings(home=tmp_path / "home", database_url=sqlite_catalog_url)


@pytest.fixture
def anywhere(settings: Settings) -> Settings:
    """The same on either database."""
    return settings.model_copy(update={"encoder": None})


@pytest.fixture
def both(plain: Settings) -> Iterator[Library]:
    """A catalog of both spaces, opened by somebody who has the weights of the second."""
    with Library(plain, encoder=Blurred()) as opened:
        fill_both(opened, VOICES)
        yield opened


def test_an_adopted_space_is_searched_and_embedded_with_from_then_on(anywhere: Settings) -> None:
    with Library(anywhere, encoder=Blurred()) as both:
        fill_both(both, VOICES)
        assert both.space.name == Sharp.space  # campplus is a default
        done, held = both.adopt(Blurred.space), both.spaces_held()
    assert (done.adopted, done.new, done.before, done.unembedded, done.why_not) == (True, True, Sharp.space, 0, None)
    assert done.comparison is not None
    assert [one.space for one in done.comparison.spaces] == [Sharp.space, Blurred.space]
    assert (held.adopted, held.before) == (Blurred.space, Sharp.space)
    with Library(anywhere, encoder=Blurred()) as again:
        assert (again.space.name, again.ready.space.name) == (Blurred.space, Blurred.space)
        assert (again.encoder_choice().name, again.encoder_for_ingest().space) == (Blurred.space, Blurred.space)
    with Library(anywhere.model_copy(update={"encoder": "campplus"})) as flagged:
        assert flagged.space.name == Sharp.space
    with Library(anywhere, encoder=Sharp()) as back:
        assert back.adopt_back().space == back.space.name == Sharp.space


def test_back_is_where_one_came_from(both: Library, plain: Settings) -> None:
    with pytest.raises(UsageError, match="no space to return to"):
        both.adopt_back()
    both.adopt("resemblyzer", author="me")
    assert both.adopt("resemblyzer").new is False
    with Library(plain, encoder=Sharp()) as library:
        assert library.adopt_back().space == library.space.name == Sharp.space
    assert both.adopt_back().space == Blurred.space
    assert both.spaces_held().author != "me"


def test_a_space_that_lacks_clips_is_not_adopted_until_they_are_embedded(anywhere: Settings, tmp_path: Path) -> None:
    dump = write_dump(tmp_path / "voices", {"m/g": {"Ann": 1, "Bob": 2}, "m/h": {"Ann": 1, "Cy": 3}})
    (dump / "m/h/Cy/broken.wav").write_text("no sound")
    with Library(anywhere, encoder=Sharp()) as library:
        library.ingest([dump], processes=1)
        assert library.counts().refused == 1
    with Library(anywhere.model_copy(update={"encoder": "resemblyzer"}), encoder=Blurred()) as library:
        library.ingest([dump / "m/g"], processes=1, layout="folders", maker="m", title="g")
        library.settings = anywhere
        done = library.adopt("resemblyzer")
        assert (done.adopted, done.unembedded, done.comparison) == (False, 6, None)
        assert f"`spksearch ingest --again --encoder {Blurred.space}`" in (done.why_not or "")
        assert library.adopt("resemblyzer", yes=True).adopted is False
        library.settings = anywhere.model_copy(update={"encoder": Blurred.space})
        report = library.embed_again(processes=1)
        assert (report.embedded, report.refused) == (6, {"not_audio": 1})
        assert library.embed_again(processes=1).opened == 0
        library.settings = anywhere
        assert library.adopt("resemblyzer").adopted


def test_the_searched_space_stays_while_a_default_encoder_embeds_all_again(plain: Settings, tmp_path: Path) -> None:
    """Before, the first clip of an encoder that is a default moved every search into its space."""
    dump = write_dump(tmp_path / "voices", {"m/g": {"Ann": 1, "Bob": 2}})
    with Library(plain.model_copy(update={"encoder": "resemblyzer"}), encoder=Blurred()) as library:
        library.ingest([dump], processes=1)
    with Library(plain.model_copy(update={"encoder": "campplus"}), encoder=Sharp()) as library:
        assert library.embed_again(processes=1).embedded == 6
    with Library(plain, encoder=Sharp()) as library:
        assert (library.space.name, library.spaces_held().before) == (Blurred.space, None)
        assert library.adopt("campplus").before == Blurred.space
    with Library(plain, encoder=Blurred()) as library:
        assert library.adopt_back().space == Blurred.space


def test_clips_that_the_new_space_has_refused_do_not_hold_it_up(plain: Settings, tmp_path: Path) -> None:
    dump = write_dump(tmp_path / "voices", {"m/g": {"Ann": 1, "Bob": 2}, "m/h": {"Ann": 1, "Cy": 3}})
    with Library(plain, encoder=Sharp()) as library:
        library.ingest([dump], processes=1)
    (dump / "m/g/Ann/000.wav").write_text("no sound any more")
    with Library(plain.model_copy(update={"encoder": "resemblyzer"}), encoder=Blurred()) as library:
        library.embed_again(processes=1)
        library.settings = plain
        done = library.adopt("resemblyzer")
    assert (done.adopted, done.unembedded, sum(done.refused.values())) == (True, 0, 1)


def test_clips_that_were_away_are_embedded_when_they_are_back(plain: Settings, tmp_path: Path) -> None:
    dump = write_dump(tmp_path / "voices", {"m/g": {"Ann": 1, "Bob": 2}})
    with Library(plain, encoder=Sharp()) as library:
        library.ingest([dump], processes=1)
    (dump / "m/g/Ann").rename(tmp_path / "Ann")
    with Library(plain.model_copy(update={"encoder": "resemblyzer"}), encoder=Blurred()) as library:
        away = library.embed_again(processes=1).refused["missing"]
        (tmp_path / "Ann").rename(dump / "m/g/Ann")
        report = library.embed_again(processes=1)
    assert (report.embedded, report.refused) == (away, {})


@pytest.mark.parametrize("yes", [False, True])
def test_clips_whose_files_are_away_are_left_behind_only_by_one_s_word(
    yes: bool, plain: Settings, tmp_path: Path
) -> None:
    dump = write_dump(tmp_path / "voices", {"m/g": {"Ann": 1, "Bob": 2}, "m/h": {"Ann": 1, "Cy": 3}})
    with Library(plain, encoder=Sharp()) as library:
        library.ingest([dump], processes=1)
    (dump / "m/g/Ann").rename(tmp_path / "Ann")
    with Library(plain.model_copy(update={"encoder": "resemblyzer"}), encoder=Blurred()) as library:
        away = library.embed_again(processes=1).refused["missing"]
        library.settings = plain
        done = library.adopt("resemblyzer", yes=yes)
    assert (done.adopted, done.refused) == (yes, {"missing": away})
    assert yes or f"{away} clips of {Sharp.space} could not be read" in (done.why_not or "")


def test_clips_without_audio_are_left_behind_only_by_one_s_word(both: Library, plain: Settings, tmp_path: Path) -> None:
    with Library(Settings(home=tmp_path / "other"), encoder=Sharp()) as other:
        fill(other, {"far/away": some_voices(1, 4, 3)["maker0/game0"]}, encoder=Sharp)
        other.export(tmp_path / "voices.parquet")
    with Library(plain.model_copy(update={"encoder": "campplus"})) as library:
        taken = library.import_voices(tmp_path / "voices.parquet").new
    done = both.adopt("resemblyzer")
    assert (done.adopted, done.unembedded, done.imported) == (False, taken, taken)
    assert "came without audio" in (done.why_not or "")
    assert both.adopt("resemblyzer", yes=True).adopted


def test_a_space_that_is_worse_by_the_words_of_people_needs_one_s_word(both: Library, plain: Settings) -> None:
    verdicts = judge_namesakes(both)
    done = both.adopt("resemblyzer")
    found = done.listening
    assert found is not None
    assert (found.verdicts.pairs, found.credits_same.pairs) == (verdicts, 0)
    assert found.verdicts.before > found.verdicts.after
    assert found.worse > found.better
    assert found.chance < 0.05
    assert (done.adopted, both.spaces_held().adopted) == (False, None)
    assert f"for {found.worse} voices, and about more for {found.better}" in (done.why_not or "")
    first = found.pairs[0]
    assert (first.same, first.said_by, first.one.name) == (True, "verdict", first.other.name)
    assert first.before > 0.5 > first.after
    assert first.lines is not None
    assert both.adopt("resemblyzer", yes=True).adopted
    with Library(plain, encoder=Sharp()) as library:
        assert library.adopt("campplus").adopted, "a better space is adopted without being asked twice"


def test_credits_are_asked_about_as_well(both: Library, tmp_path: Path) -> None:
    rows = ["maker,game,character,voice_actor"]
    rows += [f"{one.game.maker.name},{one.game.title},{one.name},{one.name}" for one in both.characters().characters]
    (tmp_path / "credits.csv").write_text("\n".join(rows), encoding="utf-8")
    both.import_credits(tmp_path / "credits.csv")
    found = both.adopt("resemblyzer").listening
    assert found is not None
    assert found.credits_same.before > found.credits_same.after > 0
    assert found.credits_different.pairs > 1_000
    assert found.credits_different.before > 0.99 * found.credits_different.pairs
    assert found.disputed > len(found.pairs) == 20


def test_verdicts_credits_and_names_hold_in_the_other_space(both: Library, plain: Settings) -> None:
    with Library(plain.model_copy(update={"encoder": "resemblyzer"})) as blurry:
        (first, _), (second, _), *_ = max(blurry.cast().voices, key=lambda voice: len(voice.members)).members
    both.judge(first.id, second.id, same=False)
    both.rename("character", first.id, "Somebody Else")
    both.adopt("resemblyzer", yes=True)
    with Library(plain, encoder=Blurred()) as again:
        assert again.character("Somebody Else").id == first.id
        (verdict,) = again.verdicts().verdicts
        assert (verdict.one.name, verdict.same) == ("Somebody Else", False)
        linked = {one.id: voice.id for voice in again.cast().voices for one, _ in voice.members}
        assert linked.get(first.id, -1) != linked.get(second.id, -2), "they were one voice before the verdict"


def test_a_space_without_its_weights_is_not_adopted(plain: Settings) -> None:
    with Library(plain) as library:
        fill_both(library, VOICES)
        with pytest.raises(EncoderError, match=f"The weights of {Blurred.space} are not on this machine"):
            library.adopt("resemblyzer")
        assert [one.weights for one in library.spaces_held().spaces] == ["missing", "missing"]


def test_one_does_not_go_back_to_a_space_without_its_weights(both: Library, plain: Settings) -> None:
    both.adopt("resemblyzer")
    with Library(plain) as library:
        with pytest.raises(EncoderError, match=f"The weights of {Sharp.space} are not on this machine"):
            library.adopt_back()
        assert library.space.name == Blurred.space


def test_what_is_no_space_is_said_in_a_sentence(both: Library) -> None:
    with pytest.raises(EncoderError, match="There is no encoder 'nobody'"):
        both.adopt("nobody")
    with pytest.raises(CatalogError, match="holds no embeddings of anime-va"):
        both.adopt("anime-va")
    for name in ("campplus@", "campplus@92f29b94e694"):
        with pytest.raises(CatalogError, match=f"holds no space {name}. Name one that it holds: {Sharp.space}"):
            both.adopt(name)
    both.settings = both.settings.model_copy(update={"encoder": "resemblyzer@"})
    with pytest.raises(CatalogError, match="holds no space resemblyzer@"):
        both.embed_again()
    with pytest.raises(UsageError, match="An author has"):
        both.adopt("resemblyzer", author=" ")


def test_of_an_encoder_s_several_spaces_one_must_be_named(plain: Settings) -> None:
    class Own(Sharp):
        space = "campplus@111111111111"

    with Library(plain, encoder=Own()) as library:
        fill(library, VOICES, encoder=Sharp)
        fill(library, blurred(VOICES), encoder=Own)
        with pytest.raises(UsageError, match=f"several spaces: {Sharp.space}, {Own.space}. Name one of them"):
            library.adopt("campplus")
        assert library.adopt(Own.space).adopted


def test_an_author_takes_up_one_line(both: Library) -> None:
    both.adopt("resemblyzer", author="x\ny\r\nz")
    assert both.spaces_held().author == "x y z"


def test_a_catalog_with_one_space_may_say_that_it_is_the_one(plain: Settings) -> None:
    with Library(plain, encoder=Sharp()) as library:
        fill(library, VOICES, encoder=Sharp)
        done = library.adopt("campplus")
        assert (done.adopted, done.before, done.comparison) == (True, None, None)
        fill(library, blurred(VOICES), encoder=Blurred)
    with Library(plain) as library:
        assert library.space.name == Sharp.space


def test_a_copy_of_one_s_own_weights_is_found_when_the_file_is_gone(tmp_path: Path) -> None:
    own = tmp_path / "own.pt"
    own.write_bytes(b"a network")
    found = resolve("campplus", own)
    keep_weights(tmp_path / "home", found)
    keep_weights(tmp_path / "home", found)
    own.unlink()
    assert find_weights(tmp_path / "home", found.space, None).sha256 == found.sha256
    assert [path.name for path in (tmp_path / "home/weights").iterdir()] == [found.space]
    keep_weights(tmp_path / "home", resolve("campplus"))  # published ones are not copied
    assert kept_weights(tmp_path / "home", resolve("campplus").space) is None


def test_a_damaged_copy_is_not_taken_for_the_weights(tmp_path: Path) -> None:
    own = tmp_path / "own.pt"
    own.write_bytes(b"a network")
    space = resolve("campplus", own).space
    keep_weights(tmp_path / "home", resolve("campplus", own))
    (tmp_path / "home/weights" / space).write_bytes(b"a netwerk")
    assert find_weights(tmp_path / "home", space, own).path == own
    with pytest.raises(EncoderError, match="are not on this machine"):
        find_weights(tmp_path / "home", space, None)


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    own = tmp_path / "own.pt"
    own.write_bytes(b"a network")
    (tmp_path / "home").write_text("a file")
    with pytest.raises(UsageError, match="cannot be made"):
        keep_weights(tmp_path / "home", resolve("campplus", own))


@pytest.mark.slow
def test_a_space_of_one_s_own_weights_is_searched_after_they_are_gone(tmp_path: Path) -> None:
    """The whole way with a real network: train, ingest again, adopt, and search without SPKSEARCH_CHECKPOINT."""
    state = torch.load(resolve("campplus").path, weights_only=True)
    state = {name: 1.01 * one if one.is_floating_point() and one.dim() > 1 else one for name, one in state.items()}
    own = tmp_path / "own.pt"
    torch.save(state, own)
    space = resolve("campplus", own).space
    line = write_voice(tmp_path / "voices/m/g/Ann/0.wav", 1, seconds=2.0)
    plain = Settings(home=tmp_path / "home")
    with Library(plain) as library:
        library.ingest([tmp_path / "voices"], processes=1)
    with Library(plain.model_copy(update={"encoder": "campplus", "checkpoint": own})) as library:
        library.embed_again(processes=1)
    own.unlink()
    with Library(plain) as library:
        assert library.space.name != space  # the oldest, until another is adopted
        assert library.adopt(space).adopted
    with Library(plain) as library:
        assert library.search(line).matches[0].character.name == "Ann"
        assert library.ready.space.name == space
    copy = kept_weights(plain.home, space)
    assert copy is not None
    copy.write_bytes(b"half of it")
    with Library(plain) as library, pytest.raises(EncoderError, match=rf"Put the file back, or .*adopt {space}`"):
        library.search(line)
