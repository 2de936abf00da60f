"""Exporting a cast to CSV, HTML or JSON."""

from __future__ import annotations

import csv
import html
import io
from pathlib import Path

from speaker_search.cast.voices import Cast
from speaker_search.documents import INFERENCE
from speaker_search.errors import UsageError

COLUMNS = ("voice", "probability", "maker", "game", "character", "clips")


def export(cast: Cast, json: str, path: Path) -> None:
    """Write a cast in the format of the file's suffix: .csv, .html, or .json, given as `json`. Raises UsageError."""
    if path.suffix.lower() == ".json":
        text = json + "\n"
    elif path.suffix.lower() == ".csv":
        text = _csv(cast)
    elif path.suffix.lower() == ".html":
        text = _html(cast)
    else:
        raise UsageError(f"{path.name} is in an unknown format.", "Export to .csv, .json or .html.")
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from error


def _rows(cast: Cast) -> list[tuple[str, ...]]:
    """One row per character; the first two cells are empty without a voice."""
    linked: list[tuple[str, ...]] = [
        (str(voice.id), f"{probability:.4f}", one.game.maker.name, one.game.title, one.name, str(one.clips))
        for voice in cast.voices
        for one, probability in voice.members
    ]
    alone: list[tuple[str, ...]] = [
        ("", "", one.game.maker.name, one.game.title, one.name, str(one.clips)) for one in cast.unlinked
    ]
    return linked + alone


def _csv(cast: Cast) -> str:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    writer.writerows([_inert(cell) for cell in row] for row in _rows(cast))
    return "\ufeff" + file.getvalue()  # the byte order mark tells spreadsheets that it is UTF-8


def _inert(cell: str) -> str:
    """The cell as plain text: names come from untrusted files, and a spreadsheet would run some as formulas."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@") else cell


def _html(cast: Cast) -> str:
    def line(cells: tuple[str, ...], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = "\n".join(line(row, "td") for row in _rows(cast))
    return (
        '<!doctype html>\n<html lang="ja"><meta charset="utf-8"><title>Cast</title>\n'
        f"<p>{INFERENCE} Encoder: {html.escape(cast.encoder)}.</p>\n"
        f"<table>\n{line(COLUMNS, 'th')}\n{body}\n</table></html>\n"
    )
