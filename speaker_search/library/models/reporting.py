"""A comparison of spaces as one page: its figures, maps and histograms of scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from speaker_search.documents import INFERENCE
from speaker_search.documents.models.pictures import SEED
from speaker_search.documents.models.spaces_compared import SpacesCompared
from speaker_search.entities import counted
from speaker_search.errors import UsageError
from speaker_search.library.models.comparing import Say
from speaker_search.library.models.plotting import Plotting

# Imported where they are used: see holdings.
if TYPE_CHECKING:
    from speaker_search.pictures.charts import Chart, Part, Table
    from speaker_search.search.live import Ready

TITLE = "Encoders side by side"


class Reporting(Plotting):
    """An open catalog whose comparisons can be read as a page."""

    def compare(
        self,
        *,
        encoders: Sequence[str] = (),
        truth: Path | None = None,
        speed: bool = False,
        export_to: Path | None = None,
        say: Say = lambda _: None,
    ) -> SpacesCompared:
        """Measure spaces of the catalog, all or those named by space or encoder, on the clips that all have embedded.

        With `truth`, a list of known voice actors, precision@1, EER and F1 are those of `evaluate`; without it they are
        judged by credits and verdicts, or where these say too little by the halves of each character's clips. `speed`
        loads each encoder and times it on clips of the catalog. `export_to` is an .html page to write as well, with a
        map and the scores of each space; a file that exists is replaced. `say` is told what is being done.
        Raises UsageError where there are not two spaces, or they share no clip.
        """
        from speaker_search.evaluation.truth import read_truth
        from speaker_search.pictures.charts import check_file, save

        if export_to is not None:
            if export_to.suffix.lower() != ".html":
                raise UsageError(f"{export_to.name} does not end in .html.", "Name it so.")
            check_file(export_to)
        known, chosen = None if truth is None else read_truth(truth), self._several(encoders)
        whole, shared = self._opened(chosen, say)
        found = self._compared(whole, shared, known, speed, say)
        if export_to is not None:
            say("Drawing…")
            several = [ready for ready in shared if len(np.unique(ready.profiles.game_ids)) > 1]
            scores = [self._scored(self._informed(ready))[0] for ready in several]
            save(export_to, TITLE, [*_words(found), *_tables(found), self._map(shared), *scores, INFERENCE])
        return found

    def _map(self, shared: Sequence[Ready]) -> Chart:
        """The characters of all spaces as points, a panel for each space, coloured by game."""
        from speaker_search.library.models.map_points import character_points, own_names, own_titles
        from speaker_search.pictures import layout
        from speaker_search.pictures.map_charts import Panel, map_chart

        panels = []
        for ready in shared:
            points = character_points(self.catalog, ready, None)
            names = own_names([who for who in points.speakers if who is not None])
            titles = own_titles(points.games)
            places, how = layout.spread(points.vectors, SEED)
            labels = ["" if who is None else names[who.id] for who in points.speakers]
            told = {"character": labels, "maker": [game.maker.name for game in points.games], **points.told}
            about = f"{counted(len(points), 'character')}; {how}, seed {SEED}"
            groups = [titles[game.id] for game in points.games]
            panels.append(Panel(ready.space.name, about, places, groups, told, labels))
        return map_chart("Characters by game", panels, coloured_by="game", none="")


def _words(found: SpacesCompared) -> list[Part]:
    return [found.summary(), *found.warnings]


def _tables(found: SpacesCompared) -> list[Table]:
    from speaker_search.pictures.charts import Table

    spaces = tuple(one.space for one in found.spaces)
    games = [(one.game, one.maker, *one.silhouettes) for one in found.games]
    tables = [Table(("measure", *spaces), found.measures())]
    return [*tables, Table(("silhouette of game", "maker", *spaces), games)] if games else tables
