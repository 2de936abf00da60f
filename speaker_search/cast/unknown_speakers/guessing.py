"""Who may speak the lines of unknown speakers: arrays in, numbers out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speaker_search.cast.unknown_speakers.same_game import learnt, rooms
from speaker_search.entities import Floats, Ids
from speaker_search.search.calibration import MAX_LOG_RATIO, Calibration, logistic
from speaker_search.search.profiles.profiles import Profiles
from speaker_search.search.scoring import blocks
from speaker_search.search.strangers import Doubles
from speaker_search.views.snapshot import Snapshot

NAMED = 0.5  # assumed share of a game's unknown lines that are spoken by its named characters ...
NAMED_LOOKS = 10.0  # ... which counts as much as this many lines of the game
ROUNDS = 50
COMPARED = 512  # characters of other games, the nearest to each line: those further away are too unlikely to matter
LISTED = 3  # characters of the game, and of other games, for each line


@dataclass(frozen=True, slots=True)
class Suspects:
    """The likeliest characters of each line (n), best first; -1 and nan where there are fewer."""

    rows: Ids  # (n, LISTED) of the profiles
    probabilities: Floats  # (n, LISTED); nan without a calibration


NOBODY = Suspects(np.empty((0, LISTED), np.int64), np.empty((0, LISTED), np.float32))


@dataclass(frozen=True, slots=True)
class Guesses:
    """What is likely about lines (n) of unknown speakers of one game."""

    here: Suspects  #: characters of the game
    elsewhere: Suspects  #: characters of other games
    nobody: Floats  # (n,) the probability that no character in the catalog has this voice; nan without a calibration


def guess(snapshot: Snapshot, profiles: Profiles, game: int, clips: Floats, seconds: Floats) -> Guesses:
    """Who may speak lines (n, dim) of one game; `seconds` (n,) are their lengths.

    Some share of a game's unknown lines is spoken by its named characters. The share is fitted to the game's lines by
    expectation-maximisation, starting from NAMED. Characters of other games may have the same voice, too: their
    probabilities come from the calibration for searches with one clip.
    """
    of = rooms(snapshot, profiles)
    room, ratios = of.get(game), learnt(snapshot, profiles, of)
    n, characters = len(clips), 0 if room is None else len(room.rows)
    here, nobody, away = np.empty((n, characters)), np.full(n, np.nan), [NOBODY]
    for part in blocks(n, len(profiles)):
        if room is None:
            scores, cosines = profiles.query_scores(clips[part], games=np.full(len(clips[part]), game))
        else:
            features, scores, cosines = room.compared(profiles, clips[part], seconds[part])
            here[part] = features[..., 0] if ratios is None else ratios.of(features)
        suspects, nobody[part] = _elsewhere(profiles, game, scores, cosines, seconds[part])
        away.append(suspects)
    likely, absent = np.full(here.shape, np.nan), np.full(n, np.nan if characters else 1.0)
    if characters and ratios is not None:
        likely, absent = posteriors(here)
    rows = np.empty(0, np.int64) if room is None else room.rows
    return Guesses(_best(here, likely, rows), _joined(away), (absent * nobody).astype(np.float32))


def posteriors(log_ratios: Doubles) -> tuple[Doubles, Doubles]:
    """From log-likelihood ratios (n, c) of lines and a game's characters: the probability of each (n, c), and of none
    of them (n,).
    """
    ratios = np.exp(log_ratios)
    mean, named = ratios.mean(axis=1), NAMED
    for _ in range(ROUNDS):
        likely = named * mean / (named * mean + 1 - named)
        before, named = named, float((likely.sum() + NAMED * NAMED_LOOKS) / (len(likely) + NAMED_LOOKS))
        if abs(named - before) < 1e-6:
            break
    total = named * mean + 1 - named
    return named * ratios / (ratios.shape[1] * total[:, None]), (1 - named) / total


def _elsewhere(
    profiles: Profiles, game: int, scores: Floats, cosines: Floats, seconds: Floats
) -> tuple[Suspects, Doubles]:
    """The likeliest characters of other games for lines (n), and the probability (n,) that it is none of them."""
    rows = np.flatnonzero((profiles.game_ids != game) & ~profiles.echoes)
    n, most = len(scores), min(COMPARED, len(rows))
    if not most:
        return _best(np.empty((n, 0)), np.empty((n, 0)), rows), np.ones(n)
    among, nearest = scores[:, rows], cosines[:, rows].max(axis=1)
    near = np.argpartition(-among, most - 1, axis=1)[:, :most]
    high = np.take_along_axis(among, near, axis=1).astype(np.float64)
    log_odds, nobody = np.full((n, most), np.nan), np.full(n, np.nan)
    used = [profiles.query_calibration(1, length) for length in seconds.tolist()]
    games, sizes = np.unique(profiles.game_ids[rows], return_inverse=True, return_counts=True)[1:]
    for each in {id(one): one for one in used if one is not None}.values():
        lines = np.array([one is each for one in used])
        cap = np.minimum(each.cosines.log_odds(nearest[lines]) - _log_odds(each.cosines.share), each.most)
        log_odds[lines] = np.minimum(each.scores.log_odds(high[lines]), cap[:, None])
        nobody[lines] = _nobody(each.scores, log_odds[lines], games[near[lines]], sizes)
    best = _best(high, log_odds, np.arange(most))
    found = np.where(best.rows < 0, -1, rows[np.take_along_axis(near, np.maximum(best.rows, 0), axis=1)])
    return Suspects(found, logistic(best.probabilities.astype(np.float64))), nobody


def _nobody(calibration: Calibration, log_odds: Doubles, games: Ids, sizes: Ids) -> Doubles:
    """`Calibration.nobody` for many lines at once, from log-odds (n, m) of each line's nearest characters.

    `games` (n, m) are these characters' games, numbered below G, and `sizes` (G,) how many characters each game has.
    The probability that any other character has the voice counts as 0.
    """
    n, count = len(log_odds), len(sizes)
    ratios = np.exp(np.clip(log_odds - _log_odds(calibration.share), -MAX_LOG_RATIO, MAX_LOG_RATIO))
    places = (games + count * np.arange(n)[:, None]).ravel()
    there = calibration.recurrence * np.bincount(places, ratios.ravel(), n * count).reshape(n, count) / sizes
    absent = 1 - calibration.recurrence
    return np.asarray(np.exp(np.log(absent / (absent + there)).sum(axis=1)), np.float64)


def _best(ranked: Doubles, probabilities: Doubles, rows: Ids) -> Suspects:
    """The LISTED highest of each line (n, c)."""
    n, most = len(ranked), min(LISTED, ranked.shape[1])
    found, likely = np.full((n, LISTED), -1, np.int64), np.full((n, LISTED), np.nan, np.float32)
    if most:
        some = np.argpartition(-ranked, most - 1, axis=1)[:, :most]
        order = np.argsort(-np.take_along_axis(ranked, some, axis=1), axis=1, kind="stable")
        best = np.take_along_axis(some, order, axis=1)
        found[:, :most], likely[:, :most] = rows[best], np.take_along_axis(probabilities, best, axis=1)
    return Suspects(found, likely)


def _joined(parts: list[Suspects]) -> Suspects:
    return Suspects(
        np.concatenate([part.rows for part in parts]), np.concatenate([part.probabilities for part in parts])
    )


def _log_odds(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))
