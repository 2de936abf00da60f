"""How people name characters, games and makers: in full, or as much as is unique."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from catalog.shelf import Shelf

from speaker_search.catalog import people
from speaker_search.catalog.database import Catalog
from speaker_search.errors import NotFoundError, UsageError

Find = Callable[[str], str]


@pytest.fixture
def find(shelf: Shelf) -> Find:
    """The address of the character that a name finds."""
    shelf.scan(shelf.clip("1", "白瀬 ひかり"), shelf.clip("2", "Ｍｉｍｉ"), shelf.clip("3", "Aoi"))
    other = replace(shelf, root=shelf.root / "other", title="other")
    other.scan(shelf.clip("1", "Aoi"), shelf.clip("2", "21"), shelf.clip("3", "title/Aoi"))

    def found(wanted: str) -> str:
        with shelf.catalog.read() as connection:
            return people.find_character(connection, None, wanted).address

    return found


def test_as_much_of_a_characters_name_as_is_unique_is_enough(find: Find) -> None:
    assert find("mimi") == find("Title/ＭＩＭＩ") == "maker/title/Ｍｉｍｉ"
    assert find("other/aoi") == "maker/other/Aoi"
    assert find("21") == "maker/other/21"  # no character has that id
    assert find("1") == "maker/title/白瀬 ひかり"
    assert find("title/Aoi") == "maker/title/Aoi"  # the most parts win; maker/other/title/Aoi is called in full
    assert find("maker/other/title/Aoi") == "maker/other/title/Aoi"


def test_several_characters_of_a_name_are_listed(find: Find) -> None:
    with pytest.raises(UsageError, match=r"are called Aoi: maker/title/Aoi \(id 3\), maker/other/Aoi \(id 4\)\. Give"):
        find("Aoi")


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        ("ひかり", "白瀬 ひかり"),
        ("白瀬ひかり", "白瀬 ひかり"),
        ("mimii", "Ｍｉｍｉ"),
        ("maker/titel/mimi", "maker/title/Ｍｉｍｉ"),
        ("other/Aio", "other/Aoi"),
    ],
)
def test_near_misses_are_suggested(find: Find, wanted: str, meant: str) -> None:
    with pytest.raises(NotFoundError, match=f"^There is no character {wanted}. Did you mean .*{meant}"):
        find(wanted)


def test_what_is_near_nothing_suggests_nothing(find: Find) -> None:
    with pytest.raises(NotFoundError, match=r"^There is no character 999\. See `spksearch catalog list`\.$"):
        find("999")


def test_near_misses_of_games_and_makers_are_suggested(find: Find, catalog: Catalog) -> None:
    assert find("1")
    with catalog.read() as connection:
        with pytest.raises(NotFoundError, match=r"^There is no game titel\. Did you mean title\?"):
            people.games_called(connection, ["titel"])
        with pytest.raises(NotFoundError, match=r"^There is no maker Makers\. Did you mean maker\?"):
            people.makers_called(connection, ["Makers"])
