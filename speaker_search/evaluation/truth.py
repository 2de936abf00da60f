"""Reading known voice actors: a list of maker, game, character and voice actor."""

from __future__ import annotations

import json
from pathlib import Path

from speaker_search.entities import Character, fold
from speaker_search.errors import UsageError

EXPECTED = 'Give a JSON list of {"maker", "game", "character", "voice_actor"}.'


class Truth:
    """The known voice actors of characters, by folded names."""

    def __init__(self, voice_actors: dict[tuple[str, str, str], str]) -> None:
        self._voice_actors = voice_actors

    def voice_actor(self, character: Character) -> str | None:
        names = (character.game.maker.name, character.game.title, character.name)
        return self._voice_actors.get((fold(names[0]), fold(names[1]), fold(names[2])))


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
