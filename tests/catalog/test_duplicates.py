"""The same audio: one clip with several places within a game, and two clips in two games."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from catalog.shelf import DIM, Shelf, fingerprint
from sqlalchemy import select

from speaker_search.catalog import clips, duplicates, people, tables
from speaker_search.catalog.outcomes import Outcome
from speaker_search.catalog.scans import gone
from speaker_search.catalog.scans.register import Registered
from speaker_search.sources import Candidate


def places(shelf: Shelf, path: str) -> list[str]:
    id_ = shelf.ids()[path]
    with shelf.catalog.read() as connection:
        return [name for _, name in clips.places(connection, id_)]


def test_the_same_audio_twice_in_a_game_is_one_clip_with_two_places(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"), shelf.clip("b"), shelf.clip("c"))
    assert shelf.hear(a="A", b="A", c="B").merged == 1
    assert shelf.state() == {"a": "embedded", "c": "embedded"}
    assert places(shelf, "a") == ["a", "b"]
    assert shelf.scan(shelf.clip("a"), shelf.clip("b"), shelf.clip("c")) == Registered(known=3)


def test_three_copies_heard_one_after_the_other_are_one_clip(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"), shelf.clip("b"), shelf.clip("c"))
    for path in "cab":
        shelf.hear(**{path: "A"})
    assert shelf.state() == {"c": "embedded"}
    assert places(shelf, "c") == ["c", "a", "b"]
    assert shelf.count("embeddings") == 1


def test_a_moved_file_is_the_clip_it_was(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a", text="Hello."))
    shelf.hear(a="A")
    id_ = shelf.ids()["a"]
    assert shelf.scan(shelf.clip("elsewhere/a")) == Registered(new=1, gone=1)
    assert shelf.hear(**{"elsewhere/a": "A"}).merged == 1
    assert shelf.ids() == {"elsewhere/a": id_}
    assert places(shelf, "elsewhere/a") == ["elsewhere/a"]
    assert shelf.rows("clips.text") == ["Hello."]
    assert shelf.scan(shelf.clip("elsewhere/a", text="Hello.")) == Registered(known=1)


def test_the_same_audio_in_two_games_stays_two_clips(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"))
    shelf.hear(a="A")
    shelf.root, shelf.title = Path("/voices/other"), "other"
    shelf.scan(shelf.clip("b"))
    assert shelf.hear(b="A").merged == 0
    assert shelf.state() == {"a": "embedded", "b": "embedded"}


def test_the_same_audio_under_two_characters_stays_two_clips(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a", "A"), shelf.clip("b", "B"))
    assert shelf.hear(a="A", b="A").merged == 0
    assert shelf.state() == {"a": "embedded", "b": "embedded"}


def test_a_clip_learns_who_speaks_and_what_from_its_copy(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a", None), shelf.clip("b", "Ann", "Hello."))
    shelf.hear(a="A", b="A")
    space = shelf.opened_space()
    with shelf.catalog.read() as connection:
        (ann,) = people.list_characters(connection, space)
        (clip,) = clips.clips_of(connection, ann.id, limit=10)
    assert (ann.name, ann.clips, clip.text, clip.path.name) == ("Ann", 1, "Hello.", "a")


def test_the_vector_of_a_known_audio_is_found_in_its_own_space_only(shelf: Shelf) -> None:
    own, other = shelf.opened_space(), shelf.opened_space(shelf.another_space())
    shelf.scan(shelf.clip("a"))
    shelf.hear(a="B")
    b, c = fingerprint("B"), fingerprint("C")
    with shelf.catalog.read() as connection:
        found = duplicates.known_vectors(connection, own, [b, c])
        assert {key: vector.tolist() for key, vector in found.items()} == {b: [0.0, 1.0, 0.0, 0.0]}
        assert duplicates.known_vectors(connection, other, [b]) == {}


def test_a_copy_heard_by_a_second_encoder_gives_its_vector_to_the_clip_it_is(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"))
    shelf.hear(a="A")
    other = shelf.another_space()
    shelf.scan(shelf.clip("a"), shelf.clip("b"), space=other)
    assert shelf.state(other) == {"a": "pending", "b": "pending"}
    assert shelf.hear(other, b="A").merged == 1
    assert shelf.state() == shelf.state(other) == {"a": "embedded"}


def test_the_copy_of_a_file_that_changes_becomes_a_clip_of_its_own(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"), shelf.clip("b"))
    shelf.hear(a="A", b="A")
    assert shelf.scan(shelf.clip("a", mtime=2), shelf.clip("b")) == Registered(changed=1, known=1)
    assert shelf.state() == {"a": "pending", "b": "pending"}
    shelf.hear(a="B", b="A")
    assert shelf.state() == {"a": "embedded", "b": "embedded"}


def test_a_copy_that_is_detached_stays_in_its_characters_game(shelf: Shelf) -> None:
    """Its clip had moved to another game: the copy followed it there, with a character of the first game."""
    shelf.scan(shelf.clip("a"), shelf.clip("b"))
    shelf.hear(a="A", b="A")
    first, shelf.title = shelf.title, "other"
    shelf.scan(shelf.clip("a"))
    shelf.scan(shelf.clip("a", mtime=2))
    assert {path: game for path, (game, _, _) in shelf.labels().items()} == {"a": "other", "b": first}
    with shelf.catalog.read() as connection:
        c, who = tables.clips.c, tables.characters.c
        pairs = select(c.game_id, who.game_id).join_from(tables.clips, tables.characters)
        assert all(game == of_character for game, of_character in connection.execute(pairs))


def test_a_changed_copy_is_a_clip_of_its_own(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"), shelf.clip("b"))
    shelf.hear(a="A", b="A")
    assert shelf.scan(shelf.clip("a"), shelf.clip("b", mtime=2)) == Registered(known=1, new=1)
    shelf.hear(b="B")
    assert shelf.state() == {"a": "embedded", "b": "embedded"}
    assert places(shelf, "a") == ["a"]


def test_a_clip_whose_own_file_is_gone_goes_on_at_its_copy(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"), shelf.clip("b"))
    shelf.hear(a="A", b="A")
    assert shelf.scan(shelf.clip("b")) == Registered(known=1)
    assert shelf.state() == {"b": "embedded"}
    assert places(shelf, "b") == ["b"]


def test_clips_that_are_gone_are_forgotten_only_when_asked(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"), shelf.clip("b"), shelf.clip("c"))
    shelf.hear(a="A", b="B")
    for _ in range(2):
        assert shelf.scan(shelf.clip("a")) == Registered(known=1, gone=2)
    assert shelf.scan(shelf.clip("a"), shelf.clip("c")) == Registered(known=2, gone=1)
    assert set(shelf.ids()) == set("abc")
    reached = shelf.position()
    assert gone.forget_gone(shelf.catalog) == 1
    assert shelf.state() == {"a": "embedded", "c": "pending"}
    assert shelf.position() == reached + 1  # so that views take it out
    assert gone.forget_gone(shelf.catalog) == 0


def test_workers_that_hear_the_same_audio_at_once_leave_one_clip(
    shelf: Shelf, all_at_once: Callable[[Callable[[], object], int], list[object]]
) -> None:
    count = 24
    shelf.scan(*(shelf.clip(f"{n:02}") for n in range(count)))
    parts = iter([[f"{n:02}" for n in range(start, count, 4)] for start in range(4)])
    vector = np.ones(DIM, np.float32)

    def work() -> None:
        for path in next(parts):
            shelf.store(Outcome(ids[path], 1.0, vector, fingerprint=fingerprint("A")))

    ids = shelf.ids()
    all_at_once(work, 4)
    assert shelf.count("clips") == shelf.count("embeddings") == 1
    assert shelf.count("copies") == count - 1


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_a_clip_that_moves_to_another_game_of_the_same_folder_keeps_its_embedding(shelf: Shelf, order: str) -> None:
    """A list may name another game for a file than it did before."""
    shelf.scan(shelf.clip("a"), shelf.clip("b"))
    shelf.hear(a="A", b="B")
    first, shelf.title = shelf.title, "other"
    for title in order:
        shelf.title = {"a": first, "b": "other"}[title]
        shelf.scan(shelf.clip(title))
    assert shelf.state() == {"a": "embedded", "b": "embedded"}
    assert {path: game for path, (game, _, _) in shelf.labels().items()} == {"a": first, "b": "other"}
    assert shelf.rows("clips.gone") == [False, False]


def test_a_clip_keeps_what_its_copy_told_when_the_same_files_are_scanned_again(shelf: Shelf) -> None:
    rows = (shelf.clip("a", None), shelf.clip("b", "Ann", "Hello."))
    shelf.scan(*rows)
    shelf.hear(a="A", b="A")
    assert shelf.scan(*rows) == Registered(known=2)
    assert shelf.labels() == {"a": ("title", "Ann", "Hello.")}


def test_a_copy_that_becomes_another_characters_line_is_a_clip_of_its_own(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a", "Ann"), shelf.clip("b", "Ann"))
    shelf.hear(a="A", b="A")
    assert shelf.scan(shelf.clip("a", "Ann"), shelf.clip("b", "Bob")) == Registered(known=1, new=1)
    assert shelf.hear(b="A").merged == 0
    assert shelf.state() == {"a": "embedded", "b": "embedded"}
    assert shelf.count("copies") == 0


def test_clips_and_their_copies_can_move_to_another_game_of_their_folder(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"), shelf.clip("b"))
    shelf.hear(a="A", b="A")
    shelf.title = "renamed"
    for _ in range(2):
        shelf.scan(shelf.clip("a"), shelf.clip("b"))
        shelf.hear(**({"b": "A"} if shelf.state().get("b") == "pending" else {}))
    assert shelf.state() == {"a": "embedded"}
    assert places(shelf, "a") == ["a", "b"]


def test_a_scan_that_missed_a_merge_in_the_meantime_does_no_harm(shelf: Shelf) -> None:
    """Two programs scan one folder, and one of them read the catalog before the other's clips were merged."""
    shelf.scan(shelf.clip("a"))
    shelf.hear(a="A")

    def late() -> Iterator[Candidate]:
        yield shelf.clip("a")
        Shelf(shelf.catalog, shelf.space).scan(shelf.clip("a"), shelf.clip("b"))  # the other program, all of it
        shelf.hear(b="A")
        yield shelf.clip("b")

    shelf.scan(clips=late())
    shelf.hear(b="A")
    assert shelf.state() == {"a": "embedded"}
    assert places(shelf, "a") == ["a", "b"]
    assert shelf.scan(shelf.clip("a"), shelf.clip("b")) == Registered(known=2)


def test_a_copy_in_another_folder_waits_for_every_encoder_that_knew_its_clip(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"))
    other = Shelf(shelf.catalog, shelf.space, root=Path("/voices/second"))
    other.scan(shelf.clip("b", text="B's own."))
    shelf.hear(a="A", b="A")
    shelf.scan(shelf.clip("a", mtime=2))
    assert shelf.state() == {"a": "pending", "b": "pending"}
    assert "B's own." in shelf.rows("clips.text")


def test_a_file_that_is_still_there_is_not_gone_when_a_list_stops_naming_it(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"), shelf.clip("b"))
    shelf.hear(a="A", b="B")
    assert shelf.scan(shelf.clip("b"), there={"a"}) == Registered(known=1)
    assert shelf.rows("clips.gone") == [False, False]
    assert shelf.scan(shelf.clip("b")) == Registered(known=1, gone=1)


def test_a_row_whose_file_has_vanished_keeps_its_embedding_and_is_gone(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a", text="Hello."), shelf.clip("b"))
    shelf.hear(a="A", b="B")
    assert shelf.scan(shelf.missing("a", text="Hello."), shelf.clip("b")) == Registered(known=1, gone=1)
    assert shelf.state() == {"a": "embedded", "b": "embedded"}
    assert shelf.scan(shelf.clip("a", text="Hello."), shelf.clip("b")) == Registered(known=2)
    assert shelf.rows("clips.gone") == [False, False]


def test_two_scans_that_meet_characters_in_opposite_order_do_not_wait_for_each_other_forever(
    shelf: Shelf, all_at_once: Callable[[Callable[[], object], int], list[object]]
) -> None:
    names = [f"役{number:03}" for number in range(300)]
    orders = iter([names, names[::-1]])

    def work() -> None:
        order = next(orders)
        own = Shelf(shelf.catalog, shelf.space, root=Path("/voices") / order[0])
        own.scan(*(shelf.clip(name, name) for name in order))

    all_at_once(work, 2)
    assert shelf.count("characters") == 300
    assert shelf.count("clips") == 600
