"""Which clips are trained on, and which are held out to measure with: nobody whom people or the
catalog call one person is on both sides. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO
from zipfile import BadZipFile

import numpy as np

from speaker_search.documents.models.trained import Pairs, Recipe, SideCounts
from speaker_search.entities import Floats, Ids
from speaker_search.errors import UsageError
from speaker_search.training.who_speaks import Spoken

MIN_CLIPS = 2  # of a speaker to be trained on: a step hears two
MOST_SPEAKERS_MEASURED = 100
MOST_CLIPS_MEASURED = 400  # 80,000 pairs, and on two cores under a minute of computation each time
LEAST_PAIRS = 30  # of one speaker in different games, for training to be judged by those
MEND = "Ingest more games, or say who speaks whom: `spksearch credits import`, `spksearch verdict`."


@dataclass(frozen=True, eq=False, slots=True)
class Side:
    """The clips (n) of one side of the split, by id."""

    ids: Ids  # (n,)
    speakers: Ids  # (n,) numbers from 0 on
    games: Ids  # (n,)
    seconds: Floats  # (n,)
    characters: Ids  # (S,) one character of each speaker
    kin: Ids  # (S,) numbers, equal for speakers who may be one person

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def counts(self) -> SideCounts:
        return SideCounts(
            clips=len(self),
            speakers=len(self.characters),
            games=len(np.unique(self.games)),
            hours=float(self.seconds.sum()) / 3600,
        )

    @property
    def doubtful(self) -> int:
        """How many speakers may be the same as another one."""
        _, places, sizes = np.unique(self.kin, return_inverse=True, return_counts=True)
        return int((sizes[places] > 1).sum())


@dataclass(frozen=True, eq=False, slots=True)
class Plan:
    """What a training hears and is measured with. It is kept beside the checkpoints, as the catalog changes."""

    training: Side
    held_out: Side  #: only the clips to measure with
    held_out_counts: SideCounts  #: of all that are held out
    left_out: int

    def digest(self, recipe: Recipe) -> str:
        """The same for the same clips, speakers and settings."""
        found = hashlib.sha256(recipe.model_dump_json().encode())
        for array in _arrays(self).values():
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()


def split(games: Ids, kin: Ids, *, share: float, seed: int) -> tuple[Ids, Ids]:
    """The rows of clips (n,) to train on and to hold out: some whole games, and every clip of their speakers.

    Speakers are held out with all who may be the same person, so nobody is on both sides. Games are taken in random
    order until about `share` is held out; when every game is larger than that, the smallest is.
    Raises UsageError when nothing would be left to train on.
    """
    played = np.unique(np.stack([games, kin]), axis=1)
    weights = np.bincount(kin, minlength=int(kin.max(initial=-1)) + 1)  # clips of each
    held = np.zeros(len(weights), bool)
    most = share * len(games)
    whole = np.unique(games)
    costs = {game: int(weights[played[1, played[0] == game]].sum()) for game in whole.tolist()}
    for game in np.random.default_rng(seed).permutation(whole).tolist():
        if costs[game] > most:
            continue
        theirs = played[1, played[0] == game]
        if weights[held].sum() + weights[theirs[~held[theirs]]].sum() <= most:
            held[theirs] = True
    if not held.any() and costs:
        least = min(costs, key=lambda game: (costs[game], game))
        if 2 * costs[least] <= len(games):
            held[played[1, played[0] == least]] = True
    if not held.any():
        raise UsageError("No game can be held out: its voices are those of most clips.", MEND)
    return np.flatnonzero(~held[kin]), np.flatnonzero(held[kin])


def plan(heard: Spoken, recipe: Recipe) -> Plan:
    """Who is trained on and who held out. Raises UsageError when the catalog has too few voices for it."""
    clips = heard.clips
    if not len(clips):
        raise UsageError("The catalog has no clip whose character is known.", MEND)
    learned, held = split(clips.games, heard.kin, share=recipe.held_out, seed=recipe.seed)
    learned = learned[_often(heard.speakers[learned])]
    measured = _measured(heard.speakers[held], recipe.seed)
    training = _side(heard, learned)
    if len(training.characters) < 2:
        raise UsageError("Fewer than two speakers are left to train on.", MEND)
    whole = _side(heard, held)
    made = Plan(training, _side(heard, held[measured]), whole.counts, len(clips) - len(learned) - len(held))
    pairs(made.held_out)
    return made


@dataclass(frozen=True, eq=False, slots=True)
class HeldPairs:
    """Pairs (m,) of held-out clips, by their places: left < right."""

    left: Ids
    right: Ids
    same: Ids  # (m,) 1 where one person speaks both
    across: Ids  # (m,) 1 where they are of two games
    judged_by: Pairs

    @property
    def judged(self) -> Ids:
        """The pairs that training is judged by."""
        return np.flatnonzero(self.across == (self.judged_by == "across games"))


def pairs(side: Side) -> HeldPairs:
    """All pairs of clips, without those of two speakers who may be one person.

    Training is judged by clips of different games where people's word makes enough such pairs one person's. Within a
    game both clips have the same sound, which tells nothing of the voice. Raises UsageError without pairs of either
    kind.
    """
    left, right = np.triu_indices(len(side), 1)
    speakers, kin = side.speakers, side.kin[side.speakers]
    same = speakers[left] == speakers[right]
    clear = same | (kin[left] != kin[right])
    left, right, same = left[clear], right[clear], same[clear]
    across = side.games[left] != side.games[right]
    by: Pairs = "across games" if (same & across).sum() >= LEAST_PAIRS else "within games"
    found = HeldPairs(left, right, same.astype(np.int64), across.astype(np.int64), by)
    judged = found.same[found.judged]
    if not judged.any() or judged.all():
        raise UsageError("The held-out games have too few voices with several clips to measure with.", MEND)
    return found


def save_plan(made: Plan, directions: Floats, file: IO[bytes]) -> None:
    """Write a plan, and where the speakers' directions begin; `load_plan` reads them."""
    np.savez(file, allow_pickle=False, directions=directions, **_arrays(made))


def load_plan(path: Path) -> tuple[Plan, Floats]:
    """The plan in a file, with the directions. Raises OSError, ValueError, EOFError and KeyError for anything else."""
    try:
        with np.load(path, allow_pickle=False) as found:
            sides = [Side(**{one.name: found[f"{name}_{one.name}"] for one in fields(Side)}) for name in _SIDES]
            clips, speakers, games, left_out = found["counts"].tolist()
            counts = SideCounts(clips=clips, speakers=speakers, games=games, hours=float(found["hours"]))
            return Plan(sides[0], sides[1], counts, left_out), found["directions"]
    except BadZipFile as error:
        raise ValueError("it is not a zip file") from error


_SIDES = ("training", "held_out")


def _arrays(made: Plan) -> dict[str, np.ndarray]:
    found = {f"{name}_{one.name}": getattr(getattr(made, name), one.name) for name in _SIDES for one in fields(Side)}
    all_held = made.held_out_counts
    found["counts"] = np.array([all_held.clips, all_held.speakers, all_held.games, made.left_out], np.int64)
    return found | {"hours": np.float64(all_held.hours)}


def _often(speakers: Ids) -> Ids:
    """Rows of the clips whose speaker has at least MIN_CLIPS."""
    _, places, counts = np.unique(speakers, return_inverse=True, return_counts=True)
    return np.flatnonzero(counts[places] >= MIN_CLIPS)


def _measured(speakers: Ids, seed: int) -> Ids:
    """Rows of the held-out clips to measure with: as many of each speaker as possible, of at most
    MOST_SPEAKERS_MEASURED speakers.
    """
    rows = _often(speakers)
    random = np.random.default_rng([seed, 1])
    rows = random.permutation(rows)
    chosen = random.permutation(np.unique(speakers[rows]))[:MOST_SPEAKERS_MEASURED]
    rows = rows[np.isin(speakers[rows], chosen)]
    order = np.argsort(speakers[rows], kind="stable")
    sorted_ = speakers[rows][order]
    rank = np.arange(len(rows)) - np.searchsorted(sorted_, sorted_)  # first, second, ... clip of its speaker
    return np.sort(rows[order][np.argsort(rank, kind="stable")][:MOST_CLIPS_MEASURED])


def _side(heard: Spoken, rows: Ids) -> Side:
    clips = heard.clips.of(rows)
    people, first, places = np.unique(heard.speakers[rows], return_index=True, return_inverse=True)
    return Side(clips.ids, places.astype(np.int64), clips.games, clips.seconds, people, heard.kin[rows][first])
