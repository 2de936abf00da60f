"""Exporting a cast or a cast sheet to CSV, HTML, JSON or Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from speaker_search import documents
from speaker_search.cast.sheets.page import NO_SOUNDS, Sounds, page
from speaker_search.documents import INFERENCE
from speaker_search.errors import UsageError

COLUMNS = ("voice", "probability", "maker", "game", "character", "clips")
SUFFIXES = (".csv", ".html", ".json", ".parquet")


def check_suffix(path: Path) -> None:
    """Raises UsageError for a file of an unknown format."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path.name} is in an unknown format.", "Export to .csv, .json or .html, or to .parquet.")


def export(cast: documents.Cast, path: Path, sounds: Sounds | None = None) -> None:
    """Write a cast in the format of the file's suffix, over a file that exists. Raises UsageError.

    A cast sheet is a row for each character of its game, a whole cast a row for each character. On an HTML page the
    lines that have `sounds` can be played.
    """
    check_suffix(path)
    columns, rows = table(cast)
    suffix = path.suffix.lower()
    if suffix == ".json":
        content = (cast.model_dump_json(indent=1) + "\n").encode()
    elif suffix == ".csv":
        content = as_csv(columns, rows)
    elif suffix == ".html":
        content = page(cast, sounds or NO_SOUNDS).encode()
    else:
        content = _parquet(columns, rows, cast.encoder)
    write(content, path)


def write(content: bytes, path: Path) -> None:
    """Write a file, over one that exists. Raises UsageError when it cannot be written."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.", "Check its folder.") from error


def table(cast: documents.Cast) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """The columns and rows of a cast; in both kinds, the first six columns are the same."""
    if isinstance(cast, documents.CastSheet):
        return cast.columns, list(cast.cells())
    return COLUMNS, [tuple(row[column] for column in COLUMNS) for row in cast.rows()]


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A CSV file in UTF-8 whose cells a spreadsheet shows as they are."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(columns)
    writer.writerows([_inert(cell) for cell in row] for row in rows)
    return ("\ufeff" + file.getvalue()).encode()  # the byte order mark tells spreadsheets that it is UTF-8


def _inert(cell: object) -> str:
    """The cell as plain text: names come from untrusted files, and a spreadsheet would run some as formulas."""
    if isinstance(cell, float):
        return f"{cell:.4f}"
    text = "" if cell is None else str(cell)
    return f"'{text}" if isinstance(cell, str) and text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _parquet(columns: Sequence[str], rows: Sequence[Sequence[object]], encoder: str) -> bytes:
    import pyarrow as pa  # type: ignore[import-untyped]  # slow to import
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    kinds = {
        **dict.fromkeys(("voice", "clips", "clip_id", "other_clip_id"), pa.int64()),
        **dict.fromkeys(("probability", "seconds", "likeliest_probability", "margin", "cosine"), pa.float64()),
    }
    fields = [(column, kinds.get(column, pa.string())) for column in columns]
    schema = pa.schema(fields, {b"spksearch.space": encoder.encode(), b"spksearch.note": INFERENCE.encode()})
    values = zip(*rows, strict=True) if rows else [()] * len(columns)
    arrays = [pa.array(column, field.type) for column, field in zip(values, schema, strict=True)]
    file = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), file)
    return file.getvalue()
