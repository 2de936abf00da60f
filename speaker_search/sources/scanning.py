"""A path -> the games below it, by names alone: which layout it is, and what says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from speaker_search.entities import shown
from speaker_search.errors import SourceError, UsageError
from speaker_search.sources.archives import Archives, archive_kind
from speaker_search.sources.asked import Asked
from speaker_search.sources.candidates import Layout
from speaker_search.sources.finding import Branch, branch_of, folder_games, marked_games
from speaker_search.sources.games import GameSource, Scan
from speaker_search.sources.lists import spool_list
from speaker_search.sources.names import MAX_NAME_BYTES, storable
from speaker_search.sources.shards import archive_games
from speaker_search.sources.spool import Spool
from speaker_search.sources.trees import is_archive_name
from speaker_search.sources.walk import DiskTree, unreadable

_LISTS = frozenset({".csv", ".jsonl", ".list"})
_LAYOUTS_OF_ARCHIVES = (None, Layout.SHARDS, Layout.DUMP, Layout.FOLDERS)


def scan(
    path: Path,
    *,
    layout: Layout | None = None,
    maker: str | None = None,
    title: str | None = None,
    password: str | None = None,
) -> Scan:
    """Find the games in a folder, an archive or a list of files, in order of their paths.

    A folder with an index.json in it or up to three folders below is a dump; else one with a list (manifest or metadata
    .csv, .jsonl or .parquet, or *.list) a manifest; archives up to three folders below are shards, beside either or
    alone; without any of these it is read as folders. A place with audio that has no mark as those beside it have,
    and an archive that cannot be opened beside others, is given as a game whose candidates() raises SourceError,
    because it would be lost silently. `layout` looks for nothing else; of an archive, dump or folders is what it holds.
    `password` opens archives that are encrypted.

    Dump. A folder with an index.json is a game, and what lies below it belongs to it. `maker` and `title` given win. A
    game that is PATH itself or lies directly in it is called `<Maker>_<Title>`, split at the first `_`; without a `_`,
    and deeper down, its maker is the folder around it.

    Folders. With `title`, PATH is that game (by `maker`, or a maker of PATH's name): `<character>/**`. With `maker`
    alone PATH holds its games: `<game>/<character>/**`. With neither, the audio file with the fewest folders above it,
    below PATH, tells: with three or more `<maker>/<game>/<character>/**`, with two `<game>/<character>/**` by a maker
    of PATH's name, with fewer PATH is the game and the folder around it the maker.

    Raises SourceError when there is nothing to take in, and UsageError when one title is given for several games,
    `maker` or `title` is no name, or the names do not tell the maker and title.
    """
    _check_name("maker", maker)
    _check_name("title", title)
    place = _resolved(path)
    asked = Asked(layout, maker, title, Archives(password), Spool())
    games, why = _in_folder(place, asked) if place.is_dir() else _in_file(place, asked)
    if title is not None and len(games) > 1:
        raise UsageError(f"{_named(place)} holds {len(games):,} games, which cannot all be called {title}.")
    asked.spool.finish()
    for number, (root, row_maker, row_title) in enumerate(asked.spool.games):
        kind = Layout.MANIFEST if root.is_dir() else Layout.SHARDS
        own = None if root.is_dir() else asked.archives
        games.append(GameSource(root, row_maker, row_title, kind, archives=own, spool=asked.spool, number=number))
    if not games:
        mend = "Name a folder with voices. Links that lead out of it are not followed."
        raise SourceError(f"{_named(place)} holds no audio files and no index.json.", mend)
    games.sort(key=lambda game: (game.root.parts, game.below))
    return Scan(tuple(games), why)


def _check_name(what: str, name: str | None) -> None:
    if name is not None and not name.strip():
        raise UsageError(f"The {what} given is blank.", "Give a name that is not blank.")
    if name is not None and not storable(name):
        mend = f"Give a name in UTF-8, without NUL and of at most {MAX_NAME_BYTES:,} bytes."
        raise UsageError(f"The {what} given cannot be stored.", mend)


def _in_file(place: Path, asked: Asked) -> tuple[list[GameSource], str]:
    kind, suffix = archive_kind(place), place.suffix.lower()
    if kind is None and suffix not in _LISTS:
        mend = "Unpack it first." if is_archive_name(place.name) else "Name the folder that it lies in."
        raise SourceError(f"{_named(place)} is a file, but no archive that can be read and no list of voices.", mend)
    if _is_list(place):
        if asked.layout not in (None, Layout.MANIFEST):
            raise SourceError(f"{_named(place)} is a list of files.", "Use --layout manifest.")
        return [], f"manifest: {shown(place.name)} with {spool_list(place, asked):,} rows"
    if asked.layout not in _LAYOUTS_OF_ARCHIVES:
        raise SourceError(f"{_named(place)} is an archive and no list of files.", "Use --layout shards.")
    games, holds = archive_games(place, asked)
    return games, f"shards: {shown(place.name)} with {holds}"


def _in_folder(place: Path, asked: Asked) -> tuple[list[GameSource], str]:
    tree = DiskTree(place)
    if asked.layout is Layout.FOLDERS:
        return _as_folders(tree, asked)
    branch = branch_of(tree, lists=asked.layout in (None, Layout.MANIFEST))
    games: list[GameSource] = []
    why: list[str] = []
    if asked.layout is Layout.DUMP and not branch.indexes:
        raise SourceError(f"{_named(place)} holds no index.json.", "Look deeper, or use --layout folders.")
    if asked.layout is Layout.MANIFEST:
        lists = [place.joinpath(*parts) for parts in branch.all_lists()]
        if not lists:
            mend = "Name the list itself: a .csv, .jsonl, .parquet or .list file."
            raise SourceError(f"{_named(place)} holds no list of files.", mend)
        return _spooled(lists, asked)
    if branch.marks and asked.layout is not Layout.SHARDS:
        games, why = _marked(tree, branch, asked)
    if asked.layout in (None, Layout.SHARDS):
        shards, holds = _archives([place.joinpath(*parts) for parts in branch.all_archives()], asked)
        games, why = [*games, *shards], [*why, *holds]
        if not why and asked.layout is Layout.SHARDS:
            raise SourceError(f"{_named(place)} holds no archives with voices.", "Use --layout auto.")
    if asked.layout is None and not branch.marks:
        folders, read_as = _as_folders(tree, asked)
        games, why = [*games, *folders], [*why, read_as] if folders or not why else why
    return games, "; ".join(why)


def _marked(tree: DiskTree, branch: Branch, asked: Asked) -> tuple[list[GameSource], list[str]]:
    games: list[GameSource] = []
    lists: list[Path] = []
    found = list(marked_games(tree, branch))
    for one in found:
        folder = tree.root.joinpath(*one.parts)
        if one.lists:
            lists += [folder / name for name in one.lists]
            continue
        game = asked.game(tree, one, folder)
        if one.nothing:
            mend = "Unpack it again, or take it in by itself with --layout folders."
            detail = f"{_named(folder)} lies beside dumps or lists and holds audio, but no index.json and no list."
            game = replace(game, trouble=SourceError(detail, mend))
        games.append(game)
    indexed = sum(game.index is not None for game in games)
    why = [f"dump: index.json in {indexed:,} of {len(found):,} folders"] if indexed else []
    troubled, how = _spooled(lists, asked) if lists else ([], "")
    beside = [shown("/".join(parts)) for parts in branch.all_lists()] if not lists else []
    if beside:
        why.append(f"{beside[0]} was not looked at, because there is an index.json")
    return [*games, *troubled], [*why, how] if how else why


def _spooled(lists: list[Path], asked: Asked) -> tuple[list[GameSource], str]:
    troubled: list[GameSource] = []
    count = 0
    for path in lists:
        try:
            count += spool_list(path, asked)
        except SourceError as error:
            if len(lists) == 1:
                raise
            troubled.append(asked.troubled(path, Layout.MANIFEST, error))
    which = shown(lists[0].name) if len(lists) == 1 else f"{len(lists):,} lists, such as {shown(lists[0].name)},"
    return troubled, f"manifest: {which} with {count:,} rows"


def _archives(paths: list[Path], asked: Asked) -> tuple[list[GameSource], list[str]]:
    games: list[GameSource] = []
    held: dict[str, int] = {}
    for path in paths:
        try:
            found, holds = _in_archive(path, asked)
        except SourceError as error:
            found, holds = [asked.troubled(path, Layout.SHARDS, error)], "what cannot be read"
        games += found
        if holds:
            held[holds] = held.get(holds, 0) + 1
    several = ", ".join(f"{count:,} with {holds}" for holds, count in held.items())
    return games, [f"shards: archives, {several}"] if held else []


def _in_archive(path: Path, asked: Asked) -> tuple[list[GameSource], str]:
    if archive_kind(path) is None:
        raise SourceError(f"{_named(path)} is an archive that cannot be read as it is.", "Unpack it first.")
    if _is_list(path):
        spool_list(path, asked)
        return [], "a list of files"
    return archive_games(path, asked)


def _as_folders(tree: DiskTree, asked: Asked) -> tuple[list[GameSource], str]:
    found, read_as = folder_games(tree, asked.maker, asked.title)
    games = [asked.game(tree, one, tree.root.joinpath(*one.parts)) for one in found]
    return games, f"folders: no index.json and no list, read as {read_as}"


def _is_list(path: Path) -> bool:
    if archive_kind(path) == ".parquet":
        from speaker_search.sources.parquet import holds_audio  # pyarrow takes 0.3 s to import

        return not holds_audio(path)
    return path.suffix.lower() in _LISTS


def _resolved(path: Path) -> Path:
    try:
        if not path.exists():
            raise SourceError(f"{_named(path)} does not exist.", "Check the path.")
        return path.resolve()
    except OSError as error:
        raise unreadable(path, error) from error


def _named(path: Path) -> str:
    return shown(str(path))
