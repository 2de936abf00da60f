"""Verdicts on either database: given once, refused when they contradict others, undone, and never lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from speaker_search.cast.verdicts import consistent, give, undo
from speaker_search.catalog import tables
from speaker_search.catalog.database import Catalog, open_catalog
from speaker_search.catalog.knowledge.kept_verdicts import kept_verdicts, lock_verdicts
from speaker_search.entities import Verdict
from speaker_search.errors import ContradictionError, NotFoundError, UsageError

NAMES = "ABCDEFGH"


@pytest.fixture
def people(catalog: Catalog) -> Catalog:
    return with_characters(catalog)


def with_characters(catalog: Catalog) -> Catalog:
    """The catalog, with characters A to H, whose ids are 1 to 8."""
    with catalog.write() as connection:
        connection.execute(tables.makers.insert().values(name="Kumo", key="kumo"))
        connection.execute(tables.games.insert().values(maker_id=1, title="Hare", key="hare"))
        for name in NAMES:
            row = {"game_id": 1, "name": name, "key": name.casefold()}
            connection.execute(tables.characters.insert().values(row))
        assert list(connection.execute(select(tables.characters.c.id)).scalars()) == [1, 2, 3, 4, 5, 6, 7, 8]
    return catalog


@pytest.fixture
def second(people: Catalog, catalog_url: str) -> Iterator[Catalog]:
    """The same catalog, opened by another program."""
    opened = open_catalog(catalog_url)
    yield opened
    opened.close()


def say(catalog: Catalog, words: str) -> Verdict:
    """A verdict such as "A=B" or "A≠B"."""
    return give(catalog, words[0], words[2], same=words[1] == "=", author="ann", note="")[0]


def standing(catalog: Catalog) -> list[str]:
    with catalog.read() as connection:
        found = kept_verdicts(connection)
    return [f"{NAMES[v.one_id - 1]}{'=' if v.same else '≠'}{NAMES[v.other_id - 1]}" for v in found]


def test_a_verdict_is_kept_with_who_gave_it_and_why(people: Catalog) -> None:
    verdict, new = give(people, "Kumo/Hare/B", "1", same=True, author="ann", note="credited in both")
    assert new
    assert (verdict.one_id, verdict.other_id, verdict.same) == (1, 2, True)
    assert (verdict.author, verdict.note, verdict.undone_at) == ("ann", "credited in both", None)


def test_the_same_verdict_given_twice_is_one(people: Catalog) -> None:
    first = say(people, "A=B")
    assert give(people, "B", "A", same=True, author="bea", note="") == (first, False)
    assert standing(people) == ["A=B"]


@pytest.mark.parametrize(
    ("before", "words", "because"),
    [
        (["A=B"], "A≠B", "Kumo/Hare/A (id 1) = Kumo/Hare/B (id 2) by verdict 1."),
        (
            ["A=B", "B=C"],
            "C≠A",
            "C (id 3) = Kumo/Hare/B (id 2) by verdict 2, Kumo/Hare/B (id 2) = Kumo/Hare/A (id 1) by",
        ),
        (["A=B", "C≠B", "C=D"], "A=D", "B (id 2) ≠ Kumo/Hare/C (id 3) by verdict 2"),
    ],
)
def test_a_contradiction_is_refused_with_the_chain_and_the_mend(
    people: Catalog, before: list[str], words: str, because: str
) -> None:
    for earlier in before:
        say(people, earlier)
    with pytest.raises(ContradictionError) as refused:
        say(people, words)
    assert because in refused.value.detail
    assert "`spksearch verdict undo 1`" in refused.value.mend
    assert len(standing(people)) == len(before)


def test_an_undone_verdict_stays_as_history_and_counts_no_more(people: Catalog) -> None:
    first = say(people, "A=B")
    undone, new = undo(people, first.id, author="bea")
    assert (new, undone.undone_by, undone.author) == (True, "bea", "ann")
    assert undo(people, first.id, author="cid") == (undone, False)
    assert say(people, "A≠B").id == 2
    with people.read() as connection:
        assert [verdict.id for verdict in kept_verdicts(connection, history=True)] == [1, 2]
    assert standing(people) == ["A≠B"]


def test_wrong_requests_are_refused(people: Catalog) -> None:
    with pytest.raises(UsageError, match="Both are Kumo/Hare/A"):
        give(people, "A", "1", same=True, author="ann", note="")
    with pytest.raises(NotFoundError, match="no character Z"):
        give(people, "A", "Z", same=True, author="ann", note="")
    for id_ in (7, 2**80):
        with pytest.raises(NotFoundError, match=f"no verdict {id_}"):
            undo(people, id_, author="ann")


@pytest.mark.parametrize("words", [("A=B", "A≠B"), ("A=B", "B=C", "C≠A"), ("A=B", "A≠C", "C=B")])
def test_of_contradictory_verdicts_at_the_same_moment_one_is_refused(
    people: Catalog, second: Catalog, words: tuple[str, ...]
) -> None:
    def outcome(catalog: Catalog, verdict: str) -> bool:
        try:
            say(catalog, verdict)
        except ContradictionError:
            return False
        return True

    for _ in range(10):
        with ThreadPoolExecutor(len(words)) as pool:
            given = [pool.submit(outcome, (people, second)[place % 2], verdict) for place, verdict in enumerate(words)]
            assert sum(each.result() for each in given) == len(words) - 1
        with people.write() as connection:
            held = kept_verdicts(connection)
            assert consistent(held) == held
            connection.execute(tables.verdicts.delete())


def test_the_same_verdict_at_the_same_moment_is_one(people: Catalog, second: Catalog) -> None:
    with ThreadPoolExecutor(2) as pool:
        given = [pool.submit(say, catalog, "A=B") for catalog in (people, second)]
        assert len({each.result().id for each in given}) == 1


def test_a_verdict_waits_for_the_one_being_given_and_then_sees_it(
    postgres_catalog: Catalog, until_blocked: Callable[[Catalog, int], list[str]]
) -> None:
    catalog = with_characters(postgres_catalog)
    with ThreadPoolExecutor(1) as pool:
        with catalog.write() as connection:
            lock_verdicts(connection)
            waiting = pool.submit(say, catalog, "A≠B")
            until_blocked(catalog, 1)
            row = {"one_id": 1, "other_id": 2, "same": True, "author": "ann", "note": "", "at": 0.0}
            connection.execute(tables.verdicts.insert().values(row))
        with pytest.raises(ContradictionError):
            waiting.result()


def test_verdicts_follow_characters_that_are_merged_and_back(people: Catalog) -> None:
    say(people, "A=B")
    say(people, "C≠B")
    c = tables.characters.c
    with people.write() as connection:
        connection.execute(update(tables.characters).where(c.id == 2).values(merged_into_id=4))
        connection.execute(update(tables.characters).where(c.id == 4).values(merged_into_id=5))
    assert standing(people) == ["A=E", "E≠C"]
    with pytest.raises(ContradictionError):
        say(people, "A=C")
    with people.write() as connection:
        connection.execute(update(tables.characters).values(merged_into_id=None))
    assert sorted(standing(people)) == ["A=B", "B≠C"]
