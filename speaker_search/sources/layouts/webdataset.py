"""WebDataset shards: tars of samples, `<key>.ogg` with its `<key>.json` and `<key>.txt`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from speaker_search.entities import Place
from speaker_search.errors import AudioError
from speaker_search.sources.archives.listing import Archive
from speaker_search.sources.candidates import ABSENT, Candidate, Route, film, unsupported
from speaker_search.sources.names import is_film, is_read, is_sound, other_stem, speaker, stem_of
from speaker_search.sources.places import status_of
from speaker_search.sources.table_columns import FIELDS, Row, columns, row_of


def is_webdataset(tar: Archive) -> bool:
    """Whether any sound in a tar has a JSON file of the same name beside it."""
    numbers = tar.listing.numbers
    return any(stem is not None and f"{stem}.json" in numbers for stem in map(_stem, numbers))


def sample_candidates(tar: Archive, path: Place) -> Iterator[tuple[Row, Candidate]]:
    """Every sample with what its JSON says, in the tar's order. A JSON that cannot be used is malformed."""
    numbers, sizes = tar.listing.numbers, tar.listing.sizes
    mtime_ns = status_of(path).mtime_ns
    with_audio: set[str] = set()
    sounds = [(member, stem) for member in numbers if (stem := _stem(member)) is not None]
    sounds.sort(key=lambda sound: other_stem(sound[0]) is not None)  # behind those that may hold them converted
    for member, stem in sounds:
        if other_stem(member) is not None and stem in with_audio:
            continue
        with_audio.add(stem)
        row = _row(tar, stem)
        if row is not None and row.speaker is None:
            why = f"It {row.fault}."
            yield row, Candidate(f"{stem}.json", Route.MALFORMED, None, "", ABSENT, ABSENT, why)
            row = None
        who, text = (None, "") if row is None else (speaker(row.speaker or ""), row.text)
        if row is None and is_film(member):
            one = film(member)
        elif not is_read(member):
            one = unsupported(member, who, text)
        else:
            route = Route.UNLISTED if row is None else Route.EXACT
            one = Candidate(member, route, who, text, sizes[numbers[member]], mtime_ns)
        yield row or Row(member), one
    for member in numbers:
        stem = member.removesuffix(".json")
        if stem == member or stem in with_audio:
            continue
        row = _row(tar, stem)
        if row is not None and row.speaker is not None:
            yield row, Candidate(stem, Route.MISSING, speaker(row.speaker), row.text, ABSENT, ABSENT)
    for one in tar.listing.refused:
        yield Row(one.path), replace(one, mtime_ns=mtime_ns)


def _stem(member: str) -> str | None:
    return stem_of(member) if is_sound(member) else None


def _row(tar: Archive, stem: str) -> Row | None:
    """What a sample's JSON and text say; None without a JSON, malformed unless it is a JSON object with a speaker."""
    if f"{stem}.json" not in tar.listing.numbers:
        return None
    try:
        values = json.loads(tar.read(f"{stem}.json"))
        text = tar.read(f"{stem}.txt").decode() if f"{stem}.txt" in tar.listing.numbers else None
    except (ValueError, RecursionError, AudioError):  # ValueError: not JSON, or not UTF-8
        return Row(stem, fault="cannot be read as JSON in UTF-8")
    if not isinstance(values, dict):
        return Row(stem, fault="is not a JSON object")
    lower = {str(name).lower(): value for name, value in values.items()}
    if text is not None and not any(name in lower for name in FIELDS["text"]):
        lower["text"] = text.strip()
    return row_of(lower, columns(lower, stem, needed=()), stem)
