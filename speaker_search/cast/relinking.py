"""Which characters are linked anew, because something that affects their voice has changed, and what is kept."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from sqlalchemy import Connection

from speaker_search.catalog.database import Catalog
from speaker_search.catalog.knowledge.kept_credits import credits_of
from speaker_search.catalog.knowledge.kept_verdicts import kept_verdicts
from speaker_search.catalog.knowledge.kept_voices import Kept, read_kept, voices_when
from speaker_search.catalog.knowledge.seen import GONE, Seen
from speaker_search.catalog.people import keys_of, makers_of_games
from speaker_search.entities import Ids
from speaker_search.search.live import Ready
from speaker_search.search.scoring import Bools

#: All characters are linked anew when this share of them has had other clips or names since the last time. Until then
#: a voice that was linked wrongly stays as it is.
LINKED_AGAIN_FROM = 0.1
#: ... or this long after the latest linking, if nothing has changed since. From then on the order of changes makes no
#: difference.
SETTLED_AFTER_S = 600.0
SAID_BITS = 32  # of a state
METHOD = 4  # raise it when the method changes, so that all characters are linked anew


@dataclass(frozen=True, eq=False, slots=True)
class Held:
    """Voices that stay as they are, unless somebody who is linked anew sounds like one of them."""

    voice_of: Mapping[int, int]  #: by character id; whoever is in none of them stays alone
    likely: Mapping[int, float]  #: the probability that a character belongs to its voice, if the voice is as it was
    anew: frozenset[int]  #: characters that are linked anew, by id


@dataclass(frozen=True, eq=False, slots=True)
class Plan:
    """How the stored voices are brought up to date."""

    kept: Kept  #: the stored voices
    seen: Seen  #: what is known of each character now
    held: Held | None  #: None: all characters are linked anew
    named: Mapping[int, int]  #: the voices whose ids continue, by character id


def plan(catalog: Catalog, ready: Ready, *, afresh: bool = False) -> Plan:
    """What to link. Make it before you read the constraints: what is said in between then counts as new next time.

    A character is linked anew when its clips, game, name, verdicts or credits have changed. So are all others of its
    game, which share its channel, unless only its verdicts or credits have changed; and all in a voice with any of
    these. If everything is as it was at an earlier linking, the voices of that linking come back. When nothing
    has changed for SETTLED_AFTER_S since the latest linking, all characters are linked anew.
    """
    with catalog.read() as connection:
        kept = read_kept(connection, ready.space.id)
        ids, states = ready.profiles.character_ids, _states(connection, ready)
        before = kept.seen
        now = Seen(ids, states, np.zeros(len(ids), np.bool_))
        if before is None or afresh:
            return Plan(kept, now, None, kept.voice_of)
        then = before.states_of(ids)
        heard = (then >> SAID_BITS) != (states >> SAID_BITS)
        games = ready.profiles.game_ids
        changed = frozenset(ids[(then != states) | np.isin(games, games[heard])].tolist())
        seen, lost = _followed(before, now, heard)
        if seen.digest == before.digest and is_due(kept.at, kept.whole, ready):
            return Plan(kept, now, None, kept.voice_of)
        earlier = voices_when(connection, ready.space.id, now.digest, kept.voice_of)
    if earlier is not None:
        return Plan(kept, seen, _as_it_was(kept, earlier, changed), earlier)
    if seen.recent.sum() > LINKED_AGAIN_FROM * len(ids):
        return Plan(kept, now, None, kept.voice_of)
    touched = {kept.voice_of[id_] for id_ in changed | lost if id_ in kept.voice_of}
    anew = changed.union(id_ for id_, voice in kept.voice_of.items() if voice in touched and id_ not in lost)
    held = {id_: voice for id_, voice in kept.voice_of.items() if voice not in touched}
    return Plan(kept, seen, Held(held, {id_: kept.likely[id_] for id_ in held}, anew), kept.voice_of)


def is_due(at: float, whole: bool, ready: Ready) -> bool:
    """Whether to link all characters anew if nothing has changed since a linking `at` that time; not if it was `whole`.

    Only with scores calibrated on exactly these clips: otherwise voices would depend on what was there before.
    """
    # A clock that was ahead when they were linked must not keep them from being linked anew for as long.
    return not whole and ready.behind == 0 and abs(time.time() - at) >= SETTLED_AFTER_S


def _followed(before: Seen, now: Seen, changed: Bools) -> tuple[Seen, frozenset[int]]:
    """What is known now, and all that has changed since the whole catalog was linked; and who has lost all clips."""
    recent = changed | np.isin(now.ids, before.ids[before.recent])
    gone = np.setdiff1d(before.ids, now.ids)
    ids, states = np.concatenate([now.ids, gone]), np.concatenate([now.states, np.full(len(gone), GONE, np.int64)])
    order = np.argsort(ids)
    seen = Seen(ids[order], states[order], np.concatenate([recent, np.ones(len(gone), np.bool_)])[order])
    return seen, frozenset(gone.tolist())


def _as_it_was(kept: Kept, earlier: Mapping[int, int], changed: frozenset[int]) -> Held:
    """An earlier linking's voices. Those that are still stored as they were, of nobody who has changed, keep their
    probabilities.
    """
    then, now = members_of(earlier), members_of(kept.voice_of)
    same = {voice for voice, who in then.items() if now.get(voice) == who and changed.isdisjoint(who)}
    likely = {id_: kept.likely[id_] for id_, voice in earlier.items() if voice in same}
    return Held(earlier, likely, frozenset())


def members_of(voice_of: Mapping[int, int]) -> dict[int, set[int]]:
    """The characters of each voice, by id."""
    found: defaultdict[int, set[int]] = defaultdict(set)
    for one, voice in voice_of.items():
        found[voice].add(one)
    return dict(found)


def _states(connection: Connection, ready: Ready) -> Ids:
    """A hash (C,) of all that affects each character's voice.

    The upper half is of its clips, less repeats, of its game, maker and name, of whether it is an echo or its game far
    from all others, and of whether there are enough scores to calibrate. The lower half, SAID_BITS, is of its verdicts
    and credits.
    """
    profiles = ready.profiles
    own, echoes = profiles.repeats.left_out(ready.snapshot.characters)
    left_out = np.stack([echoes, profiles.far], axis=1)
    said: defaultdict[int, list[tuple[str, int]]] = defaultdict(list)
    for verdict in kept_verdicts(connection):
        for id_ in (verdict.one_id, verdict.other_id):
            said[id_].append(("verdict", verdict.id))
    for id_, credits in credits_of(connection).items():
        said[id_] += [("credit", credit.actor.id) for credit in credits]
    makers = dict(makers_of_games(connection))
    names = keys_of(connection, profiles.character_ids.tolist())
    found = np.empty(len(profiles), np.uint64)
    for row, (id_, game) in enumerate(zip(profiles.character_ids.tolist(), profiles.game_ids.tolist(), strict=True)):
        facts = (METHOD, profiles.pairs is None, game, makers.get(game), names.get(id_), *left_out[row].tolist())
        heard = repr((facts, int(own.counts[row]), int(own.milliseconds[row]))).encode() + own.sums[row].tobytes()
        found[row] = (_hash(heard) << SAID_BITS) + _hash(repr(sorted(said[id_])).encode()) or 1  # 0 is GONE
    return found.astype(np.int64)


def _hash(facts: bytes) -> int:
    return int.from_bytes(blake2b(facts, digest_size=SAID_BITS // 8).digest(), "little")
