"""When lists no longer fit the clips in them: noticed by signs, proved by sampled recall, and mended by new ones."""

from __future__ import annotations

import logging

import numpy as np

from speaker_search.views.clip_index import filters, tuning
from speaker_search.views.clip_index.columns import Columns, Rows
from speaker_search.views.clip_index.lists import Lists, build
from speaker_search.views.clip_index.plan import Plan

UNSEEN_SHARE = 0.1  # of the clips, in games that lists were not trained on: their recall may be 0.06 lower (measured)
IMBALANCE_GROWTH = 1.5  # times as unequal as when the lists were new: a query compares with as many times the rows
LOG = logging.getLogger(__name__)


def signs(lists: Lists, columns: Columns) -> list[str]:
    """What speaks for training lists anew, in words."""
    found = []
    unseen = len(_unseen(lists, columns)) / max(1, len(columns))
    if unseen > UNSEEN_SHARE:
        found.append(f"{unseen:.0%} of the clips are of games that the lists were not trained on")
    if (growth := lists.imbalance / lists.trained.imbalance) > IMBALANCE_GROWTH:
        found.append(f"the lists are {growth:.1f} times as unequal as when they were new")
    return found


def fitting(lists: Lists, columns: Columns, wanted: Plan) -> Lists:
    """Lists of these clips that find enough of them: the given ones if they do, otherwise the better of these and new
    ones. Takes seconds where there are signs of drift, minutes at millions of clips where lists are trained.
    """
    reasons = signs(lists, columns)
    if not reasons:
        return lists
    target = lists.tuning.target if lists.tuning else lists.plan.recall
    rows = _unseen(lists, columns)
    rows = rows if len(rows) > tuning.QUERIES else np.arange(len(columns))
    rows = np.random.default_rng(tuning.SEED).choice(rows, min(tuning.QUERIES, len(rows)), replace=False)
    everything = filters.allowed(filters.runs(columns), len(columns), None, None, None)
    sample = tuning.sampled(columns, rows, everything, tuning.NEAREST)
    before = tuning.recall(lists, columns, sample, tuning.NEAREST)
    if before >= target:
        return lists.accepted(columns)
    LOG.info("Training the index anew, because it finds %.3f of the nearest clips: %s.", before, "; ".join(reasons))
    fresh = build(columns, wanted)
    after = tuning.recall(fresh, columns, sample, tuning.NEAREST)
    if lists.tuning or after < target:
        fresh = tuning.tuned(fresh, columns, target)
        after = tuning.recall(fresh, columns, sample, tuning.NEAREST)
    LOG.info("The new lists find %.3f.", after)
    return fresh if after >= before else lists.accepted(columns)


def _unseen(lists: Lists, columns: Columns) -> Rows:
    """The rows of games that the lists were not trained on."""
    return np.flatnonzero(~np.isin(columns.games, np.array(lists.trained.games, np.int64)))
