"""How likely a clip's speaker is a character of the clip's own game: arrays in, numbers out.

The calibration of searches does not hold here, because it is for characters of other games. Within one game, a
character speaks in the same room and the same role, so all scores are higher, strangers' too. But here there are
labels: each clip with a known speaker is compared with its own character (without this clip) and with the others of the
game. A logistic regression over these comparisons gives the likelihood ratio.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speaker_search.entities import Floats, Ids
from speaker_search.search.profiles.profiles import Profiles
from speaker_search.search.scoring import channels, normalised, unit
from speaker_search.search.strangers import Doubles
from speaker_search.search.suspects.ratios import Ratios, regression
from speaker_search.views.characters import Characters
from speaker_search.views.snapshot import Snapshot

FEATURES = 4  # the cosine; the same by the clip's cohort; one over the character's clips; the log of the clip's seconds
SAMPLED_CHARACTERS = 300  # whose clips the calibration is fitted on ...
SAMPLED_CLIPS = 8  # ... with this many each
MIN_TRIALS = 30  # of a clip with its own character: fewer say too little


@dataclass(frozen=True, slots=True)
class Room:
    """The characters (c) of one game, and how clips of this game are compared with them.

    Clips and characters are compared less the game's channel, which both share.
    """

    rows: Ids  # (c,) of the profiles
    sums: Doubles  # (c, dim) of their clips
    counts: Ids  # (c,)
    channel: Floats  # (dim,)

    def compared(
        self, profiles: Profiles, clips: Floats, seconds: Floats, own: Ids | None = None
    ) -> tuple[Doubles, Floats, Floats]:
        """Features (n, c, FEATURES) of clips (n, dim) with the game's characters; and their scores and cosines (n, C)
        with all characters, as those of a search.

        With `own` (n,), the place of each clip's own character, that character is compared without the clip.
        """

        def heard(means: Floats | Doubles) -> Floats:
            return unit(np.asarray((means - self.channel) @ profiles.as_queries.matrix, np.float32))

        queries = heard(clips)
        cosines = queries @ heard(self.sums / np.maximum(1, self.counts)[:, None]).T
        counts = np.tile(self.counts.astype(np.float64), (len(clips), 1))
        if own is not None:
            rest = (self.sums[own] - clips) / np.maximum(1, self.counts[own] - 1)[:, None]
            every = np.arange(len(clips))
            cosines[every, own] = (queries * heard(rest)).sum(axis=1)
            counts -= 1  # of all characters: otherwise the counts would tell the regression which one is the own
        game = profiles.game_ids[self.rows[0]]
        scores, everyone = np.zeros((2, len(clips), len(profiles)), np.float32)
        centres, spreads = np.zeros(len(clips), np.float32), np.ones(len(clips), np.float32)
        if (profiles.counted & (profiles.game_ids != game)).any():
            # As Profiles.query_scores does; the cohort, which takes longest, is used twice.
            as_queries = profiles.as_queries
            everyone = unit(unit(clips - profiles.centre) @ as_queries.matrix) @ as_queries.vectors.T
            centres, spreads = profiles.cohort_of(everyone, np.full(len(clips), game))
            scores = normalised(everyone, (centres, spreads), as_queries.cohorts)
        features = np.stack(
            [
                cosines,
                (cosines - centres[:, None]) / spreads[:, None],
                1 / np.maximum(1, counts),
                np.broadcast_to(np.log(np.maximum(0.1, seconds))[:, None], cosines.shape),
            ],
            axis=-1,
        )
        return features.astype(np.float64), scores, everyone


def rooms(snapshot: Snapshot, profiles: Profiles) -> dict[int, Room]:
    """The rooms of all games that have characters, by game."""
    of, (places, rows) = snapshot.characters, _shared(snapshot.characters, profiles)
    sums, counts, games = of.sums[places], of.counts[places], of.games[places]
    means = (sums / np.maximum(1, counts)[:, None]).astype(np.float32)
    if not len(means):
        return {}
    _, channel = channels(means, games, profiles.centre)
    found = {}
    for game in np.unique(games).tolist():
        inside = np.flatnonzero(games == game)
        found[game] = Room(rows[inside], sums[inside], counts[inside], channel[inside[0]])
    return found


def _shared(of: Characters, profiles: Profiles) -> tuple[Ids, Ids]:
    """Places in the views and rows in the profiles of the characters in both: profiles may lag behind the views."""
    _, places, rows = np.intersect1d(of.ids, profiles.character_ids, assume_unique=True, return_indices=True)
    return places, rows


def learnt(snapshot: Snapshot, profiles: Profiles, of: dict[int, Room]) -> Ratios | None:
    """The likelihood ratios, from clips whose speaker is known; None where there are too few of them."""
    rng = np.random.default_rng(0)
    several = np.array(
        [(game, place) for game, room in of.items() for place in np.flatnonzero(room.counts > 1)], np.int64
    ).reshape(-1, 2)
    several = several[rng.permutation(len(several))[:SAMPLED_CHARACTERS]]
    own, strangers = [np.empty((0, FEATURES))], [np.empty((0, FEATURES))]
    for game in np.unique(several[:, 0]).tolist():
        room, places = of[game], several[several[:, 0] == game, 1]
        ids = profiles.character_ids[room.rows[places]]
        held = list(snapshot.clips.of_characters(np.full(len(ids), game), ids, SAMPLED_CLIPS))
        clips = np.concatenate([each.vectors for each in held]).astype(np.float32)
        seconds, mine = np.concatenate([each.seconds for each in held]), np.repeat(places, [len(each) for each in held])
        features, _, _ = room.compared(profiles, clips, seconds, mine)
        is_own = mine[:, None] == np.arange(len(room.rows))[None]
        own.append(features[is_own])
        strangers.append(features[~is_own])
    same, different = np.concatenate(own), np.concatenate(strangers)
    if min(len(same), len(different)) < MIN_TRIALS:
        return None
    return regression(same, different)
