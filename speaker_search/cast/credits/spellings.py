"""How titles and names from different sources are spelt to compare them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from speaker_search.entities import fold

#: Hiragana to katakana: they lie 0x60 apart.
_TO_KATAKANA = {code: code + 0x60 for code in (*range(0x3041, 0x3097), 0x309D, 0x309E)}
_TO_HIRAGANA = {kata: hira for hira, kata in _TO_KATAKANA.items()}
#: What stands between a title and its subtitle. A hyphen, dash or tilde counts only beside a space: "Ever-17" has none.
_SUBTITLE = re.compile(r"\s*(?:[〜～~:：―]|[(（\[「『【<＜]|(?<=\s)[-–—]|[-–—](?=\s))")
_KANJI = re.compile("[々\u3400-\u9fff\uac00-\ud7af]")
_BETWEEN_PARTS = re.compile(r"[\s・･·=＝‐]+")
_SPELT_ALIKE = (  # Hepburn and Kunrei spellings, and long vowels, replaced in this order
    ("jie", "je"), ("shie", "she"), ("chie", "che"),
    ("tch", "cch"), ("sy", "sh"), ("ty", "ch"), ("zy", "j"), ("jy", "j"), ("dz", "z"),
    ("si", "shi"), ("ti", "chi"), ("tu", "tsu"), ("hu", "fu"), ("zi", "ji"), ("du", "zu"), ("di", "ji"),
    ("wo", "o"), ("mb", "nb"), ("mp", "np"), ("mm", "nm"),
    ("ou", "o"), ("oo", "o"), ("oh", "o"), ("uu", "u"), ("aa", "a"), ("ei", "e"), ("ee", "e"), ("ii", "i"),
)  # fmt: skip


@lru_cache(maxsize=1 << 16)
def compact(name: str) -> str:
    """Folded, of letters and digits alone, hiragana as katakana; what has none of these is only folded."""
    folded = fold(name).translate(_TO_KATAKANA)
    kept = "".join(sign for sign in folded if unicodedata.category(sign)[0] in "LNM")
    return kept or folded


@lru_cache(maxsize=1 << 16)
def romaji(name: str) -> str:
    """A name of kana and Latin letters in Latin letters, alike for the usual spellings; empty when it has others."""
    spelt = fold(name).translate(_TO_HIRAGANA)
    if _KANJI.search(spelt):
        return ""
    if any("\u3041" <= sign <= "\u309e" for sign in spelt):
        import jaconv

        spelt = jaconv.kana2alphabet(spelt).replace("-", "")
    spelt = "".join(sign for sign in unicodedata.normalize("NFKD", spelt) if not unicodedata.combining(sign))
    letters = "".join(sign for sign in spelt if sign.isalnum())
    if not letters.isascii() or not re.search("[a-z]", letters):
        return ""
    for written, alike in _SPELT_ALIKE:
        letters = letters.replace(written, alike)
    return letters


def main_title(title: str) -> str:
    """A title without its subtitle; the whole of one that has none."""
    found = _SUBTITLE.search(title.strip(), 1)
    return title.strip()[: found.start()] if found else title.strip()


def parts(name: str) -> tuple[str, ...]:
    """The compact parts of a name that is written in several, such as family and given name."""
    written = [compact(part) for part in _BETWEEN_PARTS.split(name.strip()) if part]
    return tuple(written) if len(written) > 1 else ()


def keys(name: str) -> Iterator[str]:
    """The keys that tell whether two names are the same, the surest kind first; equal keys only within a kind.

    As written, compact, with the parts in either order, and in Latin letters, whose parts may be in either order too.
    """
    yield "=" + fold(name)
    yield "c" + compact(name)
    written = parts(name)
    if written:
        yield "o" + " ".join(sorted(written))
    spelt = romaji(name)
    if spelt:
        yield "r" + spelt
        pieces = [romaji(part) for part in _BETWEEN_PARTS.split(name.strip())]
        if len(pieces) > 1 and all(pieces):
            yield "s" + " ".join(sorted(pieces))
