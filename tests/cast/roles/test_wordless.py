"""Which lines are no speech by their text."""

from __future__ import annotations

import pytest

from speaker_search.cast.roles.wordless import is_wordless


@pytest.mark.parametrize(
    "text",
    [
        *("（悲鳴）", "(laughs)", "*sigh*", "【息】", "……", "「……っ」"),
        *("あっ", "んんっ……", "はぁ、はぁ……", "きゃああああっ！", "うわぁぁっ", "ヒッ", "ふふっ", "くぅ〜っ"),
        *("Ahhh!", "Hmm...", "Haha", "Ugh!", "（息をのむ）……あっ"),
    ],
)
def test_screams_breaths_laughter_and_directions_are_no_speech(text: str) -> None:
    assert is_wordless(text)


@pytest.mark.parametrize(
    "text",
    [
        *("はい", "はいっ", "はーい！", "うん", "うんっ！", "いいえ", "おいっ", "ええ……", "ああ", "いいっ"),
        *(
            "おはよう！",
            "あっ、先輩！",
            "（小声で）行こう",
            "えっと……",
            "ありがとう……っ",
            "Oh, hello.",
            "Ha! You lose.",
            "",
        ),
    ],
)
def test_words_are_speech_and_no_text_says_nothing(text: str) -> None:
    assert not is_wordless(text)
