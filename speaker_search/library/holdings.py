"""What a catalog holds: clips, refusals and sounds, and the state of its index.

Slow imports are made in the methods that need them: FAISS takes a third of a second, and listing characters does not
need it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from speaker_search import documents, encoders
from speaker_search.catalog import clips, people
from speaker_search.catalog.database import Catalog, open_catalog, upgrade_catalog
from speaker_search.catalog.knowledge.adoptions import adopted_space
from speaker_search.catalog.scans.gone import forget_gone, mark_gone
from speaker_search.catalog.spaces import Space, count_clips, position, spaces
from speaker_search.entities import ObjectPath, Refusal
from speaker_search.errors import AudioError, NotFoundError, UsageError
from speaker_search.ingest import processes
from speaker_search.library import media_types
from speaker_search.library.encoder_choice import Defaults, defaults, space_to_search
from speaker_search.settings import Settings

if TYPE_CHECKING:
    from speaker_search.sources import Archives
    from speaker_search.views.milvus.milvus_views import MilvusViews


@dataclass(frozen=True, slots=True)
class ClipSound:
    """The sound of a clip as it is stored."""

    source: Path | bytes  #: its file, or its bytes when it is in an archive or an object: none if it was not read
    media_type: str
    size: int | None = None  #: bytes, of one that has no file of its own
    version: str = ""  #: of one that has no file of its own: another one as soon as it is written anew


class Holdings:
    """An open catalog and the archives that hold its clips."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.catalog: Catalog = open_catalog(settings.url)
        self._archives: Archives | None = None
        self._archives_lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        if self._archives is not None:
            self._archives.close()
        self.catalog.close()

    @property
    def empty(self) -> bool:
        """Whether nothing has been ingested yet."""
        return not self._spaces()

    @property
    def space(self) -> Space:
        """The space to search. Its index is not opened."""
        return self._space_for(self.settings.encoder)

    def _space_for(self, wanted: str | None) -> Space:
        """The space to search where this encoder or space is wanted, or none."""
        with self.catalog.read() as connection:
            held = {space.name: space for space in spaces(connection)}
            adopted = adopted_space(connection)
        names = {name: space.encoder for name, space in held.items()}
        known = self._encoder_names()
        return held[space_to_search(wanted, names, default=self._defaults, encoders=known, adopted=adopted)]

    @property
    def archives(self) -> Archives:
        """The archives that hold clips. Raises UsageError when the password file cannot be read."""
        from speaker_search.sources import Archives

        with self._archives_lock:
            if self._archives is None:
                self._archives = Archives(self.settings.password)
            return self._archives

    def counts(self) -> documents.ClipCounts:
        """How many clips are embedded, pending and refused."""
        space = self.space
        with self.catalog.read() as connection:
            return documents.ClipCounts.copy_of(count_clips(connection, space.id))

    def show(self, character: str | int, *, limit: int = 20) -> documents.ShownCharacter:
        """A character, by name or id (see `people.find_character`), and its first clips."""
        space = self.space
        check_limit(limit)
        with self.catalog.read() as connection:
            found = people.find_character(connection, space, str(character))
            first = clips.clips_of(connection, found.id, limit=limit)
        return documents.ShownCharacter(
            character=documents.Character.copy_of(found), clips=[documents.PlacedClip.copy_of(clip) for clip in first]
        )

    def refused(self, reason: str | None = None) -> documents.RefusedClips:
        """Every refused clip with its reason, or those with one reason."""
        reason, space = checked_reason(reason), self.space
        with self.catalog.read() as connection:
            found = clips.refused_clips(connection, space, reason=reason)
            return documents.RefusedClips(clips=[documents.RefusedClip.copy_of(clip) for clip in found])

    def clips(self, ids: Sequence[int]) -> dict[int, documents.PlacedClip]:
        """The clips with these ids that the catalog holds, by id."""
        with self.catalog.read() as connection:
            found = clips.clips_by_id(connection, [id_ for id_ in ids if id_ <= documents.MAX_ID])
        return {id_: documents.PlacedClip.copy_of(clip) for id_, clip in found.items()}

    def forget_gone(self, folder: str | Path | None = None) -> documents.Forgotten:
        """Delete the clips whose files are gone, with their embeddings.

        With a `folder` (or archive), look first which files below it are gone. Raises NotFoundError when nothing is
        from it.
        """
        if folder is not None:
            from speaker_search.ingest.scan import existence_check
            from speaker_search.sources.objects.addresses import place_given

            place = place_given(folder)
            mark_gone(self.catalog, place.resolve() if isinstance(place, Path) else place, existence_check())
        return documents.Forgotten(clips=forget_gone(self.catalog))

    def sound(self, clip_id: int, *, read: bool = True) -> ClipSound:
        """The sound of a clip, from the first of its paths that still exists. Raises NotFoundError when none does.

        Without `read`, members of archives are not read if their size and type are known without that.
        """
        from speaker_search.sources import is_archive
        from speaker_search.sources.objects.fetched_sounds import sound_in_store
        from speaker_search.sources.objects.store_errors import ObjectError
        from speaker_search.sources.places import status_of

        with self.catalog.read() as connection:
            places = clips.places(connection, clip_id)
        if all(clips.is_imported(root) for root, _ in places):
            raise NotFoundError(
                f"Clip {clip_id} was imported without its audio.", "Ingest the folder that has it: it is recognised."
            )
        why = ""  # it cannot be fetched, where it is in object storage
        for root, name in places:
            if clips.is_imported(root):
                continue
            media_type = media_types.of_name(name)
            if is_archive(root):
                try:
                    member = self.archives.look_up(root, name)
                    if not read and media_type and member.size is not None:
                        return ClipSound(b"", media_type, member.size, member.version)
                    content = self.archives.read(root, name)
                except AudioError as error:
                    why = error.detail if isinstance(root, ObjectPath) else why
                    continue
                return ClipSound(content, media_type or media_types.of_content(content), len(content), member.version)
            if isinstance(root, ObjectPath):
                try:
                    status = status_of(root / name)
                    content = b"" if not read else sound_in_store(root / name, status.size)
                except (ObjectError, AudioError) as error:
                    why = f"{error}"
                    continue
                if media_type:
                    return ClipSound(content, media_type, status.size, status.version)
            elif media_type and (path := _within(root, name)):
                return ClipSound(path, media_type)
        if why:
            raise NotFoundError(
                f"The sound of clip {clip_id} cannot be fetched: {why.rstrip('.')}.",
                "Try again later, or ingest its folder again.",
            )
        raise NotFoundError(f"The sound of clip {clip_id} is no longer where it was.", "Ingest its folder again.")

    @staticmethod
    def stored_folders(place: ObjectPath) -> list[str]:
        """The names of the folders directly in one in object storage. Raises UsageError when it cannot be read."""
        from speaker_search.sources.objects.store import store
        from speaker_search.sources.objects.store_errors import ObjectError

        try:
            return store(place.scheme).level(place)
        except ObjectError as error:
            raise UsageError(f"{place} cannot be read: {error}.", error.mend) from error

    def index_status(self) -> documents.IndexStatus:
        """Which index there is, and how far it is behind the catalog."""
        from speaker_search.views.clip_index.plan import Plan
        from speaker_search.views.clip_index.probing import Tuning
        from speaker_search.views.storage import folder_of, in_use

        space = self.space
        if self._milvus is not None:
            return self._milvus_status(space, self._milvus)
        folder = folder_of(self.settings.home, self.catalog.uuid, space)
        version = in_use(folder)
        with self.catalog.read() as connection:
            reached = position(connection, space, self.catalog.uuid)
            embedded = count_clips(connection, space.id).embedded
        facts = version.stamp.facts if version else {}
        made = Plan(**facts["plan"]) if version else None
        tuning = Tuning.of(facts.get("tuning"))
        return documents.IndexStatus(
            encoder=space.name,
            folder=str(folder),
            clips=embedded,
            vectors=facts.get("clips", 0),
            behind=reached - (version.stamp.position if version else 0),
            plan=f"{made.kind}: {made.reason}" if made else None,
            kind=made.name if made else None,
            lists=made.nlist if made else 0,
            nprobe=tuning.probing.nprobe if tuning else made.nprobe if made else 0,
            games=len(facts["trained"]["games"]) if made else 0,
            bytes=version.size if version else 0,
            recall=documents.SampledRecall.copy_of(tuning) if tuning else None,
        )

    @cached_property
    def _milvus(self) -> MilvusViews | None:
        """The server that keeps the index; None where the home does. Raises UsageError for an unreadable address."""
        if not (url := self.settings.index_url.get_secret_value()):
            return None
        from speaker_search.views.milvus.milvus_server import Server
        from speaker_search.views.milvus.milvus_views import MilvusViews

        return MilvusViews(self.catalog, Server(url))

    def _milvus_status(self, space: Space, views: MilvusViews) -> documents.IndexStatus:
        collection = views.collection(space)
        state = collection.state()
        with self.catalog.read() as connection:
            reached = position(connection, space, self.catalog.uuid)
            embedded = count_clips(connection, space.id).embedded
        return documents.IndexStatus(
            encoder=space.name,
            folder=f"{views.server.address.shown} {collection.alias}",
            clips=embedded,
            vectors=collection.count() if state else 0,
            behind=reached - (state.position if state else 0),
            plan=f"milvus: {f'{state.lists:,} inverted lists' if state.lists else 'an exact comparison'}"
            if state
            else None,
            kind=("IVF_FLAT" if state.lists else "FLAT") if state else None,
            lists=0,
            nprobe=0,
            games=0,
            bytes=0,
            recall=None,
        )

    @staticmethod
    def upgrade(settings: Settings) -> documents.Upgraded:
        """Bring a catalog that an older version wrote to this version's schema, in place."""
        return documents.Upgraded(version=upgrade_catalog(settings.url, processes.is_dead))

    def _spaces(self) -> list[Space]:
        with self.catalog.read() as connection:
            return spaces(connection)

    def _defaults(self) -> Defaults:
        return defaults(self.settings.checkpoint)

    def _encoder_names(self) -> tuple[str, ...]:
        return encoders.NAMES


def checked_reason(reason: str | None) -> str | None:
    """The same. Raises UsageError for what is not a reason for refusing a clip."""
    if reason is not None and reason not in set(Refusal):
        raise UsageError(f"{reason!r} is not a reason for refusing a clip.", f"The reasons are {', '.join(Refusal)}.")
    return reason


def check_limit(limit: int) -> None:
    if not 1 <= limit <= documents.MAX_LIMIT:
        raise UsageError(f"The limit must be from 1 to {documents.MAX_LIMIT:,}, not {limit}.")


def _within(root: Path, name: str) -> Path | None:
    """The file, unless a link or a row of an index leads out of the folder."""
    try:
        path = (root / name).resolve(strict=True)
        return path if path.is_relative_to(root.resolve()) and path.is_file() else None
    except (OSError, RuntimeError, ValueError):  # a loop of links, or an invalid file name
        return None
