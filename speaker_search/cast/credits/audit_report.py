"""The audit of credits, and the likely actors, as documents with names and lines to hear."""

from __future__ import annotations

from collections.abc import Mapping

from speaker_search import documents
from speaker_search.cast.constraints import Constraints
from speaker_search.cast.credits.credit_audit import Doubtful, doubtful, sounding_alike
from speaker_search.cast.credits.credit_constraints import joined, only_actors
from speaker_search.cast.credits.named_voices import Credits, likely_actors
from speaker_search.cast.lines import closest
from speaker_search.cast.voices import Cast
from speaker_search.catalog import people
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.knowledge.kept_credits import credits_of, kept_actors
from speaker_search.entities import Caution, Character
from speaker_search.search.live import Ready


def audit(catalog: Catalog, ready: Ready, verdicts: Constraints, *, limit: int) -> documents.CreditAudit:
    """Compare credits with the voices, and with what verdicts say; see the documents."""
    profiles = ready.profiles
    with catalog.read() as connection:
        credits, everybody = credits_of(connection), kept_actors(connection)
    actors = only_actors(credits, profiles.character_ids)
    contradictions = joined(actors, verdicts).contradictions
    found, audited = doubtful(profiles, actors)
    shown = found[:limit]
    several = [id_ for id_, said in credits.items() if len(said) > 1]
    ids = profiles.character_ids[[row for one in shown for row in (one.row, one.role, one.nearest)]].tolist()
    ids += [id_ for each in contradictions for id_ in (each.one, each.other)] + several
    with catalog.read() as connection:
        named = people.characters_by_id(connection, None, ids)
    names = {id_: actor.name for id_, actor in everybody.items()}
    return documents.CreditAudit(
        encoder=ready.space.name,
        audited=audited,
        doubtful=[_doubtful(ready, one, named, actors, names) for one in shown],
        contradicted=[
            documents.ContradictedCredit(
                one=documents.NamedCharacter.of(named[each.one]),
                other=documents.NamedCharacter.of(named[each.other]),
                voice_actors=[names[actors[each.one]], names[actors[each.other]]],
                verdict="same" if each.same else "different",
            )
            for each in contradictions
        ],
        recast=[documents.NamedCharacter.of(named[id_]) for id_ in several if id_ in named],
        pen_names=[
            documents.OnePersonMaybe(
                one=names[each.one],
                other=names[each.other],
                probability=each.probability,
                one_roles=each.roles[0],
                other_roles=each.roles[1],
                pairs=each.pairs,
                alike=each.alike,
                shared_games=each.shared_games,
            )
            for each in sounding_alike(profiles, actors)
        ],
        warnings=list(_warnings(ready)),
    )


def likely(cast: Cast, credits: Credits) -> documents.LikelyActors:
    """The likely actors of uncredited characters, as a document."""
    found = sorted(likely_actors(cast, credits), key=lambda one: (-one.probability, one.character.id))
    return documents.LikelyActors(
        encoder=cast.encoder,
        characters=[
            documents.LikelyActor(
                character=documents.NamedCharacter.of(one.character),
                voice_actor=one.actor.name,
                probability=one.probability,
                voice=one.voice,
                credited=one.credited,
            )
            for one in found
        ],
        warnings=list(cast.warnings),
    )


def _warnings(ready: Ready) -> tuple[Caution, ...]:
    if ready.profiles.pairs is None:
        too_few = Caution("No audit: the catalog holds too few characters or games to calibrate scores on.")
        return (too_few, *ready.warnings(calibrated=False))
    return ready.warnings(calibrated=True)


def _doubtful(
    ready: Ready, one: Doubtful, named: Mapping[int, Character], actors: Mapping[int, int], names: Mapping[int, str]
) -> documents.DoubtfulCredit:
    id_, role, nearest = ready.profiles.character_ids[[one.row, one.role, one.nearest]].tolist()
    return documents.DoubtfulCredit(
        character=documents.NamedCharacter.of(named[id_]),
        voice_actor=names[actors[id_]],
        roles=one.roles,
        probability=one.probability,
        nearest=documents.NamedCharacter.of(named[nearest]),
        nearest_voice_actor=names[actors[nearest]] if nearest in actors else None,
        nearest_probability=one.nearest_probability,
        doubt=one.doubt,
        role=documents.NamedCharacter.of(named[role]),
        role_lines=_lines(ready, one.row, one.role),
        nearest_lines=_lines(ready, one.row, one.nearest),
    )


def _lines(ready: Ready, row: int, other: int) -> documents.HeardLines | None:
    heard = closest(ready, row, other)
    if heard is None:
        return None
    return documents.HeardLines(clip_id=heard.one, other_clip_id=heard.other, cosine=heard.cosine)
