"""Lines that are no speech by their text: screams, breaths, laughter, or a stage direction alone."""

from __future__ import annotations

import re

from speaker_search.entities import fold

_TO_HIRAGANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}
_DIRECTION = re.compile(r"[(\[【〔<〈《*].*?[)\]】〕>〉》*]")  # folded: full-width brackets are plain ones by then
_NO_LETTER = re.compile(r"[\W_]+")
#: Kana that interjections are made of, and those that hardly stand in a word: cut short, drawn out, or gasped.
_CRY = re.compile(r"[あいうえおんはひふへほわきぎくぐひぁぃぅぇぉゃゅょっー]+")
_CUT_OR_DRAWN = re.compile(r"[ぁぃぅぇぉっー]|(.)\1\1")
_WORDS = frozenset(("はい", "はーい", "いいえ", "いえ", "いい", "うん", "ええ", "おい", "くう", "きく", "いく", "ああ"))
_LATIN = re.compile(r"(?:a+h+|a+rgh*|e+h+|o+h+|u+g*h+|h*m+|n+gh*|g+a+h+|k?y+a+h*|(?:h[aeio]+)+h*|e+k+)")


def is_wordless(text: str) -> bool:
    """Whether a line's text says that it is no speech, as （悲鳴）, あああっ, *sigh* and Hmm do.

    So does a voiced line of signs alone, such as ……. はいっ is a word, and a line without a text may be anything.
    """
    folded = fold(text).translate(_TO_HIRAGANA)
    rest = _DIRECTION.sub(" ", folded)
    parts = [part for part in _NO_LETTER.split(rest.replace("~", "ー").replace("〜", "ー")) if part]
    return bool(folded) and all(_is_cry(part) for part in parts)


def _is_cry(part: str) -> bool:
    if _LATIN.fullmatch(part):
        return True
    short = re.sub("[ぁぃぅぇぉっー]+$", "", part)
    return bool(_CRY.fullmatch(part) and _CUT_OR_DRAWN.search(part)) and short not in _WORDS
