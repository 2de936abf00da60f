"""Credits in a dump of VNDB's database (https://vndb.org/d14, ODbL): today's tables, and those before 2025-10."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from speaker_search.cast.credits.dump_files import COLUMNS, MAX_HEADER_BYTES, MEND, NEEDED, each_table, rows
from speaker_search.cast.credits.listed import (
    Key,
    ListedCast,
    ListedCharacter,
    ListedCredit,
    ListedGame,
    Malformed,
    Person,
)
from speaker_search.entities import Sex, sex_of
from speaker_search.errors import UsageError

SOURCE = "vndb"
MAX_ROWS = 20_000_000  # in a table: a hundred times as many as the largest has today
MAX_NAME = 1_000  # letters: anything longer is not a name
#: Games that share characters. Games that only share a series (ser) or a setting (set) often do not.
SHARING = frozenset({"seq", "preq", "alt", "char", "side", "par", "fan", "orig"})

Cells = dict[str, str | None]


@dataclass(slots=True)
class _Known:
    """What a dump says of a character, in whichever games it appears."""

    names: dict[str, None] = field(default_factory=dict)  # in the order of the dump, without repeats
    aliases: dict[str, None] = field(default_factory=dict)
    secret: set[str] = field(default_factory=set)  # aliases that are spoilers
    base: str | None = None  # the character that this one is an instance of
    base_is_secret: bool = False


@dataclass(slots=True)
class VndbCredits:
    """The tables of a dump, as far as credits need them. `cast` puts a game's credits together."""

    spoilers: bool
    source: str = SOURCE
    malformed: Malformed = field(default_factory=Malformed)
    games: list[ListedGame] = field(default_factory=list)
    persons: dict[Key, Person] = field(default_factory=dict)
    hidden: set[tuple[str, str]] = field(default_factory=set)  # left out: game and character, character and alias
    titles: defaultdict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))  # of games
    other_titles: defaultdict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    relations: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # game -> games
    spoken: defaultdict[str, defaultdict[str, dict[str, None]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(dict))
    )  # game -> character -> aliases of actors
    there: defaultdict[str, dict[str, bool]] = field(
        default_factory=lambda: defaultdict(dict)
    )  # game -> character -> whether that is a spoiler
    characters: defaultdict[str, _Known] = field(default_factory=lambda: defaultdict(_Known))
    releases: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # game -> releases
    developers: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # release -> producers
    producers: defaultdict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))  # -> names
    staff: dict[str, str] = field(default_factory=dict)  # person -> main alias
    sexes: dict[str, Sex] = field(default_factory=dict)  # of persons
    aliases: dict[str, tuple[str, str, str]] = field(default_factory=dict)  # alias -> person, name, in Latin letters

    @property
    def left_out(self) -> int:
        return len(self.hidden)

    def cast(self, game: ListedGame) -> ListedCast:
        own = self._cast_of(game.id)
        elsewhere: dict[str, ListedCharacter] = {}
        for other in sorted(self.relations[game.id]):
            for id_, character in self._cast_of(other).items():
                if id_ not in own and character.credits:
                    elsewhere.setdefault(id_, character)
        return ListedCast(tuple(own.values()), tuple(elsewhere.values()))

    def _cast_of(self, game: str) -> dict[str, ListedCharacter]:
        found: dict[str, ListedCharacter] = {}
        for id_ in dict.fromkeys((*self.there.get(game, ()), *self.spoken.get(game, ()))):
            secret = self.there.get(game, {}).get(id_, False)
            if secret and not self.spoilers:
                self.hidden.add((game, id_))
                continue
            credits, doubt = self._credits(game, id_, spoiler=secret)
            known = self.characters[id_]
            hidden = set() if self.spoilers else known.secret
            self.hidden.update((id_, alias) for alias in hidden)
            names = tuple(known.names)
            aliases = tuple(alias for alias in known.aliases if alias not in hidden)
            if names:
                found[id_] = ListedCharacter(names[0], names, aliases, credits, doubt)
        return found

    def _credits(self, game: str, id_: str, *, spoiler: bool) -> tuple[tuple[ListedCredit, ...], str]:
        """A character's credits in a game, and why they are doubtful, if they are.

        If the game credits nobody, the character's credits in related games count, provided that they agree.
        """
        own = self._of_aliases(self._spoken(game, id_), spoiler=spoiler)
        if own:
            return own, ""
        known = self.characters[id_]
        same = {id_}
        if known.base is not None and known.base_is_secret and not self.spoilers:
            self.hidden.add((id_, known.base))
        elif known.base is not None:
            same.add(known.base)
            spoiler = spoiler or known.base_is_secret
        borrowed: dict[str, None] = {}
        for other in (game, *sorted(self.relations.get(game, ()))):
            for one in sorted(same):
                borrowed.update(dict.fromkeys(self._spoken(other, one)))
        found = self._of_aliases(borrowed, spoiler=spoiler)
        return found, "related games credit different people" if len(found) > 1 else ""

    def _spoken(self, game: str, character: str) -> Iterable[str]:
        return self.spoken[game].get(character, {}) if game in self.spoken else ()

    def _of_aliases(self, aliases: Iterable[str], *, spoiler: bool) -> tuple[ListedCredit, ...]:
        credits: dict[Key, ListedCredit] = {}
        for alias in aliases:
            if alias in self.aliases:
                person, name, _ = self.aliases[alias]
                key = (SOURCE, person)
                credits.setdefault(key, ListedCredit(key, name, spoiler))
        return tuple(credits.values())


def read_dump(path: Path, *, spoilers: bool = False) -> VndbCredits:
    """Read a dump's .tar.zst, or the folder that it unpacks to. Facts that VNDB marks as spoilers are left out.

    Raises UsageError when it is damaged or something else.
    """
    headers: dict[str, list[str]] = {}

    def header(name: str, file: BinaryIO) -> None:
        content = file.read(MAX_HEADER_BYTES + 1)
        if len(content) > MAX_HEADER_BYTES:
            raise UsageError(f"db/{name} names too many columns.", MEND)
        headers[name.removesuffix(".header")] = content.decode("utf-8", "replace").strip("\r\n").split("\t")

    # The dump is read twice, because in the archive a table may come before the file that names its columns.
    each_table(path, [f"{table}.header" for table in COLUMNS], header)
    _check(path, headers)
    found = VndbCredits(spoilers)
    read = _Tables(found, headers)
    each_table(path, [table for table in COLUMNS if table in headers], read.table)
    missing = [table for table in NEEDED if table not in read.seen]
    if missing:
        raise UsageError(f"{path} is not a whole VNDB dump: it lacks db/{missing[0]}.", MEND)
    _finish(found)
    return found


def _check(path: Path, headers: dict[str, list[str]]) -> None:
    for table, columns in NEEDED.items():
        if table not in headers:
            raise UsageError(f"{path} is not a VNDB dump: it lacks db/{table}.header.", MEND)
        lacking = [name for name in columns if name not in headers[table]]
        if lacking:
            raise UsageError(f"{path} is a VNDB dump of an unknown kind: db/{table} has no {lacking[0]}.", MEND)


class _Tables:
    """Reads tables into a VndbCredits, by the columns that their headers name."""

    def __init__(self, found: VndbCredits, headers: dict[str, list[str]]) -> None:
        self.seen: set[str] = set()
        self._found = found
        self._headers = headers

    def table(self, name: str, file: BinaryIO) -> None:
        self.seen.add(name)
        take = getattr(self, f"_{name}")
        for cells in self._rows(name, file):
            take(cells)

    def _rows(self, name: str, file: BinaryIO) -> Iterator[Cells]:
        columns = self._headers[name]
        wanted = [column for column in COLUMNS[name] if column in columns]
        places = [columns.index(column) for column in wanted]
        for number, row in enumerate(rows(file, len(columns), places, name=f"db/{name}"), start=1):
            if number > MAX_ROWS:
                raise UsageError(f"db/{name} has over {MAX_ROWS:,} rows.", MEND)
            if row is None:
                self._found.malformed.add(
                    f"db/{name}, row {number:,}: not the columns that its header names, or not UTF-8"
                )
            else:
                yield dict(zip(wanted, row, strict=True))

    def _vn(self, row: Cells) -> None:
        self._found.titles[_id(row)].update(_names(row, "original", "title", "latin"))
        self._found.other_titles[_id(row)].update(_names(row, "alias"))

    def _vn_titles(self, row: Cells) -> None:
        self._found.titles[_id(row)].update(_names(row, "title", "latin"))

    def _vn_relations(self, row: Cells) -> None:
        if row.get("relation") in SHARING and row.get("vid"):
            self._found.relations[_id(row)].add(str(row["vid"]))

    def _vn_seiyuu(self, row: Cells) -> None:
        if row["cid"] and row["aid"]:
            self._found.spoken[_id(row)][row["cid"]][row["aid"]] = None

    def _releases_vn(self, row: Cells) -> None:
        self._found.releases[str(row.get("vid"))].add(_id(row))

    def _releases_producers(self, row: Cells) -> None:
        if row.get("developer") == "t" and row.get("pid"):
            self._found.developers[_id(row)].add(str(row["pid"]))

    def _producers(self, row: Cells) -> None:
        self._found.producers[_id(row)].update(_names(row, "original", "name", "latin", "alias"))

    def _staff(self, row: Cells) -> None:
        main = row.get("main") or row.get("aid")  # called aid before 2023
        if main:
            self._found.staff[_id(row)] = main
        if sex := sex_of(row.get("gender")):
            self._found.sexes[_id(row)] = sex

    def _staff_alias(self, row: Cells) -> None:
        names = list(_names(row, "original", "name", "latin"))
        if row["aid"] and names:
            self._found.aliases[row["aid"]] = (_id(row), names[0], names[-1])

    def _chars(self, row: Cells) -> None:
        known = self._found.characters[_id(row)]
        known.names.update(_names(row, "original", "name", "latin"))
        known.aliases.update(_names(row, "alias"))
        if row.get("main"):
            known.base, known.base_is_secret = row["main"], _is_secret(row.get("main_spoil"))

    def _chars_names(self, row: Cells) -> None:
        self._found.characters[_id(row)].names.update(_names(row, "name", "latin"))

    def _chars_alias(self, row: Cells) -> None:
        known, names = self._found.characters[_id(row)], _names(row, "name", "latin")
        known.aliases.update(names)
        if _is_secret(row.get("spoil")):
            known.secret.update(names)

    def _chars_vns(self, row: Cells) -> None:
        """Several rows may name one character, each for a release: if any of them is open, it is not a spoiler."""
        there, secret = self._found.there[str(row["vid"])], _is_secret(row.get("spoil"))
        there[_id(row)] = there.get(_id(row), True) and secret


def _id(row: Cells) -> str:
    return row["id"] or ""


def _is_secret(spoil: str | None) -> bool:
    return spoil not in (None, "", "0", "f")


def _names(row: Cells, *columns: str) -> dict[str, None]:
    """The names in these columns, without repeats. Older dumps list aliases in one column, each on its own line."""
    names: dict[str, None] = {}
    for column in columns:
        for name in (row.get(column) or "").splitlines():
            if 0 < len(name.strip()) <= MAX_NAME and "\0" not in name:
                names[name.strip()] = None
    return names


def _finish(found: VndbCredits) -> None:
    """Put games together with their makers and persons with their pen names, after all tables were read."""
    for game in (game for game, titles in found.titles.items() if titles and _is_voiced(found, game)):
        developers = {one for release in found.releases.get(game, ()) for one in found.developers.get(release, ())}
        makers = dict.fromkeys(name for one in sorted(developers) for name in found.producers.get(one, ()))
        titles = tuple({**found.titles[game], **found.other_titles[game]})
        found.games.append(ListedGame(game, titles[0], titles, tuple(makers)))
    pen_names: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for person, name, latin in found.aliases.values():
        pen_names[person].update({name: None, latin: None})
    for person, names in pen_names.items():
        _, main, _ = found.aliases.get(found.staff.get(person, ""), ("", next(iter(names)), ""))
        key = (SOURCE, person)
        others = tuple(name for name in names if name != main)
        found.persons[key] = Person(key, main, others, found.sexes.get(person))


def _is_voiced(found: VndbCredits, game: str) -> bool:
    """Whether anybody is credited in a game or in a related one."""
    return game in found.spoken or any(other in found.spoken for other in found.relations.get(game, ()))
