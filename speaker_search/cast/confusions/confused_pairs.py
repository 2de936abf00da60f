"""Pairs of characters that sound like one person: of one game, of one name, or of any two games."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from speaker_search.cast.confusions.near_names import near_names
from speaker_search.catalog.knowledge.known_groups import Groups
from speaker_search.entities import Character, Ids
from speaker_search.search.calibration import Calibration, logistic
from speaker_search.search.profiles.profiles import Profiles
from speaker_search.search.scoring import blocks
from speaker_search.search.strangers import Doubles

SPELLINGS, NAMESAKES, OTHERS = 0, 1, 2  # kinds, as they are listed


@dataclass(frozen=True, order=True, slots=True)
class Confused:
    """Two characters, in the order in which such pairs are listed."""

    kind: int  #: SPELLINGS of a name in one game, NAMESAKES in games of one maker, OTHERS in two games
    unlikeliness: float  #: minus the probability of one voice
    one: int  #: ids of the characters
    other: int

    @property
    def key(self) -> tuple[float, ...]:
        return self.kind, self.unlikeliness, self.one, self.other


def confused(
    profiles: Profiles, everyone: Sequence[Character], said: Groups, least_log_odds: float
) -> Iterator[Confused]:
    """The pairs with these log-odds of one voice or more, in order; without those that verdicts or credits answer.

    `everyone` (C) are the characters by row. A name that recurs, or nearly does, in games of one maker counts as in
    linking: one voice is as likely as two before any score. Without a calibration there are none.
    """
    calibration = profiles.pairs
    if calibration is None:
        return
    ids = profiles.character_ids.tolist()
    found: list[Confused] = []
    for first, second, log_odds, alike in _heard(profiles, calibration, everyone, least_log_odds):
        likely = np.asarray(logistic(log_odds), np.float64)
        for one, other, named, probability in zip(
            first.tolist(), second.tolist(), alike.tolist(), likely.tolist(), strict=True
        ):
            one_game = everyone[one].game.id == everyone[other].game.id
            kind = OTHERS if not named else SPELLINGS if one_game else NAMESAKES
            found.append(Confused(kind, -round(probability, 6), ids[one], ids[other]))
    for pair in sorted(found):
        if said.same(pair.one, pair.other) is None:
            yield pair


def _heard(
    profiles: Profiles, calibration: Calibration, everyone: Sequence[Character], least: float
) -> Iterator[tuple[Ids, Ids, Doubles, np.ndarray[tuple[int], np.dtype[np.bool_]]]]:
    """Rows of pairs, their log-odds, and whether their names are near, block by block."""
    makers = np.array([one.game.maker.id for one in everyone], np.int64)
    bonus = calibration.odds_of_two
    floor, named_floor = (calibration.score_at(log_odds) for log_odds in (least, least - bonus))
    for part in blocks(len(profiles), len(profiles)):
        scores = profiles.pair_scores(part)
        later = np.arange(len(profiles))[None] > np.arange(part.start, part.stop)[:, None]
        one_maker = makers[part, None] == makers[None]
        across = profiles.game_ids[part, None] != profiles.game_ids[None]
        first, second = np.nonzero(later & (((scores >= floor) & across) | ((scores >= named_floor) & one_maker)))
        log_odds = calibration.log_odds(scores[first, second])
        first = first + part.start
        alike = makers[first] == makers[second]
        alike[alike] = [
            near_names(everyone[one].name, everyone[other].name)
            for one, other in zip(first[alike].tolist(), second[alike].tolist(), strict=True)
        ]
        log_odds = log_odds + np.where(alike, bonus, 0.0)
        kept = (log_odds >= least) & (alike | (profiles.game_ids[first] != profiles.game_ids[second]))
        yield first[kept], second[kept], log_odds[kept], alike[kept]
