"""`spksearch verdict`: given, listed, refused with a reason, undone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from end_to_end.bundled import Ingested, cast
from end_to_end.running import quickly

from speaker_search.library import Library
from speaker_search.settings import Settings

ONE, OTHER, THIRD = (role.address for role in cast()[:3])


@pytest.fixture
def home(ingested: Ingested, tmp_path: Path) -> Path:
    return ingested.copy(tmp_path / "home")


def test_a_verdict_is_given_listed_and_undone(home: Path) -> None:
    given = quickly("verdict", "same", ONE, OTHER, "--note", "by ear", "--author", "ann", "--json", home=home)
    assert given.code == 0, given.err
    id_ = given.document["id"]
    assert given.document["new"] is True
    assert {given.document["one"]["name"], given.document["other"]["name"]} == {
        ONE.rpartition("/")[2],
        OTHER.rpartition("/")[2],
    }
    again = quickly("verdict", "same", OTHER, ONE, home=home)
    assert (again.code, again.err) == (0, "")
    assert again.out.startswith(f"Verdict {id_} by ann has said so since ")
    refused = quickly("verdict", "different", ONE, OTHER, home=home)
    assert (refused.code, refused.out) == (2, "")
    assert f"by verdict {id_}." in refused.err
    assert f"`spksearch verdict undo {id_}`" in refused.err
    listed = quickly("verdict", "list", "--character", ONE, "--json", home=home).document
    assert [(v["id"], v["same"], v["author"], v["note"]) for v in listed["verdicts"]] == [(id_, True, "ann", "by ear")]
    assert quickly("verdict", "list", "--character", THIRD, home=home).code == 1
    undone = quickly("verdict", "undo", str(id_), "--author", "bea", home=home)
    assert (undone.code, undone.err) == (0, "")
    assert undone.out.startswith(f"Verdict {id_} is undone: ")
    assert quickly("verdict", "list", home=home).code == 1
    history = quickly("verdict", "list", "--history", home=home)
    assert (history.code, "undone by bea" in history.out) == (0, True)


def test_wrong_words_are_refused_in_a_sentence(home: Path) -> None:
    for words, says in {
        ("same", ONE, ONE): "Both are",
        ("different", ONE, "nobody"): "There is no character nobody",
        ("undo", "7"): "There is no verdict 7",
        ("same", ONE, OTHER, "--author", " "): "An author has 1 to 100 characters",
        ("list", "--cursor", "x"): "'x' is not a cursor",
    }.items():
        done = quickly("verdict", *words, "--json", home=home)
        assert (done.code, done.out) == (2, ""), words
        assert says in done.err
        assert json.dumps(done.err).count("\\n") == 1  # one line


def test_the_queue_shows_pairs_and_how_to_hear_and_judge_them(home: Path) -> None:
    """Of a character whose lines are of two people, as after a wrong merge: the bundled ones leave no doubt."""
    assert quickly("catalog", "merge", "character", ONE, OTHER, home=home).code == 0
    queue = quickly("cast", "--queue", "--limit", "2", "--json", home=home)
    assert (queue.code, queue.err) == (0, "")
    assert len(queue.document["pairs"]) == 2
    first = queue.document["pairs"][0]
    one, other = (line["id"] for line in first["lines"])
    shown = quickly("cast", "--queue", home=home)
    assert f"spksearch play {one}; spksearch play {other}" in shown.out
    assert "spksearch verdict same A B" in shown.err
    answered = quickly("verdict", "different", str(first["one"]["id"]), str(first["other"]["id"]), home=home)
    assert answered.code == 0
    later = quickly("cast", "--queue", "--limit", "1000", "--json", home=home).document["pairs"]
    assert (first["one"]["id"], first["other"]["id"]) not in {
        (pair["one"]["id"], pair["other"]["id"]) for pair in later
    }
    with Library(Settings(home=home)) as library:
        while pairs := library.listening_queue().pairs:
            library.judge(pairs[0].one.id, pairs[0].other.id, same=False)
    left = quickly("cast", "--queue", home=home)
    assert (left.code, "all but certain" in left.out) == (0, True)
    refused = quickly("cast", "--queue", "--export", "cast.html", home=home)
    assert (refused.code, refused.out) == (2, "")
