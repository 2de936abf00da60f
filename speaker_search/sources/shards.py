"""An archive -> the games in it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from speaker_search.entities import fold, shown
from speaker_search.errors import SourceError
from speaker_search.sources.asked import Asked, nameless
from speaker_search.sources.candidates import Layout, Route
from speaker_search.sources.finding import Found, branch_of, folder_games, marked_games
from speaker_search.sources.games import GameSource, tree_of
from speaker_search.sources.listing import Archive, ListedTree
from speaker_search.sources.names import SOUND_FOLDERS, maker_and_title

_SHARD_NUMBER = re.compile(r"[-_.]?\d{3,}(-of-\d+)?$")  # data-000012, train-00000-of-00010
# What shards and the folders around them are called when they are not called after what is in them.
_GENERIC = frozenset({"", "train", "test", "validation", "val", "dev", "data", "default", "shard", "shards", "part"})
_WRAPPERS = frozenset({"voice", "voices", "data"}) | SOUND_FOLDERS


def archive_games(path: Path, asked: Asked) -> tuple[list[GameSource], str]:
    """The games in an archive and what it holds, in words; ([], "") when there is no voice in it.

    Clips of a WebDataset or Parquet go to the spool: their games are known when all have been read. Raises SourceError
    when the archive is unusable.
    """
    with asked.archives.opened(path) as archive:
        rows = archive.rows() if asked.layout in (None, Layout.SHARDS) else None
        if rows is None:
            return _games_in_folders(path, archive, asked)
        names = shard_names(path)
        maker, title = asked.maker or names[0], asked.title or names[1]
        for row, candidate in rows:
            if candidate.route not in (Route.MALFORMED, Route.REPEATED):  # those make no game of their own
                maker, title = row.maker or asked.maker or names[0], row.title or asked.title or names[1]
            if not maker or not title:
                raise nameless(shown(str(path)))
            asked.spool.add(path, maker, title, candidate)
    return [], "a speaker for every clip"


def shard_names(path: Path) -> tuple[str, str]:
    """(maker, title) of a numbered shard: of its name without the number, or else of the folders around it."""
    stem = _SHARD_NUMBER.sub("", path.name.removesuffix(path.suffix))
    names = [*(folder.name for folder in reversed(path.parents)), stem]
    while names and names[-1].lower() in _GENERIC:
        names.pop()
    maker, title = maker_and_title(names[-1] if names else "")
    if not maker:
        maker, title = names[-2] if len(names) > 1 else "", names[-1] if names else ""
    return shown(maker).strip(), shown(title).strip()


def _games_in_folders(path: Path, archive: Archive, asked: Asked) -> tuple[list[GameSource], str]:
    tree = tree_of(path, archive)
    branch = branch_of(tree, lists=False)
    if branch.indexes and asked.layout is not Layout.FOLDERS:
        found, holds = list(marked_games(tree, branch)), "index.json"
    elif asked.layout is Layout.DUMP:
        raise SourceError(f"{tree.named(())} holds no index.json.", "Use --layout shards.")
    else:
        found, read_as = _folder_games(tree, asked)
        holds = f"folders read as {read_as}"
    games = [_game(tree, one, path, asked) for one in found]
    if not games and next(branch.all_archives(), None):
        raise SourceError(f"{tree.named(())} holds archives, which are not looked into.", "Unpack it first.")
    lost = [one for one in archive.listing.refused if not any(one.path.startswith(game.below) for game in games)]
    if lost:
        detail = f"{len(lost):,} audio files in {tree.named(())} cannot be named, such as {lost[0].path}."
        games.append(asked.troubled(path, Layout.SHARDS, SourceError(detail, "Pack it again with plain names.")))
    return games, holds if games else ""


def _game(tree: ListedTree, found: Found, path: Path, asked: Asked) -> GameSource:
    below = "".join(f"{part}/" for part in found.parts)
    index = None if found.index is None else below + found.index
    game = asked.game(tree, found, path)
    game = replace(game, layout=Layout.SHARDS, index=index, below=below, archives=asked.archives)
    if found.nothing:
        detail = f"{tree.named(found.parts)} holds audio, but no index.json as the folders beside it do."
        return replace(game, trouble=SourceError(detail, "Get the archive again, or use --layout folders."))
    return game


def _folder_games(tree: ListedTree, asked: Asked) -> tuple[list[Found], str]:
    """The folders layout; an archive called `<Maker>_<Title>`, or given a title, is one game."""
    maker, title = maker_and_title(tree.name)
    if not (maker or asked.title):
        found, read_as = folder_games(tree, asked.maker, asked.title)
        alone = [one for one in found if one.parts and fold(one.parts[-1]) == fold(tree.name)]
        if len(found) == len(alone) == 1:  # Key/AIR.zip that holds AIR/観鈴: Key's
            return [replace(alone[0], maker=tree.around)], read_as
        return found, read_as
    if tree.shallowest_audio(()) is None:
        return [], ""
    parts: tuple[str, ...] = ()
    while (tree.shallowest_audio(parts) or 0) >= 2:
        folders = tree.level(parts).folders
        if len(folders) != 1 or not (fold(folders[0]) == fold(tree.name) or folders[0].lower() in _WRAPPERS):
            break
        parts = (*parts, folders[0])
    return [Found(parts, Layout.FOLDERS, maker=maker or tree.around, title=title or tree.name)], "<character>"
