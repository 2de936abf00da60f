"""Which encoder answers and which embeds, for every combination of what is wanted and what the catalog holds."""

from __future__ import annotations

import pytest

from speaker_search.errors import CatalogError, EncoderError
from speaker_search.library.encoder_choice import encoder_of, encoder_to_embed, space_to_search

ENCODERS = ("anime-va", "resemblyzer", "campplus")
VA, OLDER_VA, RE = "anime-va@41d5ad6b5c75", "anime-va@000000000000", "resemblyzer@39373b86598f"
NOTHING: dict[str, str] = {}
ONE = {RE: "resemblyzer"}
TWO = {RE: "resemblyzer", VA: "anime-va"}
TWO_OF_ONE_ENCODER = {OLDER_VA: "anime-va", VA: "anime-va"}
NEITHER_THE_DEFAULT = {RE: "resemblyzer", "campplus@111111111111": "campplus"}


@pytest.mark.parametrize(
    ("wanted", "held", "space"),
    [
        (None, ONE, RE),  # the only one, although it is not the default
        (None, TWO, VA),  # the default among several
        ("resemblyzer", ONE, RE),
        ("resemblyzer", TWO, RE),
        ("anime-va", TWO, VA),
        (RE, TWO, RE),
        (VA, TWO_OF_ONE_ENCODER, VA),
        (OLDER_VA, TWO_OF_ONE_ENCODER, OLDER_VA),
    ],
)
def test_questions_are_about_the_space_that_is_wanted_or_the_only_one_or_the_defaults(
    wanted: str | None, held: dict[str, str], space: str
) -> None:
    assert space_to_search(wanted, held, default="anime-va", encoders=ENCODERS) == space


@pytest.mark.parametrize(
    ("wanted", "held", "error", "words"),
    [
        (None, NOTHING, CatalogError, "holds no voices yet"),
        ("resemblyzer", NOTHING, CatalogError, "holds no voices yet"),
        ("anime-va", ONE, CatalogError, f"holds no embeddings of anime-va, only of {RE}"),
        (VA, ONE, CatalogError, f"holds no embeddings of {VA}, only of {RE}"),
        (OLDER_VA, TWO, CatalogError, f"holds no embeddings of {OLDER_VA}"),
        (None, TWO_OF_ONE_ENCODER, CatalogError, f"several spaces: {OLDER_VA}, {VA}"),
        ("anime-va", TWO_OF_ONE_ENCODER, CatalogError, "several spaces"),
        (None, NEITHER_THE_DEFAULT, CatalogError, "several spaces"),
        ("nobody", ONE, EncoderError, "There is no encoder 'nobody'. The encoders are anime-va, resemblyzer, campplus"),
        ("nobody@123456789012", ONE, EncoderError, "There is no encoder 'nobody'"),
        ("nobody", NOTHING, EncoderError, "There is no encoder 'nobody'"),
    ],
)
def test_a_space_that_cannot_be_told_is_an_error_that_says_why(
    wanted: str | None, held: dict[str, str], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words.replace("(", "[(]")):
        space_to_search(wanted, held, default="anime-va", encoders=ENCODERS)


@pytest.mark.parametrize(
    ("wanted", "held", "chosen"),
    [
        (None, NOTHING, "anime-va"),  # the default in an empty catalog
        (None, ONE, RE),  # the only space goes on
        (None, TWO, "anime-va"),
        (None, NEITHER_THE_DEFAULT, "anime-va"),
        ("resemblyzer", NOTHING, "resemblyzer"),
        ("anime-va", ONE, "anime-va"),  # a second space begins
        (VA, ONE, VA),
    ],
)
def test_new_voices_are_embedded_by_what_is_wanted_or_the_only_space_or_the_default(
    wanted: str | None, held: dict[str, str], chosen: str
) -> None:
    assert encoder_to_embed(wanted, held, default="anime-va", encoders=ENCODERS) == chosen


@pytest.mark.parametrize(
    ("wanted", "held"), [("nobody", NOTHING), ("nobody@41d5ad6b5c75", ONE), (None, {"nobody@1": "nobody"})]
)
def test_an_unknown_encoder_embeds_nothing(wanted: str | None, held: dict[str, str]) -> None:
    with pytest.raises(EncoderError, match="There is no encoder 'nobody'"):
        encoder_to_embed(wanted, held, default="anime-va", encoders=ENCODERS)


def test_the_encoder_of_a_space_is_what_stands_before_its_weights() -> None:
    assert [encoder_of(name) for name in (VA, "anime-va")] == ["anime-va", "anime-va"]
