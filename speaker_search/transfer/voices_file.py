"""Voices as Parquet: names, texts and vectors of clips in one space, without audio. Pandas and others read it too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from speaker_search.catalog.embeddings import UNIT_WITHIN
from speaker_search.catalog.scans.imported import CarriedClip
from speaker_search.entities import Floats, shown
from speaker_search.errors import UsageError
from speaker_search.sources.names import member_name, speaker, storable

SPACE, CATALOG = b"spksearch.space", b"spksearch.catalog"  # keys of the file's metadata
ROWS_PER_PORTION = 10_000
MAX_TEXT = 100_000  # characters of a line's text
MAX_SECONDS = 3_600.0  # of a clip, by far more than any encoder here takes
TEXTS = ("maker", "game", "character", "text", "root", "path", "fingerprint")
NEEDED = ("maker", "game", "character", "path", "embedding")
_SPACE = re.compile(r"[\w.-]{1,100}@\w{1,64}")
_FINGERPRINT = re.compile(r"[0-9a-f]{32}")
_FAULTS = (pa.ArrowException, OSError, OverflowError, UnicodeDecodeError)


def schema(space: str, dim: int, catalog: str) -> Any:
    """The columns of a file of voices, and what they are."""
    fields = [
        ("maker", pa.string()),
        ("game", pa.string()),
        ("character", pa.string()),  # null where the speaker is unknown
        ("text", pa.string()),
        ("seconds", pa.float64()),
        ("root", pa.string()),  # the folder or archive that the audio was in
        ("path", pa.string()),  # within the root
        ("clip", pa.int64()),  # its id in the catalog
        ("fingerprint", pa.string()),  # hexadecimal: not every reader has fixed-size bytes
        ("embedding", pa.list_(pa.float32(), dim)),
    ]
    return pa.schema(fields, {SPACE: space.encode(), CATALOG: catalog.encode()})


@dataclass(frozen=True, slots=True)
class Portion:
    """Some rows of a file: clips, and what is wrong with the others, by the number of the row from 1 on."""

    clips: list[CarriedClip]
    malformed: dict[int, str]

    def __len__(self) -> int:
        return len(self.clips) + len(self.malformed)


class VoicesFile:
    """An open file of voices. Its rows are checked one by one: anybody may have written them."""

    def __init__(self, path: Path) -> None:
        """Raises UsageError when it has not the columns and the metadata that an export has."""
        self.path = path
        with self._readable():
            path.open("rb").close()  # Python's words for what is wrong are shorter than Arrow's
            self._file = pq.ParquetFile(path, page_checksum_verification=True)
        about = self._file.schema_arrow.metadata or {}
        self.space = about.get(SPACE, b"").decode("ascii", "replace")
        if not _SPACE.fullmatch(self.space):
            raise UsageError(
                f"{path} does not say in which space its vectors are.", "Name a file that `spksearch export` wrote."
            )
        self.catalog = about.get(CATALOG, b"").decode("ascii", "replace")
        self.rows = int(self._file.metadata.num_rows)
        self._check_columns()
        self.dim = self._dim()

    def close(self) -> None:
        self._file.close()

    def portions(self) -> Iterator[Portion]:
        """All rows, 10,000 at a time. Raises UsageError at the first that cannot be read."""
        number = 1
        columns = [name for name in self._file.schema_arrow.names if name in (*TEXTS, "seconds", "embedding")]
        batches = self._file.iter_batches(ROWS_PER_PORTION, columns=columns, use_threads=False)
        while True:
            with self._readable():
                batch = next(batches, None)
                if batch is None:
                    return
                portion = self._portion(batch, number)
            yield portion
            number += len(batch)

    def _portion(self, batch: Any, first: int) -> Portion:
        texts = {name: _texts(batch.column(name)) for name in TEXTS if name in batch.schema.names}
        lengths = batch.column("seconds").to_pylist() if "seconds" in batch.schema.names else [None] * len(batch)
        vectors, faults = _vectors(batch.column("embedding"), self.dim)
        found = Portion([], {})
        for row in range(len(batch)):
            said = {name: values[row] for name, values in texts.items()}
            fault = faults[row] or _fault(said, lengths[row])
            if fault:
                found.malformed[first + row] = fault
            else:
                found.clips.append(_clip(said, lengths[row], vectors[row]))
        return found

    def _check_columns(self) -> None:
        kinds = {field.name: field.type for field in self._file.schema_arrow}
        lacking = [name for name in NEEDED if name not in kinds]
        if lacking:
            raise UsageError(
                f"{self.path} has no column {lacking[0]}. Its columns are: {', '.join(list(kinds)[:12]) or 'none'}.",
                "Name a file that `spksearch export` wrote.",
            )
        wrong = [name for name in TEXTS if name in kinds and not _is_text(kinds[name])]
        wrong += [name for name in ("seconds",) if name in kinds and not pa.types.is_floating(kinds[name])]
        wrong += [] if _is_vector(kinds["embedding"]) else ["embedding"]
        if wrong:
            raise UsageError(
                f"{self.path} has a column {wrong[0]} of another type than an export: {kinds[wrong[0]]}.",
                "Name a file that `spksearch export` wrote.",
            )

    def _dim(self) -> int:
        """Of the vectors: of the column, or else of the first row."""
        kind = self._file.schema_arrow.field("embedding").type
        if pa.types.is_fixed_size_list(kind):
            return int(kind.list_size)
        with self._readable():
            for batch in self._file.iter_batches(1, columns=["embedding"], use_threads=False):
                return len(batch.column(0)[0].as_py() or ())
        return 0

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except _FAULTS as error:
            reason = getattr(error, "strerror", None) or str(error).splitlines()[0].rstrip(".")
            raise UsageError(
                f"{self.path} cannot be read as Parquet: {reason}.", "Name a file that `spksearch export` wrote."
            ) from error


def _vectors(column: Any, dim: int) -> tuple[Floats, list[str]]:
    """The vectors (n, dim) of a column, and what is wrong with each; "" where nothing is."""
    whole = pc.fill_null(pc.equal(pc.list_value_length(column), dim), False)
    fits: npt.NDArray[np.bool_] = whole.to_numpy(zero_copy_only=False)
    vectors = np.zeros((len(column), dim), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        flat = column.filter(whole).flatten().to_numpy(zero_copy_only=False)  # null becomes nan
        vectors[fits] = flat.reshape(-1, dim).astype(np.float32)
        lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    faults = np.where(np.abs(lengths - 1.0) <= UNIT_WITHIN, "", "the length of its vector is not 1")
    faults[~np.isfinite(lengths)] = "its vector is not finite"
    faults[~fits] = f"its vector has not {dim} numbers"
    return vectors, faults.tolist()


def _fault(said: Mapping[str, str | None], seconds: float | None) -> str:
    """What is wrong with a row; "" for nothing."""
    if not all(storable(said.get(name) or "") for name in ("maker", "game", "character", "root")):
        return "it has a name that is not valid Unicode, or too long"
    if not (said["game"] or "").strip():
        return "it names no game"
    if member_name(said["path"] or "") is None:
        return "its path is empty, too long, or leads out of its folder"
    if len(said.get("text") or "") > MAX_TEXT:
        return f"its text is over {MAX_TEXT:,} characters"
    if seconds is not None and not 0.0 <= seconds <= MAX_SECONDS:  # nan is neither
        return f"its length is not between 0 and {MAX_SECONDS:,.0f} seconds"
    if (said.get("fingerprint") or "") and not _FINGERPRINT.fullmatch(said["fingerprint"] or ""):
        return "its fingerprint is not 32 hexadecimal digits"
    return ""


def _clip(said: Mapping[str, str | None], seconds: float | None, vector: Floats) -> CarriedClip:
    return CarriedClip(
        maker=(said["maker"] or "").strip(),
        title=(said["game"] or "").strip(),
        character=speaker(said["character"] or ""),
        root=said.get("root") or "",
        path=member_name(said["path"] or "") or "",
        text=shown(said.get("text") or ""),
        seconds=seconds,
        fingerprint=bytes.fromhex(said.get("fingerprint") or "") or None,
        vector=vector,
    )


def _texts(column: Any) -> list[str | None]:
    """A column's texts; bytes that are not UTF-8 are escaped."""
    plain = column.cast(pa.large_string()) if pa.types.is_dictionary(column.type) else column
    try:
        found: list[str | None] = plain.to_pylist()
    except UnicodeDecodeError:
        raw = plain.cast(pa.large_binary()).to_pylist()
        found = [None if value is None else value.decode("utf-8", "backslashreplace") for value in raw]
    return found


def _is_text(kind: Any) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return any(is_kind(kind) for is_kind in (pa.types.is_string, pa.types.is_large_string, pa.types.is_null))


def _is_vector(kind: Any) -> bool:
    lists = (pa.types.is_fixed_size_list, pa.types.is_list, pa.types.is_large_list)
    return any(is_kind(kind) for is_kind in lists) and bool(pa.types.is_floating(kind.value_type))
