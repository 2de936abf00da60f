"""Which columns and fields say what, in manifests and shards alike, and what a row of them holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from speaker_search.entities import shown
from speaker_search.errors import SourceError
from speaker_search.sources.names import storable

#: What a row can say and the names it may say it by, compared in lower case; of several the first counts.
FIELDS = {
    "path": ("path", "file", "file_name", "audio"),
    "character": ("character", "speaker"),
    "text": ("text", "transcription", "sentence"),
    "maker": ("maker", "brand"),
    "game": ("game", "title"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a manifest, or what a shard says of one clip."""

    path: str  #: as written
    speaker: str | None = None  #: as written, "" for nobody; None when the row is malformed
    text: str = ""
    maker: str = ""  #: "" when the row does not say
    title: str = ""


def columns(names: Iterable[str], source: str, *, needed: tuple[str, ...] = ("path", "character")) -> dict[str, str]:
    """Which of the names says what. Raises SourceError when a needed one is not among them."""
    given = list(names)
    lower = {name.lower().strip(): name for name in reversed(given)}
    found = {field: next((lower[name] for name in known if name in lower), None) for field, known in FIELDS.items()}
    for field in needed:
        if found[field] is None:
            has = ", ".join(shown(str(name)) for name in given[:12]) or "none"
            mend = f"Name the one that says it {' or '.join(FIELDS[field])}."
            raise SourceError(f"{source} has no column for the {field}: its columns are {has}.", mend)
    return {field: name for field, name in found.items() if name is not None}


def row_of(values: Mapping[str, object], named: Mapping[str, str], path: str | None = None) -> Row:
    """The row in the values, by the columns that columns() found; malformed when a value is no text.

    Numbers count as text, and nothing at all (None) as nothing said. `path` given stands in for the row's own.
    """
    said = {field: _text(values.get(column)) for field, column in named.items()}
    own = said.get("path") if path is None else path
    if not own or not storable(own) or None in said.values() or named.get("character") not in values:
        return Row(own or "")
    who = said["character"] or ""
    maker, title = _name(said.get("maker") or ""), _name(said.get("game") or "")
    if not storable(who) or maker is None or title is None:
        return Row(own)
    return Row(own, who, shown(said.get("text") or ""), maker, title)


@lru_cache(maxsize=1024)  # the same few in every row
def _name(written: str) -> str | None:
    """As it can be stored; None when it is too long."""
    name = shown(written).strip()
    return name if storable(name) else None


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return str(value)
