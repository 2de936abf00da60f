"""Credits in a CSV file: maker, game, character, voice_actor."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field
from pathlib import Path

from speaker_search.cast.credits.listed import (
    Key,
    ListedCast,
    ListedCharacter,
    ListedCredit,
    ListedGame,
    Malformed,
    Person,
)
from speaker_search.entities import fold, sex_of
from speaker_search.errors import UsageError

NEEDED = ("maker", "game", "character", "voice_actor")
#: Columns that `--unmatched` writes besides: the person's key in the list that it comes from, and what a reader fills
#: in. The others (reason, candidates) are for the reader alone. `sex` is the actor's, f or m.
OPTIONAL = ("sex", "actor", "spoiler", "chosen")
MAX_CSV_BYTES = 256 << 20
MAX_NAME_BYTES = 1_000  # of a cell, in UTF-8, as the catalog's names
SOURCE = "csv"
_UNQUOTED = re.compile("^'(?=[=+@-])")  # our own files have an apostrophe where a spreadsheet would see a formula


@dataclass(slots=True)
class CsvCredits:
    """A CSV file of credits, each row one of them."""

    source: str = SOURCE
    malformed: Malformed = field(default_factory=Malformed)
    games: list[ListedGame] = field(default_factory=list)
    persons: dict[Key, Person] = field(default_factory=dict)
    rows: int = 0  #: with a credit, malformed ones included
    left_out: int = 0
    _casts: dict[str, dict[str, ListedCharacter]] = field(default_factory=dict)

    def cast(self, game: ListedGame) -> ListedCast:
        return ListedCast(tuple(self._casts[game.id].values()))

    def add(self, row: dict[str, str], number: int, *, spoilers: bool) -> None:
        """Take in a row whose cells are all there."""
        spoiler = bool(row["spoiler"])
        if spoiler and not spoilers:
            self.left_out += 1
            return
        source, _, key = row["actor"].partition(":")
        person = (source, key) if source and key else (SOURCE, fold(row["voice_actor"]))
        sex, known = sex_of(row["sex"]), self.persons.get(person)
        if known is not None and sex and known.sex and sex != known.sex:
            self.malformed.add(f"Line {number}: another line gives {row['voice_actor']} the sex {known.sex}.")
            return
        if known is None or known.sex is None:
            self.persons[person] = Person(person, known.name if known else row["voice_actor"], sex=sex)
        game_id = f"{fold(row['maker'])}\0{fold(row['game'])}"
        if game_id not in self._casts:
            self._casts[game_id] = {}
            makers = (row["maker"],) if row["maker"] else ()
            self.games.append(ListedGame(game_id, row["game"], (row["game"],), makers))
        cast = self._casts[game_id]
        character_id = f"{fold(row['character'])}\0{row['chosen']}"
        before = cast[character_id].credits if character_id in cast else ()
        credit = ListedCredit(person, row["voice_actor"], spoiler, number)
        cast[character_id] = ListedCharacter(
            row["character"], (row["character"],), (), (*before, credit), chosen=row["chosen"]
        )


def read_csv(path: Path, content: bytes | None = None, *, spoilers: bool = False) -> CsvCredits:
    """Read a CSV file, or `content` under its name; rows that lack something are counted and named.

    Raises UsageError when it is another file.
    """
    found = CsvCredits()
    content = _content(path) if content is None else content
    reader = csv.reader(io.StringIO(_text(path, content), newline=""), strict=True)
    header: list[str] | None = None
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise UsageError(f"{path} is not CSV: line {reader.line_num}: {error}.", "Save it as CSV again.") from error
        if cells is None:
            break
        cells = [_UNQUOTED.sub("", cell.strip()) for cell in cells]
        if not any(cells):
            continue
        if header is None:
            header = _header(path, cells)
            continue
        found.rows += 1
        row = dict(zip(header, cells, strict=False))
        if problem := _problem(header, cells, row):
            found.malformed.add(f"Line {reader.line_num}: {problem}.")
        else:
            found.add({name: row.get(name, "") for name in (*NEEDED, *OPTIONAL)}, reader.line_num, spoilers=spoilers)
    if header is None:
        raise UsageError(f"{path} is empty.", _MEND)
    if not found.rows:
        raise UsageError(
            f"{path} lists no credits.", "Write each on a line of its own, below the names of the columns."
        )
    return found


_MEND = f"Its first line must name the columns: {','.join(NEEDED)}."


def _header(path: Path, cells: list[str]) -> list[str]:
    header = [fold(cell) for cell in cells]
    missing = [name for name in NEEDED if name not in header]
    if missing:
        raise UsageError(f"{path} has no column {' and no column '.join(missing)}.", _MEND)
    twice = [name for name in (*NEEDED, *OPTIONAL) if header.count(name) > 1]
    if twice:
        raise UsageError(f"{path} has several columns called {twice[0]}.", "Rename or delete one.")
    return header


def _problem(header: list[str], cells: list[str], row: dict[str, str]) -> str:
    if len(cells) != len(header):
        return f"{len(cells)} cells, where the first line has {len(header)}"
    lacking = [name for name in NEEDED[1:] if not row[name]]
    if lacking:
        return f"no {lacking[0].replace('_', ' ')}"
    if row.get("sex") and sex_of(row["sex"]) is None:
        return f"its sex is {row['sex'][:20]!r}, neither f nor m"
    long = [name for name in (*NEEDED, *OPTIONAL) if len(row.get(name, "").encode()) > MAX_NAME_BYTES]
    if long:
        return f"its {long[0].replace('_', ' ')} is longer than {MAX_NAME_BYTES:,} bytes"
    return "it contains a NUL character" if any("\0" in cell for cell in cells) else ""


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_CSV_BYTES:
            raise UsageError(f"{path} is over {MAX_CSV_BYTES >> 20} MiB.", "Split it into smaller files.")
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", "Check its name.") from error


def _text(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    if _is_shift_jis(content):
        return content.decode("cp932")
    raise UsageError(f"{path} is neither UTF-8 nor plainly Shift-JIS.", "Save it as CSV in UTF-8.")


def _is_shift_jis(content: bytes) -> bool:
    """Whether it can be nothing else: it has kana, and is not EUC-JP. Western text often decodes as kanji alone."""
    try:
        text = content.decode("cp932")
    except UnicodeDecodeError:
        return False
    try:
        content.decode("euc_jp")
        return False
    except UnicodeDecodeError:
        kana, narrow = re.compile("[\u3041-\u30fa]"), re.compile("[\uff61-\uff9f]")  # EUC-JP looks like narrow ones
        return kana.search(text) is not None and narrow.search(text) is None
