"""How pairs of characters stand to each other, where two spaces have heard both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from sqlalchemy import Connection

from speaker_search.cast.given import MOST_NAMESAKES
from speaker_search.cast.roles.four_cases import CASES, Heard, four_cases
from speaker_search.catalog import people
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.knowledge.known_groups import Groups
from speaker_search.entities import Character, Relation, fold
from speaker_search.search.profiles.profiles import Profiles

Pair = tuple[int, int]  # ids of two characters
KNOWN = 1_000.0  # log-odds of what is known: nothing that is heard outweighs them


def relate(
    catalog: Catalog, of_actors: Profiles, of_roles: Profiles, pairs: Iterable[Pair], known: Groups
) -> dict[Pair, Relation]:
    """The relation of each pair of characters that both spaces have heard; none where a space is not calibrated.

    What verdicts and credits say of the actor, `known`, holds whatever is heard; only the role is inferred then.
    """
    heard = [pair for pair in dict.fromkeys(pairs) if _known(of_actors, pair) and _known(of_roles, pair)]
    actor, role = _heard(of_actors, heard), _heard(of_roles, heard)
    if actor is None or role is None:
        return {}
    with catalog.read() as connection:
        namesakes = np.array(_namesakes(connection, heard), bool)
    said = [known.same(*pair) for pair in heard]
    told = np.array([np.nan if same is None else KNOWN if same else -KNOWN for same in said])
    actor = replace(actor, log_odds=np.where(np.isnan(told), actor.log_odds, told))
    return {
        pair: Relation(
            CASES[int(row.argmax())], actor_known=same is not None, **dict(zip(CASES, row.tolist(), strict=True))
        )
        for pair, row, same in zip(heard, four_cases(actor, role, namesakes), said, strict=True)
    }


def _known(profiles: Profiles, pair: Pair) -> bool:
    return all(profiles.row(id_) is not None for id_ in pair)


def _heard(profiles: Profiles, pairs: Sequence[Pair]) -> Heard | None:
    """What a space says of pairs of characters. It must hold all of them."""
    calibration = profiles.pairs
    if calibration is None or not pairs:
        return None
    rows = np.searchsorted(profiles.character_ids, np.array(pairs, np.int64))
    scores = np.empty(len(rows))
    for one in np.unique(rows[:, 0]).tolist():
        mine = rows[:, 0] == one
        scores[mine] = profiles.pair_scores(slice(one, one + 1))[0][rows[mine, 1]]
    return Heard(calibration.log_odds(scores), calibration.share)


def _namesakes(connection: Connection, pairs: Sequence[Pair]) -> list[bool]:
    """Which pairs have one name in different games of one maker, where the name is not a role such as a clerk's."""
    characters = people.characters_by_id(connection, None, {id_ for pair in pairs for id_ in pair})
    rare: dict[tuple[int, str], bool] = {}

    def telling(one: Character) -> bool:
        key = one.game.maker.id, fold(one.name)
        if key not in rare:
            called = people.list_characters(
                connection, None, maker=one.game.maker.name, name=one.name, limit=MOST_NAMESAKES + 1
            )
            rare[key] = len(called) <= MOST_NAMESAKES
        return rare[key]

    found = []
    for one, other in ((characters.get(pair[0]), characters.get(pair[1])) for pair in pairs):
        found.append(
            one is not None
            and other is not None
            and (one.game.maker.id, fold(one.name)) == (other.game.maker.id, fold(other.name))
            and one.game.id != other.game.id
            and telling(one)
        )
    return found
