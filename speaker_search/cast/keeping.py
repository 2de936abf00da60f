"""Voices that keep their ids: a new linking is matched to the stored one, and stored where it differs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace

from sqlalchemy import Connection

from speaker_search.cast.relinking import Plan, is_due, members_of
from speaker_search.cast.voices import Cast
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.knowledge.kept_voices import (
    Event,
    append_linking,
    latest_linking,
    lock_kept,
    new_ids,
    read_kept,
    replace_members,
)
from speaker_search.entities import Caution, Voice
from speaker_search.errors import CatalogError
from speaker_search.search.live import Ready

LEAST_TAKEN = 2  # characters that a voice takes along when it splits off another or merges into one


def keep_ids(groups: Sequence[Set[int]], voice_of: Mapping[int, int]) -> list[int | None]:
    """The stored voice that continues as each group of character ids; None for a new one.

    Each voice continues as at most one group. The two that share the most characters are matched first; of equal ones
    the older voice, and then the group with the lowest character.
    """
    shared: Counter[tuple[int, int]] = Counter()
    for place, group in enumerate(groups):
        shared.update((place, voice_of[one]) for one in group if one in voice_of)
    found: list[int | None] = [None] * len(groups)
    taken: set[int] = set()
    order = sorted(shared, key=lambda pair: (-shared[pair], pair[1], min(groups[pair[0]])))
    for place, voice in order:
        if found[place] is None and voice not in taken:
            found[place] = voice
            taken.add(voice)
    return found


def became(before: Mapping[int, int], now: Mapping[int, int]) -> list[Event]:
    """What became of voices, from the voice of each character (by id) before and now."""
    old, new = members_of(before), members_of(now)
    events: list[Event] = []
    for voice in sorted(new.keys() - old.keys()):
        source = _most(before, new[voice])
        events.append(Event("new", voice) if source is None else Event("split", voice, source))
    for voice in sorted(old.keys() - new.keys()):
        into = _most(now, old[voice])
        events.append(Event("ended", voice) if into is None else Event("merged", voice, into))
    moved = sorted(one for one in before.keys() | now.keys() if before.get(one) != now.get(one))
    events += [Event("left", before[one], character_id=one) for one in moved if one in before]
    events += [Event("joined", now[one], character_id=one) for one in moved if one in now]
    return events


def _most(voice_of: Mapping[int, int], characters: Iterable[int]) -> int | None:
    """The voice that most of these characters are in; None unless it is that of at least LEAST_TAKEN."""
    counts = Counter(voice_of[one] for one in characters if one in voice_of)
    likely = min(counts, key=lambda voice: (-counts[voice], voice), default=None)
    return likely if likely is not None and counts[likely] >= LEAST_TAKEN else None


def version(catalog: Catalog, ready: Ready) -> tuple[int, bool]:
    """The version of the stored voices, and whether all characters are due to be linked anew."""
    with catalog.read() as connection:
        number, at, whole = latest_linking(connection, ready.space.id)
    return number, is_due(at, whole, ready)


def with_ids(cast: Cast, plan: Plan) -> Cast:
    """The cast with the ids of the voices that continue. Others are numbered beyond every id so far, and not stored."""
    ids = keep_ids([_ids(voice) for voice in cast.voices], plan.named)
    fresh = iter(range(plan.kept.last_id + 1, plan.kept.last_id + 1 + len(ids)))
    voices = [
        replace(voice, id=next(fresh) if id_ is None else id_, stored=id_ is not None)
        for voice, id_ in zip(cast.voices, ids, strict=True)
    ]
    return replace(cast, voices=tuple(sorted(voices, key=lambda voice: voice.id)))


def store(catalog: Catalog, ready: Ready, cast: Cast, plan: Plan) -> Cast:
    """Store the voices of a linking, if anything has changed or all characters were due; returns them with ids.

    Nothing is stored when another state was stored since the plan was made, when the stored one is of a newer catalog,
    or while scores wait to be calibrated again. Where the database cannot be written, a warning says so.
    """
    matched, kept = with_ids(cast, plan), plan.kept
    if not ready.settled or ready.snapshot.position < kept.position:
        return matched
    as_before = kept.seen is not None and kept.seen.to_bytes() == plan.seen.to_bytes() and not _differs(matched, plan)
    if as_before and (kept.whole or plan.held is not None):
        return matched

    def work(connection: Connection) -> Cast | None:
        lock_kept(connection)
        if latest_linking(connection, ready.space.id)[0] != kept.version:
            return None
        return _stored(connection, ready, matched, plan)

    try:
        done = catalog.transact(work)
    except CatalogError as error:
        unstored = f"The voices could not be stored, so the ids of new ones hold for this answer only: {error.detail}"
        return replace(matched, warnings=(*matched.warnings, Caution(unstored)))
    if done is None:
        with catalog.read() as connection:
            newest = read_kept(connection, ready.space.id)
        return with_ids(cast, replace(plan, kept=newest, named=newest.voice_of))
    return done


def _stored(connection: Connection, ready: Ready, cast: Cast, plan: Plan) -> Cast:
    space_id, at = ready.space.id, time.time()
    fresh = iter(new_ids(connection, space_id, sum(not voice.stored for voice in cast.voices), at))
    voices = [voice if voice.stored else replace(voice, id=next(fresh), stored=True) for voice in cast.voices]
    members = [(voice.id, character.id, likely) for voice in voices for character, likely in voice.members]
    if _differs(cast, plan):
        replace_members(connection, space_id, {voice.id: voice.probability for voice in voices}, members, at)
    append_linking(
        connection,
        space_id,
        became(plan.kept.voice_of, {character_id: voice_id for voice_id, character_id, _ in members}),
        plan.seen,
        position=ready.snapshot.position,
        whole=plan.held is None and ready.behind == 0,
        at=at,
    )
    return replace(cast, voices=tuple(sorted(voices, key=lambda voice: voice.id)))


def _differs(cast: Cast, plan: Plan) -> bool:
    """Whether a cast with ids differs from the stored voices."""
    members = [(character.id, voice.id, likely) for voice in cast.voices for character, likely in voice.members]
    likely = {id_: probability for id_, _, probability in members}
    return {id_: voice for id_, voice, _ in members} != plan.kept.voice_of or likely != plan.kept.likely


def _ids(voice: Voice) -> set[int]:
    return {character.id for character, _ in voice.members}
