"""Detects the layout of a path and finds the games below it, by names alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from speaker_search.entities import ObjectPath, Place, counted, shown
from speaker_search.errors import SourceError, UsageError
from speaker_search.sources.archives.kinds import archive_kind, is_archive, is_archive_name
from speaker_search.sources.archives.open_archives import Archives
from speaker_search.sources.candidates import Layout
from speaker_search.sources.faults import unreadable
from speaker_search.sources.game_folders import Branch, branch_of, folder_games, marked_games
from speaker_search.sources.games import GameSource, Scan
from speaker_search.sources.layouts.found_lists import FoundLists, found_lists, is_table
from speaker_search.sources.layouts.manifest import spool_list, spool_skipped
from speaker_search.sources.layouts.shards import archive_games
from speaker_search.sources.names import MAX_NAME_BYTES, storable
from speaker_search.sources.scan_request import ScanRequest
from speaker_search.sources.spool import Spool
from speaker_search.sources.trees.disk_tree import DiskTree
from speaker_search.sources.trees.object_tree import ObjectTree
from speaker_search.sources.trees.tree import FileTree

_TABLES_NAMED = 3  # of those that are not lists, for people to read
_LAYOUTS_OF_ARCHIVES = (None, Layout.SHARDS, Layout.DUMP, Layout.FOLDERS)


def scan(
    path: Place,
    *,
    layout: Layout | None = None,
    maker: str | None = None,
    title: str | None = None,
    password: str | None = None,
) -> Scan:
    """Find the games in a folder, an archive or a list of files, in order of their paths.

    Marks of a layout are looked for in the folder and up to three folders below. An index.json makes it a dump, else a
    list a manifest: see found_lists(). Archives are shards, beside either of these or alone. A folder without any of
    these is read as the folders layout. Audio without a mark beside folders that have one, and archives that cannot be
    opened beside others, would be lost silently: each is given as a game whose candidates() raises SourceError. Sounds
    below a list that does not name them are SKIPPED, unless PATH is the list itself. With `layout` nothing else is
    looked for; for an archive, dump and folders mean what is inside it. `password` opens encrypted archives.

    Dump: a folder with an index.json is a game, and everything below belongs to it. A game that is PATH itself or is
    directly in it is called `<Maker>_<Title>`, split at the first `_`. Without a `_`, and deeper down, the maker is
    the folder around the game. `maker` and `title` win over both.

    Folders: with `title`, PATH is that game (by `maker`, or by a maker of PATH's name) and holds `<character>/**`. With
    `maker` alone, PATH holds its games as `<game>/<character>/**`. With neither, the least nested audio file decides:
    three or more folders above it mean `<maker>/<game>/<character>/**`, two mean `<game>/<character>/**` by a maker of
    PATH's name, and with fewer PATH is the game and the folder around it the maker.

    Raises SourceError when there is nothing to ingest, and UsageError when one title is given for several games, when
    `maker` or `title` cannot be a name, or when the names do not tell the maker and title.
    """
    _check_name("maker", maker)
    _check_name("title", title)
    place = _resolved(path)
    request = ScanRequest(layout, maker, title, Archives(password), Spool())
    tree = _folder(place, request)
    games, why = _in_file(place, request) if tree is None else _in_folder(tree, request)
    count = sum(not game.loose for game in games)
    if title is not None and count > 1:
        raise UsageError(
            f"{place} holds {count:,} games, which cannot all be called {title}.",
            "Give no title, or the path of a single game.",
        )
    request.spool.finish()
    for number, (root, row_maker, row_title) in enumerate(request.spool.games):
        packed = is_archive(root)
        kind, own = (Layout.SHARDS, request.archives) if packed else (Layout.MANIFEST, None)
        games.append(GameSource(root, row_maker, row_title, kind, archives=own, spool=request.spool, number=number))
    if not games:
        mend = "Name a folder with voices. Links that lead out of it are not followed."
        raise SourceError(f"{place} holds no audio files and no index.json.", mend)
    games.sort(key=lambda game: (game.root.parts, game.below))
    return Scan(tuple(games), why)


def _check_name(what: str, name: str | None) -> None:
    if name is not None and not name.strip():
        raise UsageError(f"The {what} given is blank.", "Give a name that is not blank.")
    if name is not None and not storable(name):
        mend = f"Give a name in UTF-8, without NUL and of at most {MAX_NAME_BYTES:,} bytes."
        raise UsageError(f"The {what} given cannot be stored.", mend)


def _in_file(place: Place, request: ScanRequest) -> tuple[list[GameSource], str]:
    listed = is_table(place)
    if not listed and archive_kind(place) is None:
        mend = "Unpack it first." if is_archive_name(place.name) else "Name the folder that it is in."
        raise SourceError(f"{place} is a file, but not an archive that can be read or a list of voices.", mend)
    if listed:
        if request.layout not in (None, Layout.MANIFEST):
            raise SourceError(f"{place} is a list of files.", "Use --layout manifest.")
        return [], f"manifest: {shown(place.name)} with {counted(spool_list(place, request), 'row')}"
    if request.layout not in _LAYOUTS_OF_ARCHIVES:
        raise SourceError(f"{place} is an archive, not a list of files.", "Use --layout shards.")
    games, holds = archive_games(place, request)
    return games, f"shards: {shown(place.name)} with {holds}"


def _in_folder(tree: FileTree, request: ScanRequest) -> tuple[list[GameSource], str]:
    place = tree.root
    if request.layout is Layout.FOLDERS:
        return _as_folders(tree, request)
    wanted = request.layout in (None, Layout.MANIFEST)

    def lists_in(parts: tuple[str, ...], tables: Sequence[str]) -> FoundLists:
        return found_lists(request.tree(place.joinpath(*parts)), tables)

    branch = branch_of(tree, lists_in=lists_in if wanted else None)
    games: list[GameSource] = []
    why: list[str] = []
    if request.layout is Layout.DUMP and not branch.indexes:
        raise SourceError(f"{place} holds no index.json.", "Look deeper, or use --layout folders.")
    if request.layout is Layout.MANIFEST:
        lists = [place.joinpath(*parts) for parts in branch.all_lists()]
        if not lists:
            mend = "It needs a .csv, .jsonl or .parquet with the columns path and character, or a .list."
            said = "; ".join(["holds no list of files that are there", *_not_lists(branch)])
            raise SourceError(f"{place} {said}.", mend)
        games, read_as = _spooled(lists, request)
        return games, "; ".join([read_as, *_not_lists(branch)])
    if branch.marks and request.layout is not Layout.SHARDS:
        games, why = _marked(tree, branch, request)
    if request.layout in (None, Layout.SHARDS):
        shards, holds = _archives([place.joinpath(*parts) for parts in branch.all_archives()], request)
        games, why = [*games, *shards], [*why, *holds]
        if not why and request.layout is Layout.SHARDS:
            raise SourceError(f"{place} holds no archives with voices.", "Use --layout auto.")
    if request.layout is None and not branch.marks:
        folders, read_as = _as_folders(tree, request)
        games, why = [*games, *folders], [*why, read_as] if folders or not why else why
    games += _lost(tree, games, request)
    return games, "; ".join([*why, *_not_lists(branch)])


def _lost(tree: FileTree, games: Sequence[GameSource], request: ScanRequest) -> list[GameSource]:
    """The sounds in object storage that no game has, because of their keys."""
    if not isinstance(tree, ObjectTree):
        return []
    below = tuple(f"{game.root}/" for game in games if not game.loose)
    lost = [one for one in tree.unusable() if not f"{tree.root}/{one.path}".startswith(below)]
    if not lost:
        return []
    detail = f"{counted(len(lost), 'sound')} in {tree.root} cannot be used because of the key, such as {lost[0].path}."
    return [request.troubled(tree.root, Layout.FOLDERS, SourceError(detail, lost[0].why))]


def _not_lists(branch: Branch) -> list[str]:
    """Which tables were not taken as lists, and why; no more sentences than people read."""
    refused = list(branch.all_refused())
    said = [f"{shown('/'.join(parts))} was not taken as a list: {why}" for parts, why in refused[:_TABLES_NAMED]]
    more = len(refused) - len(said)
    return [*said, f"and {counted(more, 'other table')} likewise"] if more else said


def _marked(tree: FileTree, branch: Branch, request: ScanRequest) -> tuple[list[GameSource], list[str]]:
    games: list[GameSource] = []
    lists: list[Place] = []
    found = list(marked_games(tree, branch))
    for one in found:
        folder = tree.root.joinpath(*one.parts)
        if one.lists:
            lists += [folder / name for name in one.lists]
            continue
        game = request.game_in(tree, one)
        if one.unmarked:
            detail = (
                f"{folder} holds audio but no index.json and no list that can be used, unlike the folders beside it."
            )
            mend = "Unpack it again, or ingest it on its own with --layout folders."
            game = replace(game, trouble=SourceError(detail, mend))
        games.append(game)
    indexed = sum(game.index is not None for game in games)
    folders = counted(sum(not one.loose for one in found), "folder")
    why = [f"dump: index.json in {indexed:,} of {folders}"] if indexed else []
    troubled, how = _spooled(lists, request) if lists else ([], "")
    beside = [shown("/".join(parts)) for parts in branch.all_lists()] if not lists else []
    if beside:
        why.append(f"{beside[0]} was ignored, because there is an index.json")
    return [*games, *troubled], [*why, how] if how else why


def _spooled(lists: Sequence[Place], request: ScanRequest) -> tuple[list[GameSource], str]:
    troubled: list[GameSource] = []
    roots: set[Place] = set()
    count = 0
    for path in lists:
        try:
            count += spool_list(path, request)
            roots.add(path.parent)
        except SourceError as error:
            if len(lists) == 1:
                raise
            troubled.append(request.troubled(path, Layout.MANIFEST, error))
    spool_skipped(roots, request)
    which = shown(lists[0].name) if len(lists) == 1 else f"{len(lists):,} lists, such as {shown(lists[0].name)},"
    return troubled, f"manifest: {which} with {counted(count, 'row')}"


def _archives(paths: Sequence[Place], request: ScanRequest) -> tuple[list[GameSource], list[str]]:
    games: list[GameSource] = []
    held: dict[str, int] = {}
    for path in paths:
        try:
            found, holds = _in_archive(path, request)
        except SourceError as error:
            found, holds = [request.troubled(path, Layout.SHARDS, error)], "unreadable content"
        games += found
        if holds:
            held[holds] = held.get(holds, 0) + 1
    several = ", ".join(f"{count:,} with {holds}" for holds, count in held.items())
    return games, [f"shards: archives, {several}"] if held else []


def _in_archive(path: Place, request: ScanRequest) -> tuple[list[GameSource], str]:
    if archive_kind(path) is None:
        raise SourceError(f"{path} is an archive of a kind that cannot be read.", "Unpack it first.")
    if is_table(path):
        spool_list(path, request)
        return [], "a list of files"
    return archive_games(path, request)


def _as_folders(tree: FileTree, request: ScanRequest) -> tuple[list[GameSource], str]:
    found, read_as = folder_games(tree, request.maker, request.title)
    games = [request.game_in(tree, one) for one in found]
    return games, f"folders: no index.json and no list that can be used, read as {read_as}"


def _folder(place: Place, request: ScanRequest) -> FileTree | None:
    """The place as a tree; None for a file or an object."""
    if not isinstance(place, ObjectPath):
        return DiskTree(place) if place.is_dir() else None
    tree = request.tree(place)
    return None if isinstance(tree, ObjectTree) and tree.is_file else tree


def _resolved(path: Place) -> Place:
    if isinstance(path, ObjectPath):
        return path
    try:
        if not path.exists():
            raise SourceError(f"{path} does not exist.", "Check the path.")
        return path.resolve()
    except OSError as error:
        raise unreadable(path, error) from error
