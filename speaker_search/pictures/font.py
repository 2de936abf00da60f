"""The font of charts, which has Latin and Japanese: IPAexGothic, from the package matplotlib-fontja."""

from __future__ import annotations

import base64
import functools
import importlib.util
import io
import string
from collections.abc import Iterable
from pathlib import Path

from speaker_search.errors import UsageError

FAMILY = "IPAexGothic"


@functools.cache
def file() -> Path:
    """The font's file. Raises UsageError where its package is not installed."""
    found = importlib.util.find_spec("matplotlib_fontja")  # importing it would need matplotlib
    for folder in [] if found is None else found.submodule_search_locations or ():
        if (path := Path(folder, "fonts", "ipaexg.ttf")).is_file():
            return path
    raise UsageError("The font for pictures is not installed.", "Install it: `pip install matplotlib-fontja`.")


@functools.cache
def register() -> None:
    """Have pictures drawn with the font."""
    import vl_convert

    vl_convert.register_font_directory(str(file().parent))


def face(text: str) -> str:
    """A CSS rule that carries the glyphs of a text and of ASCII. Equal for equal sets of characters."""
    return _face("".join(sorted({*text, *string.printable})))


@functools.lru_cache(maxsize=4)
def _face(characters: str) -> str:
    from fontTools import subset  # type: ignore[import-untyped]

    options = subset.Options(flavor="woff", layout_features=[], hinting=False, notdef_outline=True)
    with subset.load_font(str(file()), options) as whole:
        cut = subset.Subsetter(options)
        cut.populate(text=characters)
        cut.subset(whole)
        written = io.BytesIO()
        subset.save_font(whole, written, options)
    data = base64.b64encode(written.getvalue()).decode()
    return f'@font-face{{font-family:"{FAMILY}";src:url(data:font/woff;base64,{data}) format("woff")}}'


@functools.cache
def _widths() -> tuple[dict[int, float], float]:
    """The advance of each character, by code point, and of one that is missing, in ems."""
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

    with TTFont(str(file()), lazy=True) as font:
        em, advances = font["head"].unitsPerEm, font["hmtx"].metrics
        return {code: advances[name][0] / em for code, name in font.getBestCmap().items()}, 1.0


def widths(names: Iterable[str]) -> list[float]:
    """How wide each name is, in ems."""
    known, missing = _widths()
    return [sum(known.get(ord(letter), missing) for letter in name) for name in names]
