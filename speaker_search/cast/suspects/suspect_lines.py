"""The clips that may have the wrong character, with the names, texts and lines that a person needs to judge them."""

from __future__ import annotations

import numpy as np

from speaker_search import documents
from speaker_search.cast.lines import easy
from speaker_search.catalog import duplicates, people
from speaker_search.catalog.clips import clips_by_id
from speaker_search.catalog.database import Catalog
from speaker_search.documents.models.suspect_clips import HeardCharacter, SuspectClip, SuspectClips
from speaker_search.entities import Ids
from speaker_search.search.calibration import logistic
from speaker_search.search.live import Ready
from speaker_search.search.scoring import unit
from speaker_search.search.suspects.finding import Suspects, find_suspects

MOST_HEARD = 300  # clips of a character, evenly chosen, among which a typical one is looked for
TOO_FEW = "Nothing can be said: too few characters in the catalog have two clips to learn from."


def suspect_clips(
    catalog: Catalog,
    ready: Ready,
    *,
    games: Ids | None,
    voices: dict[int, int],
    least_log_odds: float,
    limit: int | None,
) -> SuspectClips:
    """The clips that sound more like another character, of some games or all; at most `limit` of them are listed.

    `voices` is the voice of each linked character: its characters are not told apart.
    """
    with catalog.read() as connection:
        repeated = duplicates.repeated(connection, ready.space)
    found = find_suspects(ready.snapshot, games=games, repeated=repeated, people=voices, least=least_log_odds)
    warnings: list[str] = [*ready.warnings(calibrated=False)]
    if found is None:
        return SuspectClips(
            encoder=ready.space.name, clips=[], found=0, compared=0, alone=0, warnings=[*warnings, TOO_FEW]
        )
    listed = slice(0, limit)
    characters = np.unique(np.concatenate([found.own[listed], found.other[listed]]))
    typical = _typical(ready, found, characters)
    ids = found.ids[listed].tolist()
    with catalog.read() as connection:
        clips = clips_by_id(connection, [*ids, *typical.values()])
        named = people.characters_by_id(connection, None, characters.tolist())
    lines = {id_: documents.Clip.copy_of(clips[line]) for id_, line in typical.items() if line in clips}

    def heard(character: int, cosine: float) -> HeardCharacter:
        return HeardCharacter.of(named[character], cosine=cosine, line=lines.get(character))

    likely = logistic(found.log_odds[listed])
    rows = zip(ids, found.own.tolist(), found.other.tolist(), strict=False)
    suspects = [
        SuspectClip(
            **{name: getattr(clips[id_], name) for name in ("id", "text", "seconds", "path")},
            own=heard(own, float(found.own_cosines[place])),
            likelier=heard(other, float(found.other_cosines[place])),
            probability=float(likely[place]),
        )
        for place, (id_, own, other) in enumerate(rows)
        if id_ in clips and {own, other} <= named.keys()  # others were forgotten a moment ago
    ]
    return SuspectClips(
        encoder=ready.space.name,
        clips=suspects,
        found=len(found.ids),
        compared=found.compared,
        alone=found.alone,
        warnings=warnings,
    )


def _typical(ready: Ready, found: Suspects, characters: Ids) -> dict[int, int]:
    """For each character the clip nearest to the mean of its clips that are not suspects themselves; by id."""
    of = ready.snapshot.characters
    games = of.games[np.searchsorted(of.ids, characters)]
    held = ready.snapshot.clips.of_characters(games, characters, MOST_HEARD)
    typical = {}
    for id_, clips in zip(characters.tolist(), held, strict=True):
        sure = clips.take(~np.isin(clips.ids, found.ids))
        if len(sure):
            good = easy(sure)
            vectors = good.vectors.astype(np.float32)
            typical[id_] = int(good.ids[int((vectors @ unit(sure.vectors.astype(np.float32).sum(axis=0))).argmax())])
    return typical
