"""Profiles saved for the next start."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np

from speaker_search.catalog.spaces import Space
from speaker_search.entities import Floats, Ids
from speaker_search.errors import IndexUnusableError
from speaker_search.search.calibration import Calibration
from speaker_search.search.profiles.profiles import Profiles, QueryCalibration, Sounding
from speaker_search.search.profiles.repeats import Repeats
from speaker_search.search.scoring import Bools
from speaker_search.search.strangers import Doubles
from speaker_search.views import storage

FILE = "profiles.npz"
FORM = 13  # raised whenever the same catalog would give other profiles
OF_CHARACTERS = ("character_ids", "game_ids", "clips", "echoes", "counted", "means", "centre")
OF_REPEATS = ("ids", "counts", "milliseconds", "sums")
OF_SOUNDING = ("matrix", "vectors", "cohort_means", "cohort_spreads")


def save_profiles(folder: Path, profiles: Profiles, uuid: str, space: Space) -> None:
    """Save the profiles for the next start. A failure costs only the time to rebuild them, so errors are ignored."""
    arrays: dict[str, Floats | Ids | Bools | Doubles] = {name: getattr(profiles, name) for name in OF_CHARACTERS}
    arrays |= {f"repeats.{name}": getattr(profiles.repeats, name) for name in OF_REPEATS}
    for kind in ("as_pairs", "as_queries"):
        arrays |= {f"{kind}.{name}": getattr(getattr(profiles, kind), name) for name in OF_SOUNDING}
    kept = [] if profiles.pairs is None else [(0, -1.0, 0.0, profiles.pairs)]  # a pair counts as a query of 0 clips
    for each in profiles.queries:
        kept += [(each.clips, each.seconds, each.most, one) for one in (each.scores, each.cosines)]
    for place, (*_, calibration) in enumerate(kept):
        arrays |= {f"{place}.scores": calibration.scores, f"{place}.odds": calibration.odds}
    facts = [[clips, seconds, most, one.share, one.recurrence] for clips, seconds, most, one in kept]
    with contextlib.suppress(IndexUnusableError):
        storage.save(
            folder,
            {FILE: lambda path: np.savez(path, allow_pickle=False, **arrays)},
            catalog=uuid,
            space=space.name,
            position=profiles.position,
            facts={"form": FORM, "calibrations": facts},
        )


def load_profiles(folder: Path, uuid: str, space: Space, position: int) -> Profiles | None:
    """Profiles of exactly this position; None when the folder holds others, damaged ones or none."""
    try:
        found = storage.load(folder, catalog=uuid, space=space.name, read=_read)
    except IndexUnusableError:
        return None  # they are quickly rebuilt
    return found if found is not None and found.position == position else None


def _read(version: storage.Version) -> Profiles | None:
    facts = version.stamp.facts
    if facts.get("form") != FORM:
        return None
    with np.load(version.path(FILE), allow_pickle=False) as file:
        kept = [
            (clips, seconds, most, Calibration(file[f"{place}.scores"], file[f"{place}.odds"], share, recurrence))
            for place, (clips, seconds, most, share, recurrence) in enumerate(facts["calibrations"])
        ]
        characters = {name: file[name] for name in OF_CHARACTERS}
        as_pairs, as_queries = (
            Sounding(**{name: file[f"{kind}.{name}"] for name in OF_SOUNDING}) for kind in ("as_pairs", "as_queries")
        )
        repeats = Repeats(**{name: file[f"repeats.{name}"] for name in OF_REPEATS})
    pairs = kept.pop(0)[3] if kept and kept[0][0] == 0 else None
    queries = [
        QueryCalibration(clips, seconds, scores, other[3], most)
        for (clips, seconds, most, scores), other in zip(kept[::2], kept[1::2], strict=True)
    ]
    return Profiles(
        version.stamp.position,
        **characters,
        as_pairs=as_pairs,
        as_queries=as_queries,
        pairs=pairs,
        queries=tuple(queries),
        repeats=repeats,
    )
