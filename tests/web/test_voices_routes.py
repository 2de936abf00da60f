"""The routes of recurring voices."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from fastapi.testclient import TestClient
from search.filling import around, fill, some_voices, units
from standin import DIM, StandInEncoder

from speaker_search.documents import INFERENCE
from speaker_search.library import Library
from speaker_search.settings import Settings
from speaker_search.web.app import create_app

pytestmark = pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)


@pytest.fixture
def client(settings: Settings) -> Iterator[tuple[Library, TestClient]]:
    with Library(settings, encoder=StandInEncoder()) as library:
        fill(library, some_voices(games=6, characters=8, clips=4, people=40, spread=0.3))
        with TestClient(create_app(library), base_url="http://localhost") as opened:
            yield library, opened


def test_voices_are_those_of_the_cast_and_say_that_they_are_inferred(client: tuple[Library, TestClient]) -> None:
    library, http = client
    found = http.get("/v1/voices").json()
    assert [voice["id"] for voice in found["voices"]] == [voice.id for voice in library.cast().voices]
    assert found["inference"] == INFERENCE
    one = found["voices"][0]
    assert http.get(f"/v1/voices/{one['id']}").json()["voice"] == one
    assert http.get("/v1/voices/999").status_code == 404


def test_a_games_cast_has_each_of_its_characters_once(client: tuple[Library, TestClient]) -> None:
    library, http = client
    own = {one.id for one in library.characters(game="game2").characters}
    game = library.characters(game="game2").characters[0].game.id
    found = http.get(f"/v1/games/{game}/cast").json()
    listed = [one["id"] for voice in found["voices"] for one in voice["characters"]]
    listed += [one["id"] for one in found["unlinked"]]
    assert own <= set(listed)
    assert len(listed) == len(set(listed))
    assert http.get("/v1/games/999/cast").status_code == 404


def test_a_characters_styles_are_its_clips_in_groups_with_the_most_typical_of_each(
    client: tuple[Library, TestClient],
) -> None:
    library, http = client
    rng = np.random.default_rng(5)
    calm, loud = units(rng.standard_normal((2, DIM)))
    lines = np.concatenate([around(calm, 20, rng, 0.3), around(loud, 8, rng, 0.3)])
    fill(library, {"maker/styles": {"two": lines, "one": around(calm, 20, rng, 0.3), "few": around(calm, 5, rng, 0.3)}})
    library.refresh()
    ids = {one.name: one.id for one in library.characters(game="styles").characters}
    found = {name: http.get(f"/v1/characters/{id_}/styles").json() for name, id_ in ids.items()}
    assert [(one["clips"], round(one["share"], 3)) for one in found["two"]["styles"]] == [(20, 0.714), (8, 0.286)]
    own = [{clip["id"] for clip in one["lines"]} for one in found["two"]["styles"]]
    first = min(one["id"] for one in http.get("/v1/clips", params={"character_id": ids["two"]}).json()["clips"])
    assert [len(ids) for ids in own] == [3, 3]
    assert all(id_ < first + 20 for id_ in own[0])
    assert all(id_ >= first + 20 for id_ in own[1])
    assert [one["clips"] for one in found["one"]["styles"]] == [20]
    assert (found["few"]["compared"], found["few"]["needed"], len(found["few"]["styles"])) == (5, 12, 1)
    assert http.get("/v1/characters/999999/styles").status_code == 404
