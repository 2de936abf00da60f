"""Spaces of one catalog side by side, on the clips that all of them have embedded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from speaker_search.catalog import clips, pages
from speaker_search.catalog.embeddings import STORED
from speaker_search.catalog.spaces import Space, check_space, filled_spaces
from speaker_search.documents.models.spaces_compared import (
    ComparedGame,
    ComparedSpace,
    FoundClips,
    JudgedBy,
    SpacesCompared,
)
from speaker_search.entities import Ids
from speaker_search.errors import CatalogError, EmptyCatalogError, EncoderError, SpeakerSearchError, UsageError
from speaker_search.library.encoder_choice import encoder_of
from speaker_search.library.questions.asking import Asking

# Imported where they are used: see holdings.
if TYPE_CHECKING:
    from speaker_search.evaluation.evaluating import Evaluation
    from speaker_search.evaluation.spaces.clip_measures import ClipMeasures
    from speaker_search.evaluation.spaces.half_voices import HalvesCompared
    from speaker_search.evaluation.truth import Truth
    from speaker_search.search.live import Ready

#: Characters whose voice is known to be heard in another game: fewer say nothing, and characters are halved instead.
LEAST_RECURRING = 20
NOWHERE = np.empty(0, np.int64)
BASES: dict[JudgedBy, str] = {
    "truth": "The voice actors are those of the list given, as for `spksearch evaluate`.",
    "credits and verdicts": "Who is one voice is taken from credits and verdicts. Characters without either are not "
    "judged, and two that nobody has called one voice count as two. Voices are linked by sound alone.",
    "halves": "Too few voices are known, so one half of each character's clips looks for the other half among all "
    "characters. That asks for the role, not for the actor: an actor's other roles count as errors, and a game's own "
    "room helps.",
}

Say = Callable[[str], None]


class Comparing(Asking):
    """An open catalog whose spaces can be measured side by side."""

    def _several(self, names: Sequence[str]) -> list[Space]:
        """The spaces of these names; all without any. Raises UsageError where there are not two."""
        chosen = self._spaces_named(names)
        if len(chosen) < 2:
            again = "`spksearch ingest --again --encoder NAME` embeds all clips with another encoder."
            if names:
                raise UsageError(f"A comparison needs two spaces, not only {chosen[0].name}.", f"Name another; {again}")
            raise UsageError(f"A comparison needs two spaces, and there is only {chosen[0].name}.", again)
        return chosen

    def _opened(self, chosen: Sequence[Space], say: Say) -> tuple[list[Ready], list[Ready]]:
        """Spaces as they are, and as they are with the clips alone that all of them hold."""
        from speaker_search.evaluation.spaces.shared_clips import restricted, shared_clips

        whole = []
        for space in chosen:
            say(f"Opening {space.name}…")
            whole.append(self._ready_in(space))
        shared = shared_clips(whole)
        if not len(shared):
            raise UsageError(
                f"No clip is embedded in all of {_listed(chosen)}.",
                f"`spksearch ingest --again --encoder {chosen[-1].name}` embeds all clips.",
            )
        return whole, [restricted(self.catalog, ready, shared) for ready in whole]

    def _compared(
        self, whole: Sequence[Ready], shared: Sequence[Ready], truth: Truth | None, speed: bool, say: Say
    ) -> SpacesCompared:
        """The measures of spaces, given as they are and as they are with the clips alone that all of them hold."""
        from speaker_search.evaluation.spaces.clip_measures import clip_measures
        from speaker_search.evaluation.spaces.shared_clips import by_game, halves

        wordless = self._wordless()
        judged_by: JudgedBy = "truth"
        if truth is None:
            judged_by = "credits and verdicts" if self._enough_known(shared[0]) else "halves"
        searched, here = self._searched(), shared[0].profiles.character_ids
        elsewhere = np.setdiff1d(np.concatenate([ready.profiles.character_ids for ready in whole]), here)
        found, judged, per_space = [], 0, []
        warnings: list[str] = []
        for before, ready in zip(whole, shared, strict=True):
            say(f"Measuring {ready.space.name}…")
            measures = clip_measures(by_game(ready.snapshot, wordless))
            if judged_by == "halves":
                evaluation, cut = None, halves(ready.snapshot)
                judged = len(cut.found)
            else:
                evaluation, cut = self._evaluated(ready, truth, elsewhere), None
                judged = evaluation.characters
                warnings += [str(one) for one in evaluation.warnings if str(one) not in warnings]
            rate = self._rate(ready, say, warnings) if speed else None
            per_space.append(measures)
            left_out = before.snapshot.clips.clips - ready.snapshot.clips.clips
            chosen = searched == ready.space
            found.append(_space(ready, measures, evaluation, cut, left_out=left_out, searched=chosen, rate=rate))
        union = np.unique(np.concatenate([ready.snapshot.clips.ids for ready in whole]))
        return SpacesCompared(
            clips=shared[0].snapshot.clips.clips,
            characters=len(shared[0].profiles),
            left_out=len(union) - shared[0].snapshot.clips.clips,
            judged_by=judged_by,
            basis=BASES[judged_by],
            judged=judged,
            spaces=found,
            games=self._games_of(per_space),
            warnings=warnings,
        )

    def _evaluated(self, ready: Ready, truth: Truth | None, elsewhere: Ids = NOWHERE) -> Evaluation:
        """As `evaluate` measures, without the characters that are only `elsewhere`, in clips that are left out.

        Without a truth credits and verdicts tell, which then take no part in the linking.
        """
        from speaker_search.cast.voices import find_voices
        from speaker_search.evaluation.evaluating import measured
        from speaker_search.evaluation.known import known_by_word, known_characters

        constraints = self._constraints(ready)
        if truth is None:
            return measured(
                ready, find_voices(self.catalog, ready), known_by_word(ready.profiles, constraints.groups())
            )
        informed, known = self._informed(ready), known_characters(self.catalog, ready.profiles, truth)
        known = known.without(elsewhere)
        if not len(known):
            raise UsageError("The truth names no character with clips in all of the spaces.", "Is it for other games?")
        return measured(informed, find_voices(self.catalog, informed, constraints=constraints), known)

    def _enough_known(self, ready: Ready) -> bool:
        """Whether credits and verdicts know enough voices that are heard in several games."""
        from speaker_search.evaluation.known import known_by_word

        known = known_by_word(ready.profiles, self._constraints(ready).groups())
        return len(known) > 0 and int(known.recurring().sum()) >= LEAST_RECURRING

    def _spaces_named(self, names: Sequence[str]) -> list[Space]:
        """The spaces that hold clips and have these names, or whose encoders have them; all without any.

        Raises EncoderError for a name that is neither, CatalogError for a space that the catalog does not hold.
        """
        with self.catalog.read() as connection:
            held = filled_spaces(connection)
        if not held:
            raise EmptyCatalogError
        for name in names:
            if encoder_of(name) not in self._encoder_names():
                raise EncoderError(
                    f"There is no encoder {encoder_of(name)!r}.",
                    f"The encoders are {', '.join(self._encoder_names())}.",
                )
            if not any(name in (space.name, space.encoder) for space in held):
                if "@" in name:
                    raise CatalogError(
                        f"The catalog holds no space {name}.", f"Name one that it holds: {_listed(held)}."
                    )
                raise CatalogError(
                    f"The catalog holds no embeddings of {name}, only of {_listed(held)}.",
                    f"`spksearch ingest --again --encoder {name}` embeds all clips with it.",
                )
        return [space for space in held if not names or {space.name, space.encoder} & set(names)]

    def _ready_in(self, space: Space) -> Ready:
        """A snapshot of any space; one that is not the searched one is read and not followed."""
        if self._live is not None and self._live.ready.space == space:
            return self._live.ready
        return self._views_of(space).ready

    def _searched(self) -> Space | None:
        """The space that is searched; None where the catalog has several and nobody has chosen."""
        with suppress(CatalogError):
            return self.space
        return None

    def _wordless(self) -> Ids:
        """The clips whose text says that they are no speech."""
        from speaker_search.cast.roles.wordless import is_wordless

        with self.catalog.read() as connection:
            return np.array([id_ for id_, text in clips.texts(connection) if is_wordless(text)], np.int64)

    def _games_of(self, per_space: Sequence[ClipMeasures]) -> list[ComparedGame]:
        found = sorted({game for measures in per_space for game in measures.silhouettes})
        with self.catalog.read() as connection:
            named = {game.id: game for game, _ in pages.list_games(connection, within=found, limit=len(found))}
        return [
            ComparedGame(
                game=named[id_].title,
                maker=named[id_].maker.name,
                silhouettes=[measures.silhouettes.get(id_) for measures in per_space],
            )
            for id_ in found
            if id_ in named
        ]

    def _rate(self, ready: Ready, say: Say, warnings: list[str]) -> float | None:
        """How fast a space's encoder is here; None, with a warning, where it cannot be timed."""
        from speaker_search.evaluation.spaces.encoder_speed import sample, seconds_per_second

        say(f"Timing {ready.space.name}…")
        try:
            encoder = self._load(ready.space.encoder, ready.space.name)
            check_space(encoder.space, ready.space.name)
        except SpeakerSearchError as error:
            warnings.append(f"{ready.space.name} was not timed: {error}")
            return None
        sounds = sample(ready.snapshot.clips.ids, lambda clip_id: self.sound(clip_id).source)
        if not sounds:
            warnings.append(f"{ready.space.name} was not timed: no sound of its clips can be read here.")
            return None
        return seconds_per_second(encoder, sounds)


def _space(
    ready: Ready,
    measures: ClipMeasures,
    evaluation: Evaluation | None,
    cut: HalvesCompared | None,
    *,
    left_out: int,
    searched: bool,
    rate: float | None,
) -> ComparedSpace:
    from speaker_search.evaluation.metrics import equal_error_rate, mean

    clips, linked = ready.snapshot.clips.clips + left_out, evaluation and evaluation.bcubed
    if cut is not None:
        several = len(cut.found) > 1  # one finds itself
        precision, eer = (mean(cut.found) if several else None), equal_error_rate(cut.same, cut.different)
    else:
        precision, eer = (evaluation.precision_at_1, evaluation.eer) if evaluation else (None, None)
    return ComparedSpace(
        space=ready.space.name,
        encoder=ready.space.encoder,
        searched=searched,
        dim=ready.space.dim,
        embedded=clips,
        left_out=left_out,
        bytes=clips * ready.space.dim * STORED.itemsize,
        precision_at_1=precision,
        precision_at_1_interval=evaluation.intervals.precision_at_1 if evaluation else None,
        eer=eer,
        f1=linked.f1 if linked else None,
        f1_interval=evaluation.intervals.f1 if evaluation else None,
        best_f1=linked.best_f1 if linked else None,
        within=measures.within,
        between=measures.between,
        separation=measures.separation,
        silhouette=measures.silhouette,
        spoken=FoundClips.copy_of(measures.spoken),
        wordless=FoundClips.copy_of(measures.wordless),
        seconds_per_second=rate,
    )


def _listed(spaces: Iterable[Space]) -> str:
    return ", ".join(space.name for space in spaces)
