"""Who speaks which clip."""

from __future__ import annotations

import numpy as np

from speaker_search.catalog.knowledge.known_groups import Groups
from speaker_search.training.who_speaks import MOST_SHARING, Clips, directions, random_directions, spoken


def clips(characters: list[int], recordings: list[int] | None = None) -> Clips:
    count = len(characters)
    return Clips(
        np.arange(1, count + 1),
        np.array(characters),
        np.array(characters) % 10,
        np.ones(count, np.float32),
        np.arange(count) if recordings is None else np.array(recordings),
    )


def test_a_character_is_a_speaker_where_nobody_knows_better() -> None:
    found = spoken(clips([11, 12, 11, 13]), Groups(), [])
    assert found.speakers.tolist() == [11, 12, 11, 13]
    assert len(set(found.kin.tolist())) == 3


def test_whoever_people_call_one_person_is_one_speaker() -> None:
    known = Groups()
    known.add(11, 12, same=True)
    known.credit(13, 7)
    known.credit(14, 7)
    found = spoken(clips([11, 12, 13, 14, 15]), known, [])
    assert found.speakers[0] == found.speakers[1]
    assert found.speakers[2] == found.speakers[3]
    assert len(set(found.speakers.tolist())) == 3


def test_characters_that_the_catalog_links_are_kin_but_two_speakers() -> None:
    found = spoken(clips([11, 12, 13]), Groups(), [[11, 12]])
    assert len(set(found.speakers.tolist())) == 3
    assert found.kin[0] == found.kin[1] != found.kin[2]


def test_kinship_reaches_through_what_people_say() -> None:
    known = Groups()
    known.add(12, 13, same=True)
    found = spoken(clips([11, 12, 13, 14]), known, [[11, 12], [13, 14]])
    assert set(found.kin.tolist()) == {0}


def test_characters_who_share_much_of_their_sound_are_kin() -> None:
    found = spoken(clips([11, 11, 12, 13], [4, 5, 5, 6]), Groups(), [])
    assert found.speakers.tolist() == [11, 11, 12, 13]
    assert found.kin[0] == found.kin[1] == found.kin[2] != found.kin[3]


def test_a_recording_that_two_characters_share_by_chance_is_left_out() -> None:
    found = spoken(clips([*[11] * 11, *[12] * 12], [*range(11), 10, *range(50, 61)]), Groups(), [])
    assert 10 not in found.clips.recordings.tolist()
    assert len(found.clips) == 21
    assert len(set(found.kin.tolist())) == 2


def test_a_recording_that_many_characters_have_is_nobodys_voice() -> None:
    many = list(range(11, 12 + MOST_SHARING))
    found = spoken(clips([*many, 50], [*[5] * len(many), 6]), Groups(), [])
    assert found.clips.characters.tolist() == [50]


def test_a_recording_of_a_speaker_is_heard_once() -> None:
    known = Groups()
    known.add(11, 12, same=True)
    found = spoken(clips([11, 11, 12, 12], [5, 5, 5, 6]), known, [])
    assert found.clips.ids.tolist() == [1, 4]


def test_a_speakers_direction_is_the_mean_of_its_characters_by_their_clips() -> None:
    known = Groups()
    known.add(1, 2, same=True)
    means = np.eye(3, dtype=np.float32)
    found = directions(np.array([known.group_of(1)]), known, np.array([1, 2, 3]), means, np.array([3, 4, 9]))
    np.testing.assert_allclose(found, [[0.6, 0.8, 0.0]], atol=1e-6)


def test_random_directions_are_units_and_follow_the_seed() -> None:
    found = random_directions(5, 4, 1)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert (found == random_directions(5, 4, 1)).all()
    assert (found != random_directions(5, 4, 2)).any()
