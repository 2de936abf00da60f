"""Which game of a list each of the catalog's games is: by title and maker, confirmed by characters where in doubt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from speaker_search.cast.credits.listed import ListedCast, ListedGame
from speaker_search.cast.credits.spellings import compact, keys, main_title, romaji
from speaker_search.catalog.knowledge.kept_credits import RosterGame

CONFIRMING = 2  # characters of one name confirm a game whose maker is another or not known
KINDS = "=cr"  # of keys that titles are compared by, the surest first: as written, compact, in Latin letters

CastOf = Callable[[ListedGame], ListedCast]


@dataclass(frozen=True, slots=True)
class Games:
    """The list's game, by its id, of each of the catalog's games that has one; or the ones that it may be."""

    chosen: dict[int, str] = field(default_factory=dict)
    possible: dict[int, tuple[str, ...]] = field(default_factory=dict)


def match_games(listed: Sequence[ListedGame], roster: Iterable[RosterGame], cast: CastOf) -> Games:
    """Match by full titles first. Then, with the same maker, match a title that has a subtitle to one without."""
    index: defaultdict[str, dict[str, ListedGame]] = defaultdict(dict)
    mains: defaultdict[str, dict[str, ListedGame]] = defaultdict(dict)
    for one in listed:
        for title in one.titles:
            for key in keys(title):
                index[key][one.id] = one
            mains[compact(main_title(title))][one.id] = one
    games, left = Games(), []
    for game in roster:
        fitting, clear = _by_title(game, index, cast)
        if clear:
            games.chosen[game.id] = fitting[0].id
        elif fitting:
            games.possible[game.id] = tuple(sorted(one.id for one in fitting))
        else:
            left.append(game)
    taken = set(games.chosen.values())
    for game in left:
        found = sorted({one.id for one in _by_main_title(game, mains) if one.id not in taken})
        if len(found) == 1:
            games.chosen[game.id] = found[0]
        elif found:
            games.possible[game.id] = tuple(found)
    return games


def _by_title(game: RosterGame, index: dict[str, dict[str, ListedGame]], cast: CastOf) -> tuple[list[ListedGame], bool]:
    """The list's games with a title of one of the catalog's, and whether it is clear that the first is meant."""
    for kind in KINDS:
        looked_up = (key for title in game.titles for key in keys(title) if key[0] == kind)
        fitting = list({one.id: one for key in looked_up for one in index.get(key, {}).values()}.values())
        if not fitting:
            continue
        agreeing = [one for one in fitting if agree(game.makers, one.makers)]
        if len(agreeing) == 1:
            return agreeing, True
        among = agreeing or fitting
        if len(among) == 1 and not (among[0].makers and any(map(compact, game.makers))):
            return among, True  # one of the two has no maker
        confirmed = [one for one in among if _shared(game, cast(one)) >= CONFIRMING]
        return (confirmed, True) if len(confirmed) == 1 else (among, False)
    return [], False


def _by_main_title(game: RosterGame, mains: dict[str, dict[str, ListedGame]]) -> list[ListedGame]:
    fitting: dict[str, ListedGame] = {}
    for title in game.titles:
        main = compact(main_title(title))
        for one in mains.get(main, {}).values():
            whole = main == compact(title) or main in map(compact, one.titles)  # one of the two has no subtitle
            if whole and agree(game.makers, one.makers):
                fitting[one.id] = one
    return list(fitting.values())


def agree(ours: Iterable[str], theirs: Iterable[str]) -> bool:
    """Whether two lists of names have one in common, in any spelling that can be compared."""
    one, other = (
        {form for name in names for form in (compact(name), romaji(name)) if form} for names in (ours, theirs)
    )
    return not one.isdisjoint(other)


def _shared(game: RosterGame, cast: ListedCast) -> int:
    """How many of the catalog's characters of a game are in a cast, by their whole names."""
    theirs = {compact(name) for one in cast.own for name in (*one.names, *one.aliases)}
    return sum(any(compact(name) in theirs for name in one.names) for one in game.characters)
