"""Reading known voice actors: a list of maker, game, character and voice actor."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import TypeAlias

from speaker_search.entities import fold
from speaker_search.errors import UsageError

EXPECTED = 'Give a JSON list of {"maker", "game", "character", "voice_actor"}.'

Names: TypeAlias = tuple[str, str, str]


class Truth:
    """The known voice actors of characters, by folded names."""

    def __init__(self, voice_actors: dict[Names, str]) -> None:
        self._voice_actors = voice_actors

    @property
    def names(self) -> Collection[Names]:
        """The maker, game and name of each character whose voice actor is known."""
        return self._voice_actors.keys()

    def voice_actor(self, names: Names) -> str:
        return self._voice_actors[names]


def read_truth(path: Path) -> Truth:
    """Read a JSON file of known voice actors. Raises UsageError when it is missing or malformed."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", EXPECTED) from error
    except ValueError as error:
        raise UsageError(f"{path} is not JSON.", EXPECTED) from error
    try:
        return Truth(
            {
                (fold(row["maker"]), fold(row["game"]), fold(row["character"])): _voice_actor(row["voice_actor"])
                for row in rows
            }
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"{path} does not say who speaks.", EXPECTED) from error


def _voice_actor(name: object) -> str:
    """A name or number. null is rejected: it would make all unknown actors one person."""
    if not isinstance(name, str | int):
        raise TypeError(name)
    return str(name)
