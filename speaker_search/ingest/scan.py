"""Games found by a scan -> pending clips in the catalog."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TypeAlias

from speaker_search.audio import containers
from speaker_search.catalog.clips import is_imported, is_root
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.scans.gone import IsThere
from speaker_search.catalog.scans.moved import FILES_COMPARED, Moves
from speaker_search.catalog.scans.register import register
from speaker_search.entities import ObjectPath, Place, Refusal, fold, shown
from speaker_search.errors import SourceError, UsageError
from speaker_search.ingest.report import Tally
from speaker_search.sources import Candidate, GameSource, Layout, Route, is_archive, scan
from speaker_search.sources.names import in_container
from speaker_search.sources.objects.addresses import place_given
from speaker_search.sources.places import is_there
from speaker_search.sources.trees.object_tree import ObjectTree, tree_if_known

Places: TypeAlias = str | Path | Sequence[str | Path]  #: what an ingest is given: folders, archives and lists
#: Rows and files that are not clips of their own.
UNREGISTERED = frozenset({Route.REPEATED, Route.MALFORMED, Route.UNSUPPORTED, Route.SKIPPED, Route.FILM})
UNOPENED = UNREGISTERED | {Route.MISSING}
CLIPS_PER_PROGRESS = 5_000


@dataclass(slots=True)
class Found:
    """The games in some paths."""

    games: list[GameSource] = field(default_factory=list)
    recognised: list[str] = field(default_factory=list)  #: each path's layout, and why it was chosen


@dataclass(frozen=True, slots=True)
class Counted:
    """How many candidates of a preview share all of these."""

    maker: str
    game: str
    character: str | None  #: None when the speaker is unknown
    layout: Layout
    route: Route
    clips: int


def find_games(
    paths: Places, *, layout: Layout | None, maker: str | None, title: str | None, password: str | None
) -> Found:
    """The games in all the paths. Raises SourceError for a path that holds none, before anything is written."""
    found = Found()
    for given in [paths] if isinstance(paths, str | Path) else paths:
        if given == "":  # Path("") would mean the current folder
            raise UsageError("The path is empty.", "Write . for the current folder.")
        path = place_given(given)
        scanned = scan(path, layout=layout, maker=maker, title=title, password=password)
        found.games += scanned.games
        found.recognised.append(f"{shown(str(path))}: {scanned.why}")
    return found


def register_games(
    found: Found,
    *,
    catalog: Catalog,
    space_id: int,
    report: Tally,
    retry_refused: bool = False,
    on_progress: Callable[[Tally], None] = lambda _: None,
) -> None:
    """Register every clip of the games; known ones are skipped without opening a file.

    A game that cannot be read is noted in the report, and the others continue. Raises SourceError if none can be read.
    """
    report.recognised = found.recognised
    moves = Moves(catalog, exists=is_there)
    together: dict[tuple[Place, str, str], list[GameSource]] = {}  # the parts of each game
    for game in found.games:
        together.setdefault((game.root, fold(game.maker), fold(game.title)), []).append(game)
    for parts in together.values():
        game = parts[0]
        clips = (clip for part in parts for clip in _clips(part, report, on_progress))
        is_game = any(not part.loose for part in parts)
        try:
            first = list(islice(clips, FILES_COMPARED))
            if not first and not _is_known(catalog, game):
                report.games += is_game
                continue
            moved_from = moves.follow(game.root, game.maker, game.title, first)
            counts = register(
                catalog,
                space_id,
                root=game.root,
                maker=game.maker,
                title=game.title,
                candidates=chain(first, clips),
                retry_refused=retry_refused,
                is_there=existence_check(game.root),
            )
        except SourceError as error:
            if len(together) == 1:
                raise
            report.problem(str(error))
            continue
        report.games += is_game
        report.new += counts.new
        if counts.missing:
            report.refused[str(Refusal.MISSING)] += counts.missing
        report.known += counts.known
        report.changed += counts.changed
        report.relabelled += counts.relabelled
        report.gone += counts.gone
        if moved_from is not None:
            report.moved.append(f"{shown(moved_from)} is now {shown(str(game.root))}; its clips were kept.")
        on_progress(report)
    if found.games and not report.games:
        raise SourceError("None of the games could be read.", " ".join(report.problems[:3]))


def preview(
    found: Found, report: Tally, on_candidate: Callable[[GameSource, Candidate], None] = lambda _, __: None
) -> list[Counted]:
    """Count candidates by maker, game, character and route; nothing is written."""
    report.recognised = found.recognised
    counted: list[Counted] = []
    for game in found.games:
        counts: Counter[tuple[str | None, Route]] = Counter()
        try:
            for candidate in game.candidates():
                counts[candidate.character, candidate.route] += 1
                report.needs_av += _needs_av(candidate)
                on_candidate(game, candidate)
        except SourceError as error:
            report.problem(str(error))
            continue
        report.games += not game.loose
        for (character, route), clips in counts.items():
            report.routes[str(route)] += clips
            counted.append(Counted(game.maker, game.title, character, game.layout, route, clips))
    return counted


def _is_known(catalog: Catalog, game: GameSource) -> bool:
    """Whether the game's place may have clips in the catalog. One without any, before or now, is not written down."""
    with catalog.read() as connection:
        return game.storable and is_root(connection, str(game.root))


def existence_check(scanned: Place | None = None) -> IsThere:
    """Whether a folder holds a file, listed or not, or an archive exists. The scanned archive's listing is complete.

    What was imported without audio is never missed.
    """
    listed: dict[ObjectPath, ObjectTree | None] = {}  # None where the store does not say

    def holds(root: Place, name: str) -> bool:
        if is_imported(root):
            return True
        if is_archive(root):
            return root != scanned and is_there(root)
        if not isinstance(root, ObjectPath):
            return is_there(root / name)
        if root not in listed:  # one listing, instead of a request for every clip that was not seen
            listed[root] = tree_if_known(root)
        tree = listed[root]
        return tree is None or tree.file(name) is not None

    return holds


def _clips(game: GameSource, report: Tally, on_progress: Callable[[Tally], None]) -> Iterator[Candidate]:
    """The candidates to register; all candidates are counted."""
    for candidate in game.candidates():
        report.routes[str(candidate.route)] += 1
        report.scanned += 1
        report.needs_av += _needs_av(candidate)
        if report.scanned % CLIPS_PER_PROGRESS == 0:
            on_progress(report)
        if candidate.route not in UNREGISTERED:
            yield candidate


def _needs_av(candidate: Candidate) -> bool:
    """Whether a clip will be refused because the package av is missing, as far as its name tells."""
    return candidate.route not in UNOPENED and in_container(candidate.path) and not containers.installed()
