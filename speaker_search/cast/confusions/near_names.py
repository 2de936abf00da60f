"""Whether two characters' names may be meant for one role."""

from __future__ import annotations

from speaker_search.cast.credits.spellings import compact, keys, main_title, parts, romaji

LEAST_LETTERS = 5  # of a name in Latin letters or kana that may be off by one letter


def near_names(one: str, other: str) -> bool:
    """Whether two names are the same in another spelling, one is a part of the other, or they are a letter apart.

    What stands in brackets does not count: 葵（幼少期） is 葵. A last letter and digits number roles, so 女子生徒Ａ and
    女子生徒Ｂ are not near; nor are 太郎 and 次郎, since one kanji makes another name.
    """
    mine, theirs = main_title(one), main_title(other)
    if not set(keys(mine)).isdisjoint(keys(theirs)):
        return True
    if compact(mine) in parts(theirs) or compact(theirs) in parts(mine):
        return True
    left, right = romaji(mine), romaji(theirs)
    if min(len(left), len(right)) < LEAST_LETTERS or left[:-1] == right[:-1] or _digits(left) != _digits(right):
        return False
    return _one_edit(left, right)


def _digits(name: str) -> list[str]:
    return [letter for letter in name if letter.isdigit()]


def _one_edit(one: str, other: str) -> bool:
    """Whether one letter more, less or other makes one word the other."""
    if len(one) > len(other):
        one, other = other, one
    if len(other) - len(one) > 1:
        return False
    same = next((place for place, letter in enumerate(one) if letter != other[place]), len(one))
    rest = one[same + (len(one) == len(other)) :]
    return rest == other[same + 1 :]
