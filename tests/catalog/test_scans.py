"""Registering what a scan found: new, known, changed, relabelled, missing and gone clips."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from catalog.shelf import Shelf
from sqlalchemy import update

from speaker_search.catalog import clips, embeddings, tables
from speaker_search.catalog.outcomes import Outcome
from speaker_search.catalog.scans.register import ROWS_PER_TRANSACTION, Registered
from speaker_search.entities import Refusal
from speaker_search.sources import Candidate


def test_new_clips_wait_for_the_encoder(shelf: Shelf) -> None:
    assert shelf.scan(shelf.clip("a"), shelf.clip("b")) == Registered(new=2)
    assert shelf.state() == {"a": "pending", "b": "pending"}


def test_known_clips_are_known_by_path_size_and_time(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a", text="Good day."), shelf.clip("b"))
    shelf.embed_all()
    before = shelf.position(), shelf.labels(), shelf.ids()
    assert shelf.scan(shelf.clip("b"), shelf.clip("a", text="Good day.")) == Registered(known=2)
    assert (shelf.position(), shelf.labels(), shelf.ids()) == before
    assert shelf.state() == {"a": "embedded", "b": "embedded"}


@pytest.mark.parametrize(("size", "mtime"), [(101, 1), (100, 2), (100, 0)])
def test_a_changed_file_loses_its_embedding_in_every_space_and_waits_there_anew(
    shelf: Shelf, size: int, mtime: int
) -> None:
    other = shelf.another_space()
    for space in (shelf.space, other):
        shelf.scan(shelf.clip("a"), shelf.clip("b"), space=space)
        shelf.embed_all(space)
    before = [shelf.position(space) for space in (shelf.space, other)]
    assert shelf.scan(shelf.clip("a", size=size, mtime=mtime), shelf.clip("b")) == Registered(known=1, changed=1)
    assert shelf.state(shelf.space) == shelf.state(other) == {"a": "pending", "b": "embedded"}
    a = shelf.ids()["a"]
    for space, reached in zip((shelf.space, other), before, strict=True):
        assert [(entry.action, entry.clip_id) for entry in shelf.log(space, reached)] == [("removed", a)]
    with shelf.catalog.read() as connection:
        assert clips.clips_by_id(connection, [a])[a].seconds is None


def test_a_changed_file_that_was_refused_waits_anew_in_every_space(shelf: Shelf) -> None:
    other = shelf.another_space()
    for space in (shelf.space, other):
        shelf.scan(shelf.clip("a"), space=space)
        shelf.store(Outcome(shelf.ids()["a"], refusal=Refusal.SILENT, detail="Silent."), space=space)
    shelf.scan(shelf.clip("a", size=7))
    assert shelf.state(shelf.space) == shelf.state(other) == {"a": "pending"}
    assert shelf.count("changes") == 0


def test_a_changed_file_does_not_wait_in_a_space_that_never_knew_it(shelf: Shelf) -> None:
    other = shelf.another_space()
    shelf.scan(shelf.clip("a"))
    shelf.scan(shelf.clip("a", size=7))
    assert shelf.state(other) == {"a": "unknown"}


def test_a_changed_file_is_embedded_once_more_and_no_more(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"))
    shelf.embed_all(seed=1)
    shelf.scan(shelf.clip("a", size=7))
    anew = shelf.embed_all(seed=2)
    space = shelf.opened_space()
    assert shelf.scan(shelf.clip("a", size=7)) == Registered(known=1)
    assert shelf.embed_all() == {}
    with shelf.catalog.read() as connection:
        held = embeddings.vectors_of(connection, space, list(anew))
    assert {id_: vector.tobytes() for id_, vector in held.items()} == {id_: v.tobytes() for id_, v in anew.items()}


def test_a_file_that_is_gone_while_its_row_stays_is_gone_and_kept_in_every_space(shelf: Shelf) -> None:
    other = shelf.another_space()
    for space in (shelf.space, other):
        shelf.scan(shelf.clip("a"), space=space)
        shelf.embed_all(space)
    assert shelf.scan(shelf.missing("a")) == Registered(gone=1)
    assert shelf.state(shelf.space) == shelf.state(other) == {"a": "embedded"}
    assert shelf.position() == shelf.position(other) == 1


@pytest.mark.parametrize(("character", "text"), [("B", ""), (None, ""), ("A", "Good night.")])
def test_a_relabelled_clip_is_updated_and_keeps_its_embedding(shelf: Shelf, character: str | None, text: str) -> None:
    shelf.scan(shelf.clip("a"), shelf.clip("b"))
    shelf.embed_all()
    assert shelf.scan(shelf.clip("a", character, text), shelf.clip("b")) == Registered(known=1, relabelled=1)
    assert shelf.labels() == {"a": ("title", character, text), "b": ("title", "A", "")}
    assert shelf.state() == {"a": "embedded", "b": "embedded"}


def test_a_clip_may_be_changed_and_relabelled_at_once(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"))
    shelf.embed_all()
    assert shelf.scan(shelf.clip("a", "B", size=7)) == Registered(changed=1, relabelled=1)
    assert (shelf.labels(), shelf.state()) == ({"a": ("title", "B", "")}, {"a": "pending"})


def test_gone_clips_are_counted_and_kept(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"), shelf.clip("b"), shelf.clip("c"))
    shelf.embed_all()
    assert shelf.scan(shelf.clip("b")) == Registered(known=1, gone=2)
    assert shelf.state() == dict.fromkeys("abc", "embedded")


def test_missing_clips_are_refused_at_once_with_their_reason(shelf: Shelf) -> None:
    assert shelf.scan(shelf.missing("a"), shelf.clip("b")) == Registered(new=2, missing=1)
    assert shelf.state() == {"a": "missing", "b": "pending"}
    space = shelf.opened_space()
    with shelf.catalog.read() as connection:
        (refused,) = clips.refused_clips(connection, space)
    assert refused.path == shelf.root / "a"
    assert (refused.reason, refused.detail) == (
        "missing",
        "A row of the index names this clip, but there is no such file.",
    )


def test_two_rows_that_name_the_same_missing_file_are_one_clip(shelf: Shelf) -> None:
    assert shelf.scan(shelf.missing("a"), shelf.missing("a")) == Registered(new=1, missing=1)
    assert shelf.scan(shelf.missing("a")) == Registered(known=1)


def test_a_missing_clip_found_elsewhere_loses_its_old_row(shelf: Shelf) -> None:
    other = shelf.another_space()
    for space in (shelf.space, other):
        shelf.scan(shelf.missing("a.ogg"), shelf.clip("b"), space=space)
    assert shelf.scan(shelf.clip("voice/a.ogg"), shelf.clip("b")) == Registered(new=1, known=1)
    assert shelf.state() == {"voice/a.ogg": "pending", "b": "pending"}


def test_a_missing_clip_that_another_scan_finds_meanwhile_is_kept(shelf: Shelf) -> None:
    """The scan that still took it for missing failed, as it tried to delete a clip that was embedded by then."""
    shelf.scan(shelf.missing("a"))

    def late() -> Iterator[Candidate]:
        Shelf(shelf.catalog, shelf.space).scan(shelf.clip("a"))
        shelf.embed("a")
        yield shelf.clip("b")

    shelf.scan(clips=late())
    assert shelf.state() == {"a": "embedded", "b": "pending"}


def test_a_missing_clip_found_in_its_own_place_waits_to_be_embedded(shelf: Shelf) -> None:
    shelf.scan(shelf.missing("a"))
    assert shelf.scan(shelf.clip("a")) == Registered(changed=1)
    assert shelf.state() == {"a": "pending"}


def test_names_that_differ_in_width_and_case_are_one_and_stay_as_first_written(shelf: Shelf) -> None:
    """Within one scan too: there the second spelling must not win."""
    shelf.maker, shelf.title = "Ｍａｋｅｒ", "硝子ﾄ雨 II"
    shelf.scan(shelf.clip("a", "Ａｌｉｃｅ"), shelf.clip("b", "alice"), shelf.clip("c", " ALICE "))
    shelf.maker, shelf.title = "mAKER", "硝子ト雨 ｉｉ"
    shelf.scan(shelf.clip("a", "ALICE"), shelf.clip("b", "ａｌｉｃｅ"), shelf.clip("c", "Alice"))
    assert shelf.rows("makers.name") == ["Ｍａｋｅｒ"]
    assert shelf.rows("games.title") == ["硝子ﾄ雨 II"]
    assert shelf.rows("characters.name") == ["Ａｌｉｃｅ"]
    assert shelf.labels() == dict.fromkeys("abc", ("硝子ﾄ雨 II", "Ａｌｉｃｅ", ""))


def test_one_name_in_two_games_is_two_characters(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"))
    shelf.root, shelf.title = Path("/voices/maker_second"), "second"
    shelf.scan(shelf.clip("a"))
    assert shelf.rows("characters.name") == ["A", "A"]
    assert shelf.count("makers") == 1
    assert shelf.count("clips") == 2


def test_a_folder_taken_in_under_another_title_moves_to_that_game(shelf: Shelf) -> None:
    shelf.title = "Titel"
    shelf.scan(shelf.clip("a"))
    shelf.embed_all()
    shelf.title = "Title"
    shelf.scan(shelf.clip("a"))
    assert shelf.labels() == {"a": ("Title", "A", "")}
    assert shelf.rows("clips.character_id") == [max(shelf.rows("characters.id"))]  # type: ignore[type-var]
    assert shelf.state() == {"a": "embedded"}


def test_a_folder_of_unknown_speakers_taken_in_under_another_title_moves_to_that_game(shelf: Shelf) -> None:
    shelf.title = "Titel"
    shelf.scan(shelf.clip("a", None))
    shelf.title = "Title"
    assert shelf.scan(shelf.clip("a", None)) == Registered(relabelled=1)
    assert shelf.labels() == {"a": ("Title", None, "")}


def test_a_clip_of_an_unknown_speaker_has_no_character(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a", None, "Who is there?"))
    assert shelf.labels() == {"a": ("title", None, "Who is there?")}
    assert shelf.count("characters") == 0
    assert shelf.state() == {"a": "pending"}


def test_one_encoders_space_does_not_disturb_anothers(shelf: Shelf) -> None:
    other = shelf.another_space()
    shelf.scan(shelf.clip("a"), shelf.missing("b"))
    shelf.embed_all()
    before = shelf.log()
    assert shelf.state(other) == {"a": "unknown", "b": "unknown"}
    assert shelf.scan(shelf.clip("a"), shelf.missing("b"), space=other) == Registered(known=2)
    assert shelf.state(other) == {"a": "pending", "b": "missing"}
    shelf.store(Outcome(shelf.ids()["a"], refusal=Refusal.NO_SPEECH, detail="None."), space=other)
    assert shelf.state(other) == {"a": "no_speech", "b": "missing"}
    assert shelf.state() == {"a": "embedded", "b": "missing"}
    assert shelf.log() == before


def test_a_space_is_made_once(shelf: Shelf) -> None:
    assert shelf.another_space() == shelf.another_space() != shelf.space
    assert shelf.count("encoders") == 2


def test_refused_clips_wait_again_when_asked_but_not_missing_ones(shelf: Shelf) -> None:
    everything = [shelf.clip("silent"), shelf.clip("fine"), shelf.missing("nowhere")]
    shelf.scan(*everything)
    shelf.store(Outcome(shelf.ids()["silent"], refusal=Refusal.SILENT, detail="So."))
    shelf.embed_all()
    expected = {"silent": "silent", "fine": "embedded", "nowhere": "missing"}
    shelf.scan(*everything)
    assert shelf.state() == expected
    shelf.scan(*everything, retry=True)
    assert shelf.state() == expected | {"silent": "pending"}


@pytest.mark.parametrize("reason", [Refusal.MISSING, Refusal.UNREADABLE])
def test_a_clip_that_was_not_there_when_read_is_tried_again_once_a_scan_sees_it(shelf: Shelf, reason: Refusal) -> None:
    shelf.scan(shelf.clip("a"))
    shelf.store(Outcome(shelf.ids()["a"], refusal=reason, detail="Gone."))
    assert shelf.state() == {"a": str(reason)}
    shelf.scan(shelf.clip("a"))
    assert shelf.state() == {"a": "pending"}


def test_rows_that_share_a_missing_file_relabel_nothing(shelf: Shelf) -> None:
    for _ in range(3):
        counts = shelf.scan(shelf.missing("lost", "Ann"), shelf.missing("lost", "Bob"))
        assert counts.relabelled == 0


def test_retrying_refused_clips_leaves_other_folders_and_spaces_alone(shelf: Shelf) -> None:
    other = shelf.another_space()
    for space in (shelf.space, other):
        shelf.scan(shelf.clip("a"), space=space)
        shelf.store(Outcome(shelf.ids()["a"], refusal=Refusal.SILENT, detail="Silent."), space=space)
    shelf.root = Path("/voices/maker_second")
    shelf.scan(shelf.clip("b"), retry=True)
    assert shelf.state()["a"] == "silent"
    shelf.root = Path("/voices/maker_title")
    shelf.scan(shelf.clip("a"), retry=True)
    assert (shelf.state()["a"], shelf.state(other)["a"]) == ("pending", "silent")


def test_more_clips_than_fit_one_transaction_are_all_written(shelf: Shelf) -> None:
    count = ROWS_PER_TRANSACTION + 1
    # Each chunk brings characters of its own, and the last one a spelling of the first's.
    made = [shelf.clip(f"{n}", f"A{n * 3 // count}") for n in range(count - 1)] + [shelf.clip("last", "ａ0")]
    assert shelf.scan(clips=iter(made)) == Registered(new=count)
    assert shelf.rows("characters.name") == ["A0", "A1", "A2"]
    assert shelf.scan(clips=iter(made)) == Registered(known=count)
    assert set(shelf.state().values()) == {"pending"}


@pytest.mark.parametrize("killed_after", [1, ROWS_PER_TRANSACTION, ROWS_PER_TRANSACTION + 1])
def test_registering_that_is_interrupted_goes_on_the_next_time(shelf: Shelf, killed_after: int) -> None:
    shelf.scan(shelf.clip("changed", size=1), shelf.clip("relabelled", "B"), shelf.missing("found"))
    shelf.embed_all()
    before = shelf.position()
    count = killed_after + 10
    plain = [shelf.clip(f"{n}") for n in range(count - 3)]
    made = [shelf.clip("changed", size=2), shelf.clip("relabelled", "C"), *plain, shelf.clip("elsewhere/found")]

    def breaking() -> Iterator[Candidate]:
        yield from made[:killed_after]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shelf.scan(clips=breaking())
    written = killed_after // ROWS_PER_TRANSACTION * ROWS_PER_TRANSACTION
    again = shelf.scan(clips=iter(made))
    assert again.new + again.known + again.changed + again.relabelled == len(made)
    assert again.new == count - 2 - max(0, written - 2)
    state = shelf.state()
    assert state.pop("relabelled") == "embedded"
    assert set(state) == {"changed", "elsewhere/found", *(clip.path for clip in plain)}
    assert set(state.values()) == {"pending"}
    assert shelf.labels()["relabelled"] == ("title", "C", "")
    entries = [entry.action for entry in shelf.log(after=before)]
    assert sorted(entries) == ["relabelled", "removed"]


def test_threads_that_register_one_folder_at_once_leave_no_duplicates(
    shelf: Shelf, all_at_once: Callable[[Callable[[], object], int], list[object]]
) -> None:
    made = [shelf.clip(f"{n}", f"A{n % 7}") for n in range(500)] + [shelf.missing("lost", "A0")]
    all_at_once(lambda: shelf.scan(clips=iter(made)), 3)
    assert [shelf.count(table) for table in ("makers", "games", "roots", "characters", "clips")] == [1, 1, 1, 7, 501]
    assert shelf.state() == {clip.path: "pending" for clip in made} | {"lost": "missing"}
    assert shelf.scan(clips=iter(made)) == Registered(known=501)


def test_threads_that_register_changed_files_at_once_log_each_removal_once(
    shelf: Shelf, all_at_once: Callable[[Callable[[], object], int], list[object]]
) -> None:
    other = shelf.another_space()
    for space in (shelf.space, other):
        shelf.scan(clips=(shelf.clip(f"{n}") for n in range(100)), space=space)
        shelf.embed_all(space)
    all_at_once(lambda: shelf.scan(clips=(shelf.clip(f"{n}", size=7) for n in range(100))), 3)
    assert shelf.count("embeddings") == 0
    for space in (shelf.space, other):
        assert sorted(entry.action for entry in shelf.log(space)) == ["embedded"] * 100 + ["removed"] * 100
    assert set(shelf.state().values()) == set(shelf.state(other).values()) == {"pending"}


def test_a_row_changed_by_hand_is_seen_as_changed(shelf: Shelf) -> None:
    shelf.scan(shelf.clip("a"))
    with shelf.catalog.write() as connection:
        connection.execute(update(tables.clips).values(mtime_ns=5))
    assert shelf.scan(shelf.clip("a")) == Registered(changed=1)
