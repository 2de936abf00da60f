"""Same character again or same actor in another role, where the catalog has the two spaces that tell; and the styles
that a role is spoken in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from speaker_search import documents
from speaker_search.entities import Relation
from speaker_search.library.voices.casting import Casting

# Imported where they are used: see holdings.
if TYPE_CHECKING:
    from speaker_search.search.query import Answer

OF_ACTORS = "anime-va"  #: the encoder that tells actors apart
OF_ROLES = "anime-char"  #: the encoder that tells even one actor's characters apart

MOST_CLIPS = 2_000  # of a character, evenly chosen, whose styles are told apart in a tenth of a second
TYPICAL = 3  # clips of each style

CANNOT_TELL = (
    "One encoder cannot tell the same character again from the same actor in another role: "
    f"embed the clips with both {OF_ACTORS} and {OF_ROLES}."
)
TOO_SMALL = (
    "The same character again cannot be told from the same actor in another role yet: "
    f"the catalog has too few characters or games with clips of both {OF_ACTORS} and {OF_ROLES}."
)


class Relating(Casting):
    """An open catalog that says how two characters stand to each other, and what styles one speaks in."""

    def character_styles(self, character_id: int) -> documents.CharacterStyles:
        """A character's clips in groups that sound alike, the largest first, each with its most typical clips.

        Raises NotFoundError for an unknown character.
        """
        from speaker_search.cast.roles.styles import LEAST_CLIPS, styles, typical
        from speaker_search.search.scoring import unit

        character, ready = self.character_of(character_id), self.ready
        of_one = np.array([character.game.id]), np.array([character.id])
        (held,) = ready.snapshot.clips.of_characters(*of_one, MOST_CLIPS)
        vectors = unit(held.vectors.astype(np.float32))
        labels = styles(vectors)
        groups = [np.flatnonzero(labels == label) for label in range(int(labels.max(initial=-1)) + 1)]
        lines = [held.ids[rows[typical(vectors[rows], TYPICAL)]].tolist() for rows in groups]
        clips = self.clips([id_ for ids in lines for id_ in ids])
        return documents.CharacterStyles(
            encoder=ready.space.name,
            character=character,
            compared=len(held),
            needed=LEAST_CLIPS,
            styles=[
                documents.Style(
                    clips=len(rows),
                    share=len(rows) / len(held),
                    seconds=float(np.median(held.seconds[rows])),
                    lines=[documents.Clip.copy_of(clips[id_]) for id_ in ids if id_ in clips],
                )
                for rows, ids in zip(groups, lines, strict=True)
            ],
        )

    def _with_relations(self, found: Answer, character_id: int) -> Answer:
        """The answer about a character, with its relation to each match."""
        ids = [match.character.id for match in found.matches if match.character is not None]
        relations, cannot_tell = self._relations((character_id, id_) for id_ in ids)
        by_id = {other: relation for (_, other), relation in relations.items()}
        matches = [
            replace(match, relation=None if match.character is None else by_id.get(match.character.id))
            for match in found.matches
        ]
        return replace(found, matches=tuple(matches), cannot_tell=cannot_tell)

    def _sheet_with_relations(self, found: documents.CastSheet) -> documents.CastSheet:
        """The cast sheet, with each character's relation to those of its likely voices."""
        pairs = [(one.id, other.id) for one in found.sheet for voice in one.likely for other in voice.characters]
        relations, cannot_tell = self._relations(pairs)
        if cannot_tell is not None:
            return found.model_copy(update={"cannot_tell": cannot_tell})

        def told(one: int, other: int) -> documents.Relation | None:
            relation = relations.get((one, other))
            return None if relation is None else documents.Relation.copy_of(relation)

        sheet = [
            one.model_copy(
                update={
                    "likely": [
                        voice.model_copy(update={"relations": [told(one.id, other.id) for other in voice.characters]})
                        for voice in one.likely
                    ]
                }
            )
            for one in found.sheet
        ]
        return found.model_copy(update={"sheet": sheet})

    def _relations(self, pairs: Iterable[tuple[int, int]]) -> tuple[dict[tuple[int, int], Relation], str | None]:
        """The relations of pairs of characters (ids) that both spaces hold, and why there are none."""
        from speaker_search.cast.roles.relations import relate

        of_actors, of_roles = self._ready_of(OF_ACTORS), self._ready_of(OF_ROLES)
        if of_actors is None or of_roles is None:
            return {}, CANNOT_TELL
        if of_actors.profiles.pairs is None or of_roles.profiles.pairs is None:
            return {}, TOO_SMALL
        known = self._constraints().groups()
        return relate(self.catalog, of_actors.profiles, of_roles.profiles, pairs, known), None
