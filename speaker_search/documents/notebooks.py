"""Answers in notebooks: an HTML table with players. Pure."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from itertools import islice

MOST_ROWS = 100
MOST_SOUND_BYTES = 4 * 2**20  # of sound in one table: a notebook keeps all that it shows in its file

Sound = tuple[str, bytes]  # media type and content


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], sounds: Iterable[Sound | None]) -> str:
    """Rows as HTML, each with a player where there is a sound, up to the limits above. Everything is escaped."""
    left, body, players = MOST_SOUND_BYTES, [], iter(sounds)
    rows = iter(rows)
    for row in islice(rows, MOST_ROWS):
        cells = [f"<td>{escape(_shown(cell))}</td>" for cell in row]
        # Nothing is read once there is no room for it.
        sound = next(players, None) if left > 0 else None
        if sound is not None and len(sound[1]) <= left:
            left -= len(sound[1])
            kind, content = escape(sound[0]), base64.b64encode(sound[1]).decode()
            player = f'<audio controls preload="none" src="data:{kind};base64,{content}"></audio>'
            cells.append(f"<td>{player}</td>")
        body.append(f"<tr>{''.join(cells)}</tr>")
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    more = "<p>More rows: <code>to_frame()</code> has all.</p>" if next(rows, None) is not None else ""
    return f"<p>{escape(title)}</p><table><tr>{head}</tr>{''.join(body)}</table>{more}"


def _shown(cell: object) -> str:
    if cell is None:
        return ""
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)
