"""Search and similar over games of synthetic voices, from sound files to matches."""

from __future__ import annotations

import asyncio
import pickle
import time
from base64 import b64encode
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from search.asking import PATIENCE_S
from standin import StandInEncoder, voice, write_dump, write_voice

from speaker_search.entities import Refusal
from speaker_search.errors import AudioError, NotFoundError, UsageError
from speaker_search.library import Library, Question
from speaker_search.search.query import Answer, Filters
from speaker_search.settings import Settings

#: Voices 1, 2, 3 and 5 recur; 1 in three games.
CAST = {
    "Kumo/Hare": {"Aoi": 1, "Beni": 2, "Chie": 3},
    "Kumo/Ame": {"Dan": 4, "Eri": 1, "Fuji": 5},
    "Hoshi/Tsuki": {"Gin": 2, "Hana": 6, "Iku": 3},
    "Hoshi/Taiyo": {"Jun": 1, "Kai": 7, "Leo": 5, "？？？": 8},
}
LITTLE = "0.6 s of audio is little to recognise a voice by: give more or longer clips."


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dump(tmp_path_factory.mktemp("dump"), CAST)


@pytest.fixture(scope="module")
def voices(module_library: Library, dump: Path) -> Library:
    module_library.ingest([dump])
    return module_library


def names(answer: Answer) -> list[str]:
    return [match.character.name for match in answer.matches if match.character]


def test_a_line_finds_the_same_voice_in_the_other_games_first(voices: Library, dump: Path) -> None:
    for game, cast in CAST.items():
        for name, number in cast.items():
            others = {other for of in CAST if of != game for other, who in CAST[of].items() if who == number}
            answer = voices.search(
                [dump / game / name / "001.wav"], filters=Filters(exclude_games=(game.split("/")[1],))
            )
            assert {*names(answer)[: len(others)]} == others, f"{name} of {game}"


def test_a_path_its_text_and_its_bytes_get_the_same_answer(voices: Library, dump: Path) -> None:
    line = dump / "Kumo/Hare/Aoi/000.wav"
    by_path, by_text, by_bytes = (voices.search([sound]) for sound in (line, str(line), line.read_bytes()))
    assert by_path.matches == by_text.matches == by_bytes.matches


def test_a_line_of_the_catalog_is_its_own_first_hit(voices: Library, dump: Path) -> None:
    line = dump / "Hoshi/Tsuki/Hana/002.wav"
    first = voices.search([line]).matches[0]
    assert first.character is not None
    assert first.character.address == "Hoshi/Tsuki/Hana"
    assert first.hits[0].clip.path == line
    assert first.hits[0].cosine == pytest.approx(1, abs=1e-5)
    assert [hit.cosine for hit in first.hits] == sorted((hit.cosine for hit in first.hits), reverse=True)


def test_a_query_says_what_it_was_made_from(voices: Library, dump: Path) -> None:
    folder = dump / "Kumo/Hare/Aoi"
    answer = voices.search([folder / "000.wav", folder / "001.wav"])
    assert (answer.query.clips, answer.query.seconds) == (2, pytest.approx(1.2))
    assert answer.encoder == StandInEncoder.space


def test_less_than_two_seconds_of_audio_are_answered_with_a_warning(voices: Library, dump: Path) -> None:
    lines = sorted((dump / "Kumo/Hare").rglob("*.wav"))[:4]
    assert voices.search(lines[:1]).warnings == (LITTLE,)
    assert voices.search(lines).warnings == ()
    (clip,) = {hit.clip.id for hit in voices.search(lines[:1]).matches[0].hits[:1]}
    assert LITTLE in voices.search_like(clips=[clip]).warnings


def test_the_same_audio_given_eight_times_counts_once(voices: Library, dump: Path, tmp_path: Path) -> None:
    line, other = (dump / f"Kumo/Hare/Aoi/00{number}.wav" for number in range(2))
    copy = tmp_path / "copy.wav"
    copy.write_bytes(line.read_bytes())
    once, again = voices.search([line, other]), voices.search([line] * 6 + [copy, line.read_bytes(), other])
    assert (again.query.clips, again.query.seconds) == (2, once.query.seconds)
    assert [match.probability for match in again.matches] == [match.probability for match in once.matches]


def test_one_clip_need_not_be_in_a_list(voices: Library, dump: Path) -> None:
    line = dump / "Kumo/Hare/Aoi/000.wav"
    for clip in (line, str(line), line.read_bytes()):
        assert names(voices.search(clip)) == names(voices.search([line]))


def test_more_clips_than_a_search_takes_are_refused_before_any_is_decoded(voices: Library) -> None:
    with pytest.raises(UsageError, match="at most 100 clips"):
        voices.search(["nowhere.wav"] * 101)


def test_the_mean_of_several_lines_is_asked_not_the_last(voices: Library, dump: Path) -> None:
    one, other = dump / "Kumo/Hare/Aoi/000.wav", dump / "Hoshi/Tsuki/Hana/000.wav"
    forth, back = voices.search([one, other]), voices.search([other, one])
    np.testing.assert_allclose(forth.query.vector, back.query.vector, atol=1e-6)
    assert {"Aoi", "Hana"} <= {*names(forth)[:5]}


def test_similar_leaves_out_the_characters_own_game_unless_asked(voices: Library) -> None:
    others, everyone = (voices.similar("Kumo/Hare/Aoi", same_game=same, limit=100) for same in (False, True))
    assert {*names(others)[:2]} == {"Eri", "Jun"}
    assert {match.character.game.title for match in others.matches if match.character} == {"Ame", "Tsuki", "Taiyo"}
    assert {*names(everyone)} - {*names(others)} == {"Beni", "Chie"}  # never the character itself


def test_similar_takes_an_id_for_an_address(voices: Library) -> None:
    aoi = voices.character("Kumo/Hare/Aoi")
    assert voices.similar(aoi.id).matches == voices.similar("kumo/HARE/ａｏｉ").matches


def test_to_be_unlike_a_voice_moves_the_answer_away_from_it(voices: Library, dump: Path) -> None:
    aoi, hana = dump / "Kumo/Hare/Aoi/000.wav", dump / "Hoshi/Tsuki/Hana/000.wav"
    both = voices.search([aoi, hana], limit=100)
    away = voices.search([aoi, hana], unlike=[hana], limit=100)
    assert names(away).index("Hana") > names(both).index("Hana")
    assert {*names(away)[:3]} == {"Aoi", "Eri", "Jun"}
    assert all(match.probability is None for match in away.matches)
    assert away.warnings[-1] == "No probability: a search with `unlike` cannot be calibrated."


def test_unlike_by_sound_clip_and_character_mean_the_same(voices: Library, dump: Path) -> None:
    aoi, hana = dump / "Kumo/Hare/Aoi/000.wav", dump / "Hoshi/Tsuki/Hana/000.wav"
    clip = voices.search([hana]).matches[0].hits[0].clip
    assert clip.path == hana
    by_sound = voices.search([aoi], unlike=[hana])
    by_clip = voices.search([aoi], unlike=[clip])
    by_character = voices.search([aoi], unlike=voices.character("Hoshi/Tsuki/Hana"))
    np.testing.assert_allclose(by_clip.query.vector, by_sound.query.vector, atol=1e-6)
    np.testing.assert_allclose(by_character.query.vector, by_sound.query.vector, atol=0.02)
    assert names(by_sound) == names(by_clip) == names(by_character)


def test_like_a_clip_and_like_the_character_find_the_voice_too(voices: Library) -> None:
    aoi = voices.character("Kumo/Hare/Aoi")
    by_character = voices.search_like(characters=[aoi.id])
    clip = next(hit.clip for match in by_character.matches for hit in match.hits if hit.clip.character_id == aoi.id)
    assert {*names(by_character)[:3]} == {*names(voices.search_like(clips=[clip.id]))[:3]} == {"Aoi", "Eri", "Jun"}


def test_sounds_clips_and_characters_are_one_query_in_which_each_counts_once(voices: Library, dump: Path) -> None:
    line, other = (dump / f"Kumo/Hare/Aoi/00{number}.wav" for number in range(2))
    clip = voices.search(line, by="clip").matches[0].hits[0].clip
    aoi, hana = voices.character("Kumo/Hare/Aoi"), voices.character("Hoshi/Tsuki/Hana")
    alone, both = voices.search(line), voices.search([line, clip, line.read_bytes()])
    assert (clip.path, both.query.clips, both.matches) == (line, 1, alone.matches)
    assert voices.search([line, hana]).query.clips == 1 + 3
    whole = voices.search([aoi, line, other, clip])  # all of them are Aoi's lines
    assert (whole.query.clips, whole.query.seconds) == (3, pytest.approx(1.8))
    np.testing.assert_allclose(whole.query.vector, voices.search(aoi).query.vector, atol=1e-6)
    heavy = voices.search(line, unlike=[hana, clip]).query.vector  # three of Hana's, and one of Aoi's
    expected = 3 * voices.search(hana).query.vector + alone.query.vector
    expected = alone.query.vector - 0.5 * expected / np.linalg.norm(expected)
    np.testing.assert_allclose(heavy, expected / np.linalg.norm(expected), atol=1e-5)


def test_what_is_no_example_of_a_voice_is_refused(voices: Library) -> None:
    with pytest.raises(UsageError, match="int is not an example of a voice"):
        voices.search([5])


def test_many_searches_are_answered_in_order_as_each_alone_and_embed_a_sound_once(
    voices: Library, dump: Path, tmp_path: Path
) -> None:
    lines = sorted(dump.rglob("000.wav"))[:4]
    text = tmp_path / "a.ogg"
    text.write_text("not a sound")
    aoi = voices.character("Kumo/Hare/Aoi")
    asked = [*lines, text, [lines[0], lines[1]], Question(lines[0], by="game", limit=2), Question(aoi, cursor="x")]
    encoder = voices._encoder
    assert isinstance(encoder, StandInEncoder)
    before = encoder.clips
    found = voices.search_many(asked, limit=3)
    assert encoder.clips - before == len(lines)
    assert [type(one).__name__ for one in found] == ["Answer"] * 4 + ["AudioError"] + ["Answer"] * 2 + ["UsageError"]
    for number, examples in enumerate([*lines, None, [lines[0], lines[1]]]):
        if examples is not None:
            assert found[number].matches == voices.search(examples, limit=3).matches
    assert found[6].matches == voices.search(lines[0], by="game", limit=2).matches
    document = found.document()
    assert [one.problem and one.problem.type for one in document.answers] == [
        *[None] * 4,
        "urn:spksearch:problem:audio",
        *[None] * 2,
        "urn:spksearch:problem:usage",
    ]
    frame = found.to_frame()
    assert frame["query"].tolist() == [n for n in range(4) for _ in range(3)] + [4] + [5] * 3 + [6] * 2 + [7]
    assert document.to_frame().problem.dropna().tolist() == frame.problem.dropna().tolist()
    assert str(found) == "Answers(answers=8, problems=2)"


def test_a_search_continued_by_its_cursor_needs_no_sound_and_embeds_none(voices: Library, dump: Path) -> None:
    line, other = (dump / f"Kumo/Hare/Aoi/00{number}.wav" for number in range(2))
    whole, first = voices.search(line), voices.search(line, limit=4)
    encoder = voices._encoder
    assert isinstance(encoder, StandInEncoder)
    before = encoder.clips
    for again in ((), line, [line.read_bytes()]):
        rest = voices.search(again, cursor=first.next, limit=6)
        assert (*first.matches, *rest.matches) == whole.matches
        assert (rest.warnings, rest.query.seconds) == (whole.warnings, whole.query.seconds)
    with pytest.raises(UsageError, match="belongs to another search"):
        voices.search(other, cursor=first.next)
    assert encoder.clips == before


def test_the_matches_of_a_search_can_be_heard_in_a_notebook(voices: Library, dump: Path) -> None:
    line = dump / "Kumo/Hare/Aoi/000.wav"
    found = voices.search(line, by="clip", limit=2)
    shown = found._repr_html_()
    assert f'src="data:audio/wav;base64,{b64encode(line.read_bytes()).decode()}"' in shown
    assert shown.count("<audio") == 2
    assert asdict(found)["encoder"] == found.encoder
    silent = pickle.loads(pickle.dumps(found))  # noqa: S301 - its own
    assert (silent.matches, "<audio" in silent._repr_html_()) == (found.matches, False)
    nowhere = replace(found.matches[0].hits[0], clip=replace(found.matches[0].hits[0].clip, id=10**6))
    gone = replace(found, matches=(replace(found.matches[0], hits=(nowhere,)),))
    assert "<audio" not in gone._repr_html_()


def test_async_programs_search_side_by_side_in_threads(voices: Library, dump: Path) -> None:
    lines = sorted(dump.rglob("000.wav"))[:6]

    async def together() -> list[Answer]:
        return await asyncio.gather(*(asyncio.to_thread(voices.search, line, limit=3) for line in lines))

    assert [found.matches for found in asyncio.run(together())] == [
        voices.search(line, limit=3).matches for line in lines
    ]


def test_a_search_without_anything_to_be_like_makes_no_sense(voices: Library) -> None:
    with pytest.raises(UsageError):
        voices.search([])
    with pytest.raises(UsageError):
        voices.search_like()
    with pytest.raises(UsageError):
        voices.search_like(unlike_characters=[voices.character("Kumo/Hare/Aoi").id])


@pytest.mark.parametrize("kind", ["clips", "characters", "unlike_clips", "unlike_characters"])
def test_an_unknown_id_is_not_found(voices: Library, kind: str) -> None:
    given = {"clips": [1], kind: [999_999]}
    with pytest.raises(NotFoundError, match="999999"):
        voices.search_like(**given)


def test_a_query_that_is_no_voice_is_refused_with_its_reason(voices: Library, tmp_path: Path) -> None:
    text = tmp_path / "a.ogg"
    text.write_text("not a sound")
    short = write_voice(tmp_path / "short.wav", 1, seconds=0.1)
    for sound, reason in (
        (text, Refusal.NOT_AUDIO),
        (b"", Refusal.EMPTY),
        (short, Refusal.TOO_SHORT),
        (tmp_path / "none.wav", Refusal.MISSING),
    ):
        with pytest.raises(AudioError) as refused:
            voices.search([sound])
        assert refused.value.reason is reason
    with pytest.raises(AudioError):
        voices.search([write_voice(tmp_path / "fine.wav", 1)], unlike=[text])


def test_one_silent_clip_of_two_is_left_out_with_a_warning(voices: Library, dump: Path, tmp_path: Path) -> None:
    line = dump / "Kumo/Hare/Aoi/000.wav"
    short = write_voice(tmp_path / "short.wav", 1, seconds=0.1)
    alone, both = voices.search([line]), voices.search([short, line])
    assert names(both) == names(alone)
    assert both.query.clips == 1
    assert both.warnings[0] == "Left out: Clip 1 of 2: short.wav is 0.10 s long, and at least 0.3 s are needed."
    with pytest.raises(AudioError, match=r"Clip 1 of 2: short\.wav"):
        voices.search([short, short])
    steered = voices.search([line], unlike=[line, short])
    assert steered.warnings[0].startswith("Left out: Unlike clip 2 of 2: short.wav is 0.10 s long")
    with pytest.raises(AudioError, match=r"^Unlike clip 1 of 1: short\.wav"):
        voices.search([line], unlike=[short])


def test_of_several_clips_the_error_says_which_one(voices: Library, dump: Path) -> None:
    line = dump / "Kumo/Hare/Aoi/000.wav"
    with pytest.raises(AudioError, match=r"Clip 2 of 3: "):
        voices.search([line, b"not a sound", line])


def test_clips_of_unknown_speakers_answer_by_clip_without_a_character(voices: Library, dump: Path) -> None:
    line = dump / "Hoshi/Taiyo/？？？/000.wav"
    by_clip = voices.search([line], by="clip", limit=4)
    assert by_clip.matches[0].hits[0].clip.path == line
    assert [match.character is None for match in by_clip.matches] == [True, True, True, False]
    assert len(names(voices.search([line], limit=100))) == 12


def test_a_library_that_is_open_sees_what_another_takes_in(
    library: Library, settings: Settings, dump: Path, tmp_path: Path
) -> None:
    library.ingest([dump / "Hoshi"])
    line = dump / "Hoshi/Tsuki/Hana/000.wav"
    assert names(library.search([line]))[0] == "Hana"
    with Library(settings, encoder=StandInEncoder()) as other:
        other.ingest([write_dump(tmp_path / "more", {"Yuki/Fuyu": {"Mai": 6}})])
    give_up = time.monotonic() + PATIENCE_S
    while names(answer := library.search([line], filters=Filters(makers=("Yuki",)))) != ["Mai"]:
        assert time.monotonic() < give_up
    assert {hit.clip.path.parent.name for hit in answer.matches[0].hits} == {"Mai"}
    by_clip = library.search([line], by="clip", limit=6)
    assert {*names(by_clip)} == {"Hana", "Mai"}


def test_the_stand_in_tells_the_voices_apart(encoder: StandInEncoder) -> None:
    vectors = encoder.embed([voice(number, take) for number in range(1, 9) for take in (0, 1)])
    cosines = vectors @ vectors.T
    same = np.eye(8, dtype=bool).repeat(2, axis=0).repeat(2, axis=1)
    assert cosines[same].min() > cosines[~same].max()


def test_the_character_whose_line_is_asked_with_does_not_make_its_voice_elsewhere_less_likely(
    voices: Library, dump: Path
) -> None:
    """It is no stranger: scores are not compared with its own. By sound, by id, and by character."""
    known = dump / "Kumo/Hare/Aoi/001.wav"
    elsewhere = Filters(exclude_games=("Hare",))
    by_sound = voices.search([known], filters=elsewhere)
    clip = next(clip.id for clip in voices.show("Hare/Aoi").clips if clip.path == known)
    by_id = voices.search_like(clips=[clip], filters=elsewhere)
    ready = voices.ready
    vector = by_sound.query.vector[None]
    games = np.array([voices.character("Hare/Aoi").game.id])
    expected = ready.profiles.query_scores(vector, games=games)[0][0]
    among_strangers = ready.profiles.query_scores(vector)[0][0]
    for answer in (by_sound, by_id):
        best = answer.matches[0].character
        assert best is not None
        assert answer.matches[0].score > among_strangers[ready.profiles.row(best.id)]
        for match in answer.matches:
            assert match.character is not None
            row = ready.profiles.row(match.character.id)
            assert match.score == pytest.approx(expected[row], abs=1e-4)
