"""Reading known voice actors: a list of maker, game, character and voice actor, and if known the style of acting."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, TypeAlias

from speaker_search.entities import Character, fold
from speaker_search.errors import UsageError

EXPECTED = 'Give a JSON list of {"maker", "game", "character", "voice_actor"}.'
ROLES = "roles.json"  # beside the truth: the styles, where its own rows do not say them

Names: TypeAlias = tuple[str, str, str]


class Truth:
    """The known voice actors of characters, and the styles they act in, by folded names."""

    def __init__(self, voice_actors: dict[Names, str], styles: dict[Names, str] | None = None) -> None:
        self._voice_actors = voice_actors
        self._styles = styles or {}

    @property
    def names(self) -> Collection[Names]:
        """The maker, game and name of each character whose voice actor is known."""
        return self._voice_actors.keys()

    def voice_actor(self, names: Names) -> str:
        return self._voice_actors[names]

    def style(self, character: Character) -> str:
        """The style of acting; empty where it is not known."""
        return self._styles.get(_names(character.game.maker.name, character.game.title, character.name), "")


def read_truth(path: Path) -> Truth:
    """Read a JSON file of known voice actors, and the styles from it or from a `roles.json` beside it.

    Raises UsageError when it is missing or malformed.
    """
    rows = _rows(path)
    roles = path.with_name(ROLES)
    try:
        voice_actors = {_of_row(row): _voice_actor(row["voice_actor"]) for row in rows}
        if not any("style" in row for row in rows) and roles.is_file() and roles != path:
            return Truth(voice_actors, _styles(_rows(roles)))
        return Truth(voice_actors, _styles(rows))
    except (TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"{path} does not say who speaks.", EXPECTED) from error


def _rows(path: Path) -> list[Any]:
    try:
        return list(json.loads(path.read_text(encoding="utf-8-sig")))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", EXPECTED) from error
    except ValueError as error:
        raise UsageError(f"{path} is not JSON.", EXPECTED) from error
    except TypeError as error:
        raise UsageError(f"{path} does not say who speaks.", EXPECTED) from error


def _styles(rows: Iterable[Any]) -> dict[Names, str]:
    return {_of_row(row): str(row["style"]) for row in rows if row.get("style") is not None}


def _of_row(row: Any) -> Names:
    return _names(row["maker"], row["game"], row["character"])


def _names(maker: str, game: str, character: str) -> Names:
    return fold(maker), fold(game), fold(character)


def _voice_actor(name: object) -> str:
    """A name or number. null is rejected: it would make all unknown actors one person."""
    if not isinstance(name, str | int):
        raise TypeError(name)
    return str(name)
