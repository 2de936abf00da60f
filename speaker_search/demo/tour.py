"""A tour through bundled voices: ingest, search with one line, list who recurs, try a verdict, compare."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from speaker_search import documents, settings
from speaker_search.documents import IngestReport, Reference, SearchOptions, SearchRequest
from speaker_search.entities import Place
from speaker_search.errors import ContradictionError, UsageError
from speaker_search.library import Library

VOICES = Path(__file__).parent / "voices"
ENCODER = "campplus"  # needs no download

Names = tuple[str, str, str]  #: maker, game and character


@dataclass(frozen=True, slots=True)
class Tour:
    """What the tour saw."""

    line: Path  #: the query clip
    files: dict[int, Place]  #: of the matches' nearest lines, by clip
    speaker: documents.Character
    first_is_right: bool  #: whether the first match is played by the speaker's voice actor
    seen: documents.Demo


def take(home: Path | None, on_progress: Callable[[IngestReport], None]) -> Tour:
    """Go through everything once, in the home given or a new temporary one, which is kept unless the tour fails.

    Raises UsageError when the home given cannot be made.
    """
    kept = home or Path(tempfile.mkdtemp(prefix="spksearch-demo-"))
    try:
        kept.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"The catalog cannot be kept in {kept}: {error.strerror}.", "Give a folder you can write to as --keep."
        ) from error
    try:
        with opened(kept) as library:
            return _tour(library, on_progress)
    except BaseException:
        if home is None:
            shutil.rmtree(kept)
        raise


def opened(home: Path) -> Library:
    """The tour's catalog in a home."""
    chosen = settings.load(home=home, encoder=ENCODER, device="cpu")
    # The user's own database and weights have nothing to do with the bundled voices.
    return Library(chosen.model_copy(update={"database_url": None, "checkpoint": None}))


def _tour(library: Library, on_progress: Callable[[IngestReport], None]) -> Tour:
    actors = _actors()
    report = library.ingest([VOICES], on_progress=on_progress)
    tried = _try_a_verdict(library)
    cast = library.cast_document()
    found = [frozenset(_names(one) for one in voice.characters) for voice in cast.voices]
    linked = [one for voice in cast.voices for one in voice.characters]
    groups = _recurring((_names(one) for one in [*linked, *cast.unlinked]), actors)
    first_id = min(one.id for one in [*linked, *cast.unlinked] if any(_names(one) in group for group in groups))
    speaker = library.show(first_id).character
    line = _typical_line(library, speaker)
    search = library.search_document([line], SearchOptions(exclude_game=(speaker.game.title,)))
    nearest = search.matches[0].character if search.matches else None
    first_is_right = nearest is not None and _actor(nearest, actors) == _actor(speaker, actors)
    verification = library.verify()
    whole = sum(group in groups for group in found)
    false = len(found) - whole
    seen = documents.Demo(
        home=library.settings.home,
        ingest=report,
        search=search,
        cast=cast,
        tried=tried,
        verify=verification,
        recurring=len(groups),
        found=whole,
        false=false,
        right=first_is_right
        and whole == len(groups)
        and not false
        and verification.ok
        and (tried is None or tried.restored),
    )
    hits = [match.hits[0].clip.id for match in search.matches]
    files = {id_: clip.path for id_, clip in library.clips(hits).items()}
    return Tour(line, files, speaker, first_is_right, seen)


def _try_a_verdict(library: Library) -> documents.TriedVerdict | None:
    """Answer the first pair of the listening queue against the cast, see what changes, and undo it.

    Where the queue is empty, two characters that are linked are called different. Verdicts that were kept in this home
    earlier are left alone.
    """
    before = library.cast_document()
    voice_of = _voice_of(before)
    queued = [(pair.one.id, pair.other.id) for pair in library.listening_queue(limit=1).pairs]
    linked = [(voice.characters[0].id, voice.characters[-1].id) for voice in before.voices]
    for one, other in queued + linked:
        same = one not in voice_of or voice_of[one] != voice_of.get(other)
        try:
            verdict = library.judge(one, other, same=same, note="tried by the demo")
        except ContradictionError:
            continue
        if not verdict.new:
            continue
        try:
            library.cast()
            changes = [change for change in library.cast_changes().changes if change.at >= verdict.at]
        finally:
            undone = library.undo_verdict(verdict.id)
        restored = _voice_of(library.cast_document()) == voice_of
        return documents.TriedVerdict(verdict=verdict, undone=undone, changes=changes, restored=restored)
    return None


def _voice_of(cast: documents.Cast) -> dict[int, int]:
    """The voice of each linked character, by id."""
    return {one.id: voice.id for voice in cast.voices for one in voice.characters}


def _typical_line(library: Library, speaker: documents.Character) -> Path:
    """The speaker's line nearest to the mean of all."""
    request = SearchRequest(like=(Reference(character=speaker.id),), by="clip", game=(speaker.game.title,))
    paths = {one.id: one.path for one in library.show(speaker.id).clips if isinstance(one.path, Path)}
    nearest = (match.hits[0].clip.id for match in library.search_document((), request).matches)
    return next(paths[id_] for id_ in nearest if id_ in paths)


def _actors() -> dict[Names, str]:
    """The voice actor of each bundled character."""
    rows = json.loads((VOICES / "cast.json").read_text(encoding="utf-8"))
    return {(row["maker"], row["game"], row["character"]): row["voice_actor"] for row in rows}


def _actor(character: documents.Character, actors: dict[Names, str]) -> str | None:
    return actors.get((character.game.maker.name, character.game.title, character.name))


def _names(character: documents.CastCharacter) -> Names:
    return character.maker, character.game, character.name


def _recurring(everyone: Iterable[Names], actors: dict[Names, str]) -> set[frozenset[Names]]:
    """The characters of each voice actor who plays in more than one game."""
    by_actor: dict[str, set[Names]] = defaultdict(set)
    for names in everyone:
        if names in actors:
            by_actor[actors[names]].add(names)
    return {frozenset(group) for group in by_actor.values() if len(group) > 1}
