"""Figures drawn: how pairs score, how honest probabilities are, and what the catalog holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from speaker_search.documents import DEFAULT_PROBABILITY
from speaker_search.documents.models.pictures import DrawnPanel, Picture
from speaker_search.entities import Ids, counted
from speaker_search.errors import UsageError
from speaker_search.library.models.comparing import Say
from speaker_search.library.models.drawing_voices import DrawingVoices

# Imported where they are used: see holdings.
if TYPE_CHECKING:
    from speaker_search.pictures.charts import Chart
    from speaker_search.pictures.score_charts import Curve
    from speaker_search.search.live import Ready

SCORES = "Scores of pairs of characters"
ONE_GAME = "The characters in {space} are all of one game, and scores compare those of different games."


class Plotting(DrawingVoices):
    """An open catalog that can be drawn, its figures too."""

    def plot_scores(self, file: str | Path, *, encoders: Sequence[str] = (), say: Say = lambda _: None) -> Picture:
        """Draw how pairs of characters score: halves of one character, characters known or linked to be one voice, and
        the rest; and the probability that scores stand for. In each space, or in each of `encoders`.

        Raises UsageError where no space has characters of two games: scores compare those.
        """
        from speaker_search.pictures.charts import check_file, save

        check_file(Path(file))
        charts: list[Chart] = []
        drawn, notes = [], []
        for ready in self._readies(encoders, say):
            name, ready = ready.space.name, self._informed(ready)
            if len(np.unique(ready.profiles.game_ids)) < 2:
                notes.append(ONE_GAME.format(space=name))
                continue
            say(f"Scoring pairs in {name}…")
            chart, pairs = self._scored(ready)
            charts.append(chart)
            drawn.append(DrawnPanel(encoder=name, shows="pairs", points=pairs, of=pairs))
        if not charts:
            raise UsageError(notes[0], "Ingest another game.")
        say("Drawing…")
        save(Path(file), SCORES, [*charts, *notes])
        return Picture(file=Path(file), plot="scores", game=None, panels=drawn, notes=notes)

    def _scored(self, ready: Ready) -> tuple[Chart, int]:
        """How the pairs of one space score, as a chart, and how many they are."""
        from speaker_search.evaluation.pair_kinds import pair_kinds
        from speaker_search.pictures.score_charts import score_chart

        found = pair_kinds(ready, *self._who_speaks(ready))
        kinds = {
            "two halves of one character": found.halves,
            "one voice by verdicts and credits": found.known,
            "one voice by linking": found.linked,
            "the rest, of different games": found.rest,
        }
        curve, name = _curve(ready), ready.space.name
        said = [f"{name}: pairs of characters of different games, but for halves, which share their game's room"]
        if curve is None:
            said.append("The catalog is too small to calibrate scores on, so there is no curve of probabilities.")
        elif np.isfinite(curve.threshold):
            said.append(f"A probability of {DEFAULT_PROBABILITY:g} begins at a score of {curve.threshold:.2f} (dashed)")
        return score_chart(SCORES, said, kinds, curve), sum(len(scores) for scores in kinds.values())

    def plot_reliability(
        self,
        file: str | Path,
        *,
        truth: Path | None = None,
        encoders: Sequence[str] = (),
        say: Say = lambda _: None,
    ) -> Picture:
        """Draw how often probabilities come true, by known voice actors: the list `truth`, as for `evaluate`, or else
        credits and verdicts, which then take no part in linking. In each space, or in each of `encoders`.

        Raises UsageError where nothing is known to judge by.
        """
        from speaker_search.evaluation.known import known_by_word
        from speaker_search.evaluation.truth import read_truth
        from speaker_search.pictures.charts import check_file, save
        from speaker_search.pictures.reliability_charts import reliability_chart

        check_file(Path(file))
        known = None if truth is None else read_truth(truth)
        judged_by = "credits and verdicts" if truth is None else f"the voice actors of {truth.name}"
        title = "How often probabilities come true"
        charts: list[Chart] = []
        drawn, notes = [], []
        for ready in self._readies(encoders, say):
            name = ready.space.name
            if known is None and not len(known_by_word(ready.profiles, self._constraints(ready).groups())):
                notes.append(f"{name}: no credit or verdict says who is one voice.")
                continue
            say(f"Judging probabilities in {name}…")
            found = self._evaluated(ready, known)
            tables = {
                "first matches": found.reliability,
                "pairs of at least 0.1": found.pair_reliability,
                "members of voices": found.membership_reliability,
                "whole voices": found.voice_reliability,
            }
            judged = sum(one.count for table in tables.values() for one in table)
            if not judged:
                notes.append(f"{name}: nothing to judge: no known character has a probability.")
                continue
            said = [f"{name}, by {judged_by}: {counted(found.characters, 'character')}. Bars are 95 % intervals."]
            charts.append(reliability_chart(title, said, tables))
            drawn.append(DrawnPanel(encoder=name, shows="probabilities", points=judged, of=judged))
        if not charts:
            mend = "Give --truth, import credits or give verdicts." if truth is None else "Is the list for other games?"
            raise UsageError(notes[0], mend)
        say("Drawing…")
        save(Path(file), title, [*charts, *notes])
        return Picture(file=Path(file), plot="reliability", game=None, panels=drawn, notes=notes)

    def plot_coverage(self, file: str | Path, *, encoders: Sequence[str] = (), say: Say = lambda _: None) -> Picture:
        """Draw how many clips and minutes each maker, game and character has, the largest ones apart and the rest
        together; in each space, or in each of `encoders`.
        """
        from speaker_search.library.models.coverage import coverage
        from speaker_search.pictures.charts import check_file, save
        from speaker_search.pictures.coverage_charts import coverage_chart

        check_file(Path(file))
        charts: list[Chart] = []
        drawn = []
        for space in self._chosen(encoders):
            say(f"Counting clips in {space.name}…")
            found = coverage(self.catalog, space)
            charts += [coverage_chart(f"Clips by {by}, {space.name}", by, bars) for by, bars in found.items()]
            drawn += [
                DrawnPanel(
                    encoder=space.name,
                    shows=f"{by}s",
                    points=sum(not bar.rest for bar in bars),
                    of=sum(bar.members for bar in bars),
                )
                for by, bars in found.items()
            ]
        say("Drawing…")
        save(Path(file), "What the catalog holds", charts)
        return Picture(file=Path(file), plot="coverage", game=None, panels=drawn)

    def _who_speaks(self, ready: Ready) -> tuple[Ids, Ids]:
        """Who speaks each character (C,) of a space, as numbers: as far as somebody said so, and as it is linked."""
        from speaker_search.cast.voices import find_voices
        from speaker_search.evaluation.known import NOBODY, known_by_word

        profiles, constraints = ready.profiles, self._constraints(ready)
        linked = np.full(len(profiles), NOBODY, np.int64)
        for voice in find_voices(self.catalog, ready, constraints=constraints).voices:
            linked[np.isin(profiles.character_ids, [one.id for one, _ in voice.members])] = voice.id
        return known_by_word(profiles, constraints.groups()).actors_of_rows, linked


def _curve(ready: Ready) -> Curve | None:
    """The probability by score of pairs in a space, where it has enough characters to calibrate on."""
    from speaker_search.pictures.score_charts import Curve
    from speaker_search.search.calibration import least_log_odds

    pairs = ready.profiles.pairs
    if pairs is None:
        return None
    threshold = pairs.score_at(least_log_odds(DEFAULT_PROBABILITY))
    return Curve(pairs.scores, pairs.probability(pairs.scores), threshold)
