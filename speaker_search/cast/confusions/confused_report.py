"""Confused pairs as a document, with names, the lines to hear and what to run."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from speaker_search import documents
from speaker_search.cast.confusions.confused_pairs import SPELLINGS, Confused, confused
from speaker_search.cast.lines import Lines, closest
from speaker_search.catalog import people
from speaker_search.catalog.clips import clips_by_id
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.knowledge.known_groups import Groups
from speaker_search.documents.models.confused_characters import ConfusedPair, Confusions, Kind
from speaker_search.documents.paging import cursor_after
from speaker_search.entities import Caution, Character, Clip
from speaker_search.search.live import Ready

KINDS: tuple[Kind, ...] = ("spellings", "namesakes", "others")  # by their number


def page_of_confusions(
    catalog: Catalog, ready: Ready, said: Groups, least_log_odds: float, *, limit: int, after: tuple[float, ...] | None
) -> Confusions:
    """The first `limit` pairs, or those after the one with this sort key."""
    profiles = ready.profiles
    ids = profiles.character_ids.tolist()
    with catalog.read() as connection:
        named = people.characters_by_id(connection, ready.space, ids)
    found = confused(profiles, [named[id_] for id_ in ids], said, least_log_odds)
    wanted = list(islice((pair for pair in found if after is None or pair.key > after), limit + 1))
    page = wanted[:limit]
    heard = [closest(ready, ids.index(pair.one), ids.index(pair.other)) for pair in page]
    with catalog.read() as connection:
        spoken = clips_by_id(connection, [id_ for lines in heard if lines for id_ in (lines.one, lines.other)])
    warnings = ready.warnings(calibrated=profiles.pairs is not None)
    if profiles.pairs is None:
        too_few = Caution("No confusions: the catalog holds too few characters or games to calibrate scores on.")
        warnings = (too_few, *warnings)
    return Confusions(
        encoder=ready.space.name,
        pairs=[_document(pair, lines, named, spoken) for pair, lines in zip(page, heard, strict=True)],
        next=cursor_after("confusions", *page[-1].key) if len(wanted) > limit else None,
        warnings=list(warnings),
    )


def _document(
    pair: Confused, lines: Lines | None, named: Mapping[int, Character], spoken: Mapping[int, Clip]
) -> ConfusedPair:
    few, many = sorted((pair.one, pair.other), key=lambda id_: (named[id_].clips, -id_))
    merge, verdict = f"catalog merge character {few} {many}", f"verdict same {pair.one} {pair.other}"
    if lines is not None and not {lines.one, lines.other} <= spoken.keys():
        lines = None
    return ConfusedPair(
        kind=KINDS[pair.kind],
        one=documents.Character.copy_of(named[pair.one]),
        other=documents.Character.copy_of(named[pair.other]),
        probability=-pair.unlikeliness,
        lines=[] if lines is None else [documents.Clip.copy_of(spoken[id_]) for id_ in (lines.one, lines.other)],
        cosine=None if lines is None else lines.cosine,
        if_same=f"spksearch {merge if pair.kind == SPELLINGS else verdict}",
        if_different=f"spksearch verdict different {pair.one} {pair.other}",
    )
