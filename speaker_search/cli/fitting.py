"""Tables in plain text. Wide East Asian letters take two columns of a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.cells import cell_len, set_cell_size

GAP = "  "
NARROWEST = 8  # columns of a terminal, below which no text is shortened
# Names and texts come from strangers' files: control characters are shown, not sent to the terminal.
STEERING = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}
ONE_LINE = {**STEERING, ord("\t"): " ", ord("\n"): " "}


def plain(text: str) -> str:
    return text.translate(STEERING)


def laid_out(rows: Sequence[Sequence[object]], *, heading: Sequence[str] = (), width: int | None = None) -> list[str]:
    """A line for each row, below one for the heading if there is one, of at most `width` columns where it is given.

    Numbers stand to the right. To fit, texts lose their ends and paths their beginnings, which an ellipsis shows;
    headings and numbers are never shortened.
    """
    columns = list(zip(*([heading] if heading else []), *rows, strict=True))
    texts = [[_text(value) for value in column] for column in columns]
    numbers = [all(isinstance(value, int | float | None) for value in column[bool(heading) :]) for column in columns]
    widths = [max(map(cell_len, column)) for column in texts]
    least = [
        natural if is_number else min(natural, max(NARROWEST, cell_len(column[0]) if heading else 0))
        for natural, is_number, column in zip(widths, numbers, texts, strict=True)
    ]
    if width is not None:
        over = sum(widths) + len(GAP) * (len(widths) - 1) - width
        while over > 0 and widths != least:
            spare = [wide if wide > low else 0 for wide, low in zip(widths, least, strict=True)]
            widths[spare.index(max(spare))] -= 1
            over -= 1
    cells = [
        [_cell(text, wide, is_number, isinstance(value, Path)) for text, value in zip(text_column, column, strict=True)]
        for text_column, column, wide, is_number in zip(texts, columns, widths, numbers, strict=True)
    ]
    return [GAP.join(line).rstrip() for line in zip(*cells, strict=True)]


def _text(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value).translate(ONE_LINE)


def _cell(text: str, width: int, is_number: bool, is_path: bool) -> str:
    """The text in exactly that many columns."""
    if cell_len(text) > width:
        if is_path:
            while cell_len(text) >= width:
                text = text[1:]
            text = "…" + text
        else:
            text = set_cell_size(text, width - 1).rstrip() + "…"
    blank = " " * (width - cell_len(text))
    return blank + text if is_number else text + blank
