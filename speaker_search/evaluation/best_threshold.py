"""The linking that the truth would choose, to tell a wrong threshold from scores that cannot do better."""

from __future__ import annotations

import numpy as np

from speaker_search.cast.voices import partition
from speaker_search.entities import Floats, Ids
from speaker_search.evaluation.known import Known
from speaker_search.evaluation.metrics import bcubed
from speaker_search.search.calibration import Calibration
from speaker_search.search.profiles import Profiles

TRIED = 32  # thresholds; what the best of them misses of the best possible F1 is below 0.002 on real voices ...
REFINED = 8  # ... with this many more around it


def best_groups(profiles: Profiles, calibration: Calibration, known: Known, scores: Floats) -> Ids:
    """The groups (n,) of known characters at the threshold with the highest B-cubed F1.

    `scores` (p,) are of pairs of characters of different games. The thresholds tried are their log-odds at quantiles
    from the median up, twice as dense where half as many pairs are left, and the automatic one.
    """
    left = np.geomspace(0.5, 1 / len(scores), TRIED) if len(scores) > 1 else np.array([0.5])
    tried = np.unique([*calibration.log_odds(np.quantile(scores, 1 - left)), 0.0])
    groups = {least: known.groups(partition(profiles, least)) for least in tried.tolist()}
    quality = {least: bcubed(found, known.actors).f1 for least, found in groups.items()}
    best = max(quality, key=quality.__getitem__)
    place = int(np.searchsorted(tried, best))
    around = tried[max(0, place - 1)], tried[min(len(tried) - 1, place + 1)]
    for least in np.linspace(*around, REFINED + 2)[1:-1].tolist():
        found = known.groups(partition(profiles, least))
        if bcubed(found, known.actors).f1 > quality[best]:
            best, groups[least], quality[least] = least, found, bcubed(found, known.actors).f1
    return groups[best]
