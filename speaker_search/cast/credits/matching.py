"""Which of the catalog's characters a list of credits means. Where two characters fit, it does not guess."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from speaker_search.cast.credits.games_matched import Games, match_games
from speaker_search.cast.credits.listed import CreditList, ListedCast, ListedCharacter, ListedGame
from speaker_search.cast.credits.spellings import compact, keys, parts, romaji
from speaker_search.catalog.knowledge.kept_credits import RosterCharacter, RosterGame
from speaker_search.entities import fold

KINDS = "=cors"  # of keys, the surest first; see `spellings.keys`
PART = "p"  # of keys: a part of a name, such as the given name
_WITH_ID = re.compile(r"\(id (\d+)\)$")  # maker/game/name (id 12), as `--unmatched` writes candidates
SHOWN_AS = "@"  # dumps write "shown＠real": the name on the screen, then the character who really speaks


class Fit(StrEnum):
    MATCHED = "matched"
    AMBIGUOUS = "ambiguous"
    UNMATCHED = "unmatched"


@dataclass(frozen=True, slots=True)
class Found:
    """What became of one of the list's characters."""

    game: ListedGame
    character: ListedCharacter
    fit: Fit
    to: tuple[int, ...] = ()  #: ids of the catalog's characters that it was matched to; usually one
    reason: str = ""  #: why it is not matched
    candidates: tuple[int, ...] = ()  #: the catalog's characters that it may be
    games: tuple[int, ...] = ()  #: the catalog's games that it is or may be in


@dataclass(frozen=True, slots=True)
class Matching:
    """What became of the credited characters of a list; of a dump, of those in games that the catalog may have."""

    found: list[Found] = field(default_factory=list)
    games: Games = field(default_factory=Games)


def match(listed: CreditList, roster: Sequence[RosterGame], *, every_game: bool) -> Matching:
    """Match a list to the catalog: games first, then the characters within each matched game.

    With `every_game`, the result also reports characters whose game the catalog does not have.
    """
    casts: dict[str, ListedCast] = {}

    def cast(game: ListedGame) -> ListedCast:
        if game.id not in casts:
            casts[game.id] = listed.cast(game)
        return casts[game.id]

    games = match_games(listed.games, roster, cast)
    here: defaultdict[str, list[RosterGame]] = defaultdict(list)
    maybe_here: defaultdict[str, list[RosterGame]] = defaultdict(list)
    for game in roster:
        if game.id in games.chosen:
            here[games.chosen[game.id]].append(game)
        for possible in games.possible.get(game.id, ()):
            maybe_here[possible].append(game)
    if every_game:  # a game of the same title by another maker: the reader may mean that one, so it is a candidate
        titled: defaultdict[str, dict[int, RosterGame]] = defaultdict(dict)
        for game in roster:
            for key in (key for title in game.titles for key in keys(title)):
                titled[key][game.id] = game
        for one in listed.games:
            if one.id not in here and one.id not in maybe_here:
                fitting = {
                    id_: game for title in one.titles for key in keys(title) for id_, game in titled[key].items()
                }
                maybe_here[one.id] = list(fitting.values())
    addresses = _addresses(roster)
    matching = Matching(games=games)
    for one in listed.games:
        if every_game or here.get(one.id) or maybe_here.get(one.id):
            matching.found.extend(_in_game(one, cast(one), here[one.id], maybe_here[one.id], addresses))
    return matching


def _addresses(roster: Iterable[RosterGame]) -> dict[str, int]:
    """The id of every character, by the id as text and by the address: a reader may fill in either."""
    found: dict[str, int] = {}
    for game in roster:
        for one in game.characters:
            found[str(one.id)] = found[fold(f"{game.makers[0]}/{game.titles[0]}/{one.names[0]}")] = one.id
    return found


def _id(chosen: str) -> str:
    found = _WITH_ID.search(chosen)
    return found[1] if found else chosen


def _in_game(
    game: ListedGame,
    cast: ListedCast,
    here: Sequence[RosterGame],
    maybe_here: Sequence[RosterGame],
    addresses: dict[str, int],
) -> Iterator[Found]:
    """Match the characters of one game, and those of related games that appear in it."""
    certain: defaultdict[int, list[int]] = defaultdict(list)  # id() of a listed character -> ours
    possible: defaultdict[int, list[int]] = defaultdict(list)
    own = [one for one in cast.own if not one.chosen]
    for ours in here:
        for character, those, clear in _characters(ours, own, cast.related):
            where = certain if clear else possible
            for one in those:
                where[id(one)].append(character)
    for ours in maybe_here:
        for character, those, _ in _characters(ours, own, ()):
            for one in those:
                possible[id(one)].append(character)
    ids = tuple(one.id for one in (*here, *maybe_here))
    for one in (*cast.own, *(one for one in cast.related if id(one) in certain or id(one) in possible)):
        if not one.credits:
            continue
        to, candidates = tuple(certain.get(id(one), ())), tuple(possible.get(id(one), ()))
        if one.chosen:
            chosen = addresses.get(_id(one.chosen)) or addresses.get(fold(one.chosen))
            to, candidates = ((chosen,) if chosen else ()), ()
        if to and not one.doubt:
            yield Found(game, one, Fit.MATCHED, to, games=ids)
        elif to:
            yield Found(game, one, Fit.AMBIGUOUS, reason=one.doubt, candidates=to, games=ids)
        elif candidates:
            several = "several characters fit" if here else "the game may be another one of the same title"
            yield Found(game, one, Fit.AMBIGUOUS, reason=several, candidates=candidates, games=ids)
        elif one.chosen:
            yield Found(game, one, Fit.UNMATCHED, reason="the chosen character is not in the catalog", games=ids)
        else:
            reason = "no character of that name" if ids else "no game of that title and maker"
            yield Found(game, one, Fit.UNMATCHED, reason=reason, games=ids)


Index = dict[str, dict[int, ListedCharacter]]


def _characters(
    game: RosterGame, own: Sequence[ListedCharacter], related: Sequence[ListedCharacter]
) -> Iterator[tuple[int, list[ListedCharacter], bool]]:
    """For each of the catalog's characters that fits the list: its id, what it fits, and whether that is certain.

    Whole names are tried before parts of names. A part of a name is certain only if it fits a single character that
    nothing else here fits.
    """
    by_name, elsewhere = _index(own), _index(related)
    whole: dict[int, list[ListedCharacter]] = {}
    for one in game.characters:
        fitting = _fitting(one, by_name) or _fitting(one, elsewhere)
        if fitting:
            whole[one.id] = fitting
            yield one.id, fitting, len(fitting) == 1
    taken = {id(one) for those in whole.values() for one in those}
    by_part = {one.id: those for one in game.characters if one.id not in whole and (those := _by_parts(one, by_name))}
    named = [id(those[0]) for those in by_part.values() if len(those) == 1]
    for id_, those in by_part.items():
        clear = len(those) == 1 and id(those[0]) not in taken and named.count(id(those[0])) == 1
        yield id_, those, clear


def _index(cast: Iterable[ListedCharacter]) -> Index:
    """The list's characters by the keys of their names and parts of names; those of aliases begin with an "a"."""
    index: defaultdict[str, dict[int, ListedCharacter]] = defaultdict(dict)
    for one in cast:
        for name in one.names:
            pieces = [*parts(name), *(romaji(piece) for piece in parts(name))]
            for key in (*keys(name), *(PART + piece for piece in pieces if piece)):
                index[key][id(one)] = one
        for alias in one.aliases:
            for key in keys(alias):
                index["a" + key][id(one)] = one
    return index


def _fitting(character: RosterCharacter, index: Index) -> list[ListedCharacter]:
    """The listed characters that a character's whole name fits, by the surest kind of key that finds any."""
    if not index:
        return []
    ours = [key for name in _all_names(character) for key in keys(name)]
    for kind in KINDS:
        for prefix in ("", "a"):
            found = {id(one): one for key in ours if key[0] == kind for one in index.get(prefix + key, {}).values()}
            if found:
                return _distinct(list(found.values()))
    return []


def _by_parts(character: RosterCharacter, index: Index) -> list[ListedCharacter]:
    """The listed characters whose name contains a character's name, or is contained in it."""
    wanted = set()
    for name in _all_names(character):
        wanted |= {PART + compact(name), PART + romaji(name), *(kind + part for part in parts(name) for kind in "cr")}
    found = {id(one): one for key in wanted if len(key) > 1 for one in index.get(key, {}).values()}
    return _distinct(list(found.values()))


def _all_names(character: RosterCharacter) -> Iterator[str]:
    for name in character.names:
        yield name
        _, at, real = name.replace("＠", SHOWN_AS).partition(SHOWN_AS)
        if at and real.strip():
            yield real.strip()


def _distinct(found: list[ListedCharacter]) -> list[ListedCharacter]:
    """One of several characters if all have the same credits, such as one person's roles in a series."""
    if len(found) > 1 and found[0].credits and not any(one.doubt for one in found):
        people = {frozenset(credit.person for credit in one.credits) for one in found}
        if len(people) == 1:
            return found[:1]
    return found
