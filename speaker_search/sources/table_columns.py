"""What the columns of a list and the fields of a shard mean, and what one row says with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from speaker_search.entities import shown
from speaker_search.errors import SourceError
from speaker_search.sources.names import storable

#: The names a column may have, compared in lower case. When a source has several of them, the first one counts.
FIELDS = {
    "path": ("path", "file", "file_name", "audio"),
    "character": ("character", "speaker"),
    "text": ("text", "transcription", "sentence"),
    "maker": ("maker", "brand"),
    "game": ("game", "title"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a list, or what a shard says about one clip."""

    path: str  #: as written
    speaker: str | None = None  #: as written, "" when unknown; None when the row is malformed
    text: str = ""
    maker: str = ""  #: "" when the row does not say
    title: str = ""  #: "" when the row does not say
    fault: str = ""  #: what is wrong with a malformed row, to follow its number in a sentence


def columns(names: Iterable[str], source: str, *, needed: tuple[str, ...] = ("path", "character")) -> dict[str, str]:
    """Map each field to the column that holds it. Raises SourceError when a needed field has no column.

    `source` is the name of the list or shard in that error.
    """
    given = list(names)
    lower = {name.lower().strip(): name for name in reversed(given)}
    found = {field: next((lower[name] for name in known if name in lower), None) for field, known in FIELDS.items()}
    for field in needed:
        if found[field] is None:
            has = ", ".join(map(str, given[:12])) or "none"
            mend = f"Rename the column that holds it to {' or '.join(FIELDS[field])}."
            raise SourceError(f"{source} has no column for the {field}. Its columns are: {has}.", mend)
    return {field: name for field, name in found.items() if name is not None}


def row_of(values: Mapping[str, object], named: Mapping[str, str], path: str | None = None) -> Row:
    """Build a row from its values, by the columns that columns() found; malformed when a value is not text.

    Numbers count as text, and None as an empty text. `path`, when given, replaces the row's own.
    """
    said = {field: _text(values.get(column)) for field, column in named.items()}
    own = said.get("path") if path is None else path
    not_text = next((named[field] for field, text in said.items() if text is None), None)
    if not_text is not None:
        return Row(own or "", fault=f"has no text as its {shown(not_text)}")
    if not own:
        return Row("", fault="names no file")
    if not storable(own):
        return Row(own, fault="names a file whose name is not valid Unicode, or too long")
    if named.get("character") not in values:
        return Row(own, fault="names no character")
    who = said["character"] or ""
    maker, title = _name(said.get("maker") or ""), _name(said.get("game") or "")
    if not storable(who) or maker is None or title is None:
        return Row(own, fault="has a name that is not valid Unicode, or too long")
    return Row(own, who, shown(said.get("text") or ""), maker, title)


@lru_cache(maxsize=1024)  # the same few names in every row
def _name(written: str) -> str | None:
    """The name in a form that can be stored; None when it is too long."""
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
