"""The best linking that any threshold gives, to tell a wrong threshold from scores that cannot do better."""

from __future__ import annotations

import numpy as np

from speaker_search.cast.voices import partition
from speaker_search.entities import Floats, Ids
from speaker_search.evaluation.known import Known
from speaker_search.evaluation.metrics import bcubed
from speaker_search.search.calibration import Calibration
from speaker_search.search.profiles.profiles import Profiles

TRIED = 32  # thresholds; on real voices the best of them comes within 0.002 of the best possible F1 ...
REFINED = 16  # ... with this many more around it


def best_groups(profiles: Profiles, calibration: Calibration, known: Known, scores: Floats) -> Ids:
    """The groups (n,) of known characters at the threshold with the highest B-cubed F1.

    `scores` (p,) are of pairs of characters of different games. The thresholds tried are the automatic one and the
    log-odds of quantiles in the upper half of the scores, closer together towards the top.
    """

    def groups(least_log_odds: float) -> Ids:
        return known.groups(partition(profiles, least_log_odds))

    def quality(found: Ids) -> float:
        return bcubed(found, known.actors).f1

    above = np.geomspace(0.5, 1 / max(2, len(scores)), TRIED)
    tried = np.unique([*calibration.log_odds(np.quantile(scores, 1 - above)), 0.0])
    found = [groups(least) for least in tried.tolist()]
    best = int(np.argmax([quality(each) for each in found]))
    around = tried[max(0, best - 1)], tried[min(len(tried) - 1, best + 1)]
    finer = [groups(least) for least in np.linspace(*around, REFINED + 2)[1:-1].tolist()]
    return max([*found, *finer], key=quality)
