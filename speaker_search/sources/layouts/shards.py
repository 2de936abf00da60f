"""The shards layout: an archive and the games in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from speaker_search.entities import Place, counted, fold, shown
from speaker_search.errors import SourceError
from speaker_search.sources.archives.kinds import archive_kind
from speaker_search.sources.archives.listing import Archive
from speaker_search.sources.candidates import Candidate, Layout, Route
from speaker_search.sources.game_folders import FoundGame, branch_of, folder_games, marked_games, sound_depth
from speaker_search.sources.games import GameSource
from speaker_search.sources.layouts.webdataset import is_webdataset, sample_candidates
from speaker_search.sources.names import SOUND_FOLDERS, maker_and_title
from speaker_search.sources.scan_request import ScanRequest, nameless
from speaker_search.sources.table_columns import Row
from speaker_search.sources.trees.archive_tree import ArchiveTree

_SHARD_NUMBER = re.compile(r"[-_.]?\d{3,}(-of-\d+)?$")  # data-000012, train-00000-of-00010
# Names of shards and of folders around them that say nothing about the content.
_GENERIC = frozenset({"", "train", "test", "validation", "val", "dev", "data", "default", "shard", "shards", "part"})
_WRAPPERS = frozenset({"voice", "voices", "data"}) | SOUND_FOLDERS


def archive_games(path: Place, request: ScanRequest) -> tuple[list[GameSource], str]:
    """The games in an archive and a description of its content; ([], "") when it holds no voices.

    The clips of a WebDataset or Parquet go to the spool, because their games are known only after all have been read.
    Raises SourceError when the archive is unusable.
    """
    with request.archives.opened(path) as archive:
        rows = _rows(path, archive) if request.layout in (None, Layout.SHARDS) else None
        if rows is None:
            return _games_in_folders(path, archive, request)
        names = shard_names(path)
        maker, title = request.maker or names[0], request.title or names[1]
        for row, candidate in rows:
            if candidate.route not in (Route.MALFORMED, Route.REPEATED):  # those join the game before them
                maker, title = row.maker or request.maker or names[0], row.title or request.title or names[1]
            if not maker or not title:
                raise nameless(str(path))
            request.spool.add(path, maker, title, candidate)
    return [], "a speaker for every clip"


def shard_names(path: Place) -> tuple[str, str]:
    """(maker, title) of a numbered shard, from its name without the number or else from the folders around it."""
    stem = _SHARD_NUMBER.sub("", path.name.removesuffix(path.suffix))
    around: Sequence[Place] = path.parents
    names = [*(folder.name for folder in reversed(around)), stem]
    while names and names[-1].lower() in _GENERIC:
        names.pop()
    maker, title = maker_and_title(names[-1] if names else "")
    if not maker:
        maker, title = names[-2] if len(names) > 1 else "", names[-1] if names else ""
    return shown(maker).strip(), shown(title).strip()


def _rows(path: Place, archive: Archive) -> Iterator[tuple[Row, Candidate]] | None:
    """The clips and what is said about each, when the archive says it itself; None for files in folders."""
    if archive_kind(path) == ".tar" and is_webdataset(archive):
        return sample_candidates(archive, path)
    return archive.rows()


def _games_in_folders(path: Place, archive: Archive, request: ScanRequest) -> tuple[list[GameSource], str]:
    tree = ArchiveTree(path, archive)
    branch = branch_of(tree)
    if branch.indexes and request.layout is not Layout.FOLDERS:
        found, holds = list(marked_games(tree, branch)), "index.json"
    elif request.layout is Layout.DUMP:
        raise SourceError(f"{tree.named(())} holds no index.json.", "Use --layout shards.")
    else:
        found, read_as = _folder_games(tree, request)
        holds = f"folders read as {read_as}"
    games = [_game(tree, one, path, request) for one in found]
    if not games and next(branch.all_archives(), None):
        raise SourceError(f"{tree.named(())} holds archives, which are not looked into.", "Unpack it first.")
    places = [game.below for game in games if not game.loose]
    lost = [one for one in archive.listing.refused if not one.path.startswith(tuple(places))]
    if lost:
        detail = (
            f"{counted(len(lost), 'audio file')} in {tree.named(())} cannot be used because of the name, "
            f"such as {lost[0].path}."
        )
        games.append(request.troubled(path, Layout.SHARDS, SourceError(detail, "Pack it again with plain names.")))
    return games, holds if games else ""


def _game(tree: ArchiveTree, found: FoundGame, path: Place, request: ScanRequest) -> GameSource:
    below = "".join(f"{part}/" for part in found.parts)
    index = None if found.index is None else below + found.index
    game = request.game(tree, found, path)
    game = replace(game, layout=Layout.SHARDS, index=index, below=below, archives=request.archives)
    if found.unmarked:
        detail = f"{tree.named(found.parts)} holds audio but no index.json, unlike the folders beside it."
        return replace(game, trouble=SourceError(detail, "Get the archive again, or use --layout folders."))
    return game


def _folder_games(tree: ArchiveTree, request: ScanRequest) -> tuple[list[FoundGame], str]:
    """The folders layout. An archive called `<Maker>_<Title>`, or given a title, is one game."""
    maker, title = maker_and_title(tree.name)
    if not (maker or request.title):
        found, read_as = folder_games(tree, request.maker, request.title)
        games = [one for one in found if not one.loose]
        if len(games) == 1 and games[0].parts and fold(games[0].parts[-1]) == fold(tree.name):
            # Key/AIR.zip that holds AIR/観鈴: the maker is Key.
            found[found.index(games[0])] = replace(games[0], maker=tree.around)
        return found, read_as
    if sound_depth(tree, ()) is None:
        return [], ""
    game = FoundGame((), Layout.FOLDERS, maker=maker or tree.around, title=title or tree.name)
    loose: list[FoundGame] = []
    while (sound_depth(tree, game.parts) or 0) >= 2:
        level = tree.level(game.parts)
        folders = level.folders
        if len(folders) != 1 or not (fold(folders[0]) == fold(tree.name) or folders[0].lower() in _WRAPPERS):
            break
        if level.others:
            loose.append(replace(game, loose=tuple(level.others)))
        game = replace(game, parts=(*game.parts, folders[0]))
    return [*loose, game], "<character>"
