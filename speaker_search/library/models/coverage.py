"""How many clips and minutes each maker, game and character has in a space: the largest, and the rest together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from speaker_search.catalog import pages, people
from speaker_search.catalog.clips import HeldClips, held_by_character
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.spaces import Space
from speaker_search.entities import counted
from speaker_search.library.models.map_points import own_names, own_titles
from speaker_search.pictures.coverage_charts import Bar

MOST_BARS = 30  # of makers, games or characters, beside the bar of the rest
STATES = ("embedded", "pending", "refused")
UNKNOWN = "(unknown speakers)"


def coverage(catalog: Catalog, space: Space) -> dict[str, list[Bar]]:
    """Bars of makers, games and characters, by the word for them; those with most minutes first, the rest last."""
    with catalog.read() as connection:
        held = held_by_character(connection, space)
        ids = {one.game_id for one in held}
        games = {one.id: one for one, _ in pages.list_games(connection, within=ids, limit=max(1, len(ids)))}
        who = people.characters_by_id(connection, None, {one.character_id for one in held if one.character_id})
    held = [one for one in held if one.game_id in games]  # others have been merged since
    names, titles = own_names(list(who.values())), own_titles(list(games.values()))
    speakers = {id_: names[one.id] for id_, one in who.items()}
    return {
        "maker": _bars(held, lambda one: games[one.game_id].maker.name, "maker"),
        "game": _bars(held, lambda one: titles[one.game_id], "game"),
        "character": _bars(held, lambda one: speakers.get(one.character_id or 0, UNKNOWN), "character"),
    }


def _bars(held: Iterable[HeldClips], name_of: Callable[[HeldClips], str], noun: str) -> list[Bar]:
    sums: defaultdict[str, list[HeldClips]] = defaultdict(list)
    for one in held:
        sums[name_of(one)].append(one)
    bars = sorted(
        (_bar(name, some) for name, some in sums.items()), key=lambda bar: (-bar.minutes, -bar.clips, bar.name)
    )
    largest, rest = bars[:MOST_BARS], bars[MOST_BARS:]
    if len(rest) < 2:  # one takes no more room by itself
        return bars
    name = f"the other {counted(len(rest), noun)}"
    whole = [one for bar in rest for one in sums[bar.name]]
    return [*largest, _bar(name, whole, members=len(rest))]


def _bar(name: str, some: Sequence[HeldClips], members: int = 1) -> Bar:
    embedded, pending, refused = (sum(getattr(one, state) for one in some) for state in STATES)
    return Bar(name, embedded, pending, refused, sum(one.seconds for one in some) / 60, members, members > 1)
