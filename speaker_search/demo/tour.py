"""A tour through bundled voices: take them in, ask with one line, list who recurs, compare with the truth."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from speaker_search import settings
from speaker_search.cast.voices import Cast
from speaker_search.entities import Character
from speaker_search.evaluation.truth import Truth, read_truth
from speaker_search.index.sync import Verification
from speaker_search.ingest.report import IngestReport
from speaker_search.library import Library
from speaker_search.search.matching import Answer, Filters

VOICES = Path(__file__).parent / "voices"
ENCODER = "resemblyzer"  # the one whose weights come with its package


@dataclass(frozen=True, slots=True)
class Tour:
    """What the tour saw."""

    report: IngestReport
    line: Path  #: the clip asked with
    speaker: Character  #: who speaks it
    answer: Answer
    cast: Cast
    verification: Verification
    voices: int  #: that recur in truth
    found: int  #: of them, found whole
    false: int  #: voices found that mix people or miss a character

    @property
    def right(self) -> bool:
        """Whether everything came out as it should."""
        return self.first_is_right and self.found == self.voices and not self.false and self.verification.ok

    @property
    def first_is_right(self) -> bool:
        truth = read_truth(VOICES / "cast.json")
        first = self.answer.matches[0].character if self.answer.matches else None
        return first is not None and truth.voice_actor(first) == truth.voice_actor(self.speaker)


def take(home: Path | None, on_progress: Callable[[IngestReport], None]) -> Tour:
    """Go through everything once, in a home that is thrown away afterwards unless one is given."""
    with tempfile.TemporaryDirectory(prefix="spksearch-demo-") as passing:
        chosen = settings.load(home=home or Path(passing), encoder=ENCODER, device="cpu")
        # Another database or other weights, set for the user's own voices, are not for this.
        chosen = chosen.model_copy(update={"database_url": None, "checkpoint": None})
        with Library(chosen) as library:
            return _tour(library, on_progress)


def _tour(library: Library, on_progress: Callable[[IngestReport], None]) -> Tour:
    truth = read_truth(VOICES / "cast.json")
    report = library.ingest([VOICES], on_progress=on_progress)
    cast = library.cast()
    everyone = [character for voice in cast.voices for character, _ in voice.members] + list(cast.unlinked)
    groups = _recurring(everyone, truth)
    speaker = min((one for group in groups for one in group), key=lambda one: one.id)
    line = library.search_like(characters=[speaker.id], by="clip", filters=Filters(games=(speaker.game.title,)))
    clip = next(match.hits[0].clip for match in line.matches if match.hits[0].clip.character_id == speaker.id)
    answer = library.search([clip.path], filters=Filters(exclude_games=(speaker.game.title,)))
    found = [frozenset(character for character, _ in voice.members) for voice in cast.voices]
    whole = sum(group in groups for group in found)
    return Tour(report, clip.path, speaker, answer, cast, library.verify(), len(groups), whole, len(found) - whole)


def _recurring(everyone: list[Character], truth: Truth) -> set[frozenset[Character]]:
    """The characters of each voice actor who plays in more than one game."""
    by_actor: dict[str, set[Character]] = {}
    for character in everyone:
        actor = truth.voice_actor(character)
        if actor is not None:
            by_actor.setdefault(actor, set()).add(character)
    return {frozenset(group) for group in by_actor.values() if len(group) > 1}
