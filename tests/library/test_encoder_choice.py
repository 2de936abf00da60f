"""Which encoder answers and which embeds, for every combination of what is wanted and what the catalog holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from speaker_search.encoders.weights import resolve
from speaker_search.errors import CatalogError, EncoderError
from speaker_search.library.encoder_choice import (
    Choice,
    Defaults,
    defaults,
    encoder_of,
    encoder_to_embed,
    space_to_search,
)

ENCODERS = ("anime-va", "resemblyzer", "campplus")
WITH_VA = Defaults(("anime-va", "campplus"), "anime-va is here")
WITHOUT_VA = Defaults(("campplus", "anime-va"), "anime-va is not here")
VA, OLDER_VA, RE = "anime-va@41d5ad6b5c75", "anime-va@000000000000", "resemblyzer@39373b86598f"
CAMP, WE = "campplus@92f29b94e694", "wespeaker-resnet34@366edf44f4c8"
NOTHING: dict[str, str] = {}
ONE = {RE: "resemblyzer"}
TWO = {RE: "resemblyzer", VA: "anime-va"}
TWO_OF_ONE_ENCODER = {OLDER_VA: "anime-va", VA: "anime-va"}
NO_DEFAULT = {RE: "resemblyzer", WE: "wespeaker-resnet34"}
BOTH_DEFAULTS = {RE: "resemblyzer", CAMP: "campplus", VA: "anime-va"}


def not_asked() -> Defaults:
    raise AssertionError("the answer does not depend on the defaults")


@pytest.mark.parametrize(
    ("wanted", "held", "space"),
    [
        (None, ONE, RE),  # the only one, although it is not a default
        ("resemblyzer", ONE, RE),
        ("resemblyzer", TWO, RE),
        ("anime-va", TWO, VA),
        (RE, TWO, RE),
        (VA, TWO_OF_ONE_ENCODER, VA),
        (OLDER_VA, TWO_OF_ONE_ENCODER, OLDER_VA),
    ],
)
def test_questions_are_about_the_space_that_is_wanted_or_the_only_one(
    wanted: str | None, held: dict[str, str], space: str
) -> None:
    assert space_to_search(wanted, held, default=not_asked, encoders=ENCODERS) == space


@pytest.mark.parametrize(
    ("by_default", "held", "space"),
    [
        (WITH_VA, BOTH_DEFAULTS, VA),
        (WITHOUT_VA, BOTH_DEFAULTS, CAMP),
        (WITH_VA, TWO, VA),
        (WITHOUT_VA, TWO, VA),  # its embeddings are there, whatever is on the machine
    ],
)
def test_among_several_spaces_that_of_a_default_encoder_is_searched(
    by_default: Defaults, held: dict[str, str], space: str
) -> None:
    assert space_to_search(None, held, default=lambda: by_default, encoders=ENCODERS) == space


@pytest.mark.parametrize("wanted", [None, "anime-va"])
def test_of_several_spaces_of_one_encoder_the_oldest_is_searched_until_another_is_adopted(wanted: str | None) -> None:
    def chosen(adopted: str | None) -> str:
        return space_to_search(wanted, TWO_OF_ONE_ENCODER, default=lambda: WITH_VA, encoders=ENCODERS, adopted=adopted)

    assert (chosen(None), chosen(VA), chosen(OLDER_VA)) == (OLDER_VA, VA, OLDER_VA)


@pytest.mark.parametrize(
    ("wanted", "space"), [(None, RE), ("resemblyzer", RE), ("anime-va", VA), (VA, VA), (CAMP, CAMP)]
)
def test_an_adopted_space_is_searched_unless_another_is_named(wanted: str | None, space: str) -> None:
    found = space_to_search(wanted, BOTH_DEFAULTS, default=not_asked, encoders=ENCODERS, adopted=RE)
    assert found == space


@pytest.mark.parametrize(
    ("wanted", "own_weights", "chosen"),
    [
        (None, False, VA),
        (None, True, VA),  # whose weights are then checked: others are not passed over in silence
        ("anime-va", False, VA),
        ("anime-va", True, "anime-va"),  # a space of one's own weights begins
        ("campplus", False, "campplus"),
        (OLDER_VA, False, OLDER_VA),
    ],
)
def test_new_voices_are_embedded_in_the_adopted_space_unless_another_is_named(
    wanted: str | None, own_weights: bool, chosen: str
) -> None:
    found = encoder_to_embed(
        wanted, TWO_OF_ONE_ENCODER, default=not_asked, encoders=ENCODERS, adopted=VA, own_weights=own_weights
    )
    assert found == Choice(chosen, None)


@pytest.mark.parametrize("wanted", [None, "of-others", "of-others@123456789012"])
def test_a_space_of_an_encoder_that_this_program_does_not_have_is_searched(wanted: str | None) -> None:
    """Each process of `serve --processes` is told the whole name, and ended where that was refused."""
    imported = {"of-others@123456789012": "of-others"}
    assert space_to_search(wanted, imported, default=not_asked, encoders=ENCODERS) == "of-others@123456789012"


def test_an_adopted_space_that_the_catalog_has_no_clips_of_is_passed_over() -> None:
    assert space_to_search(None, ONE, default=not_asked, encoders=ENCODERS, adopted=VA) == RE
    assert encoder_to_embed(None, ONE, default=not_asked, encoders=ENCODERS, adopted=VA) == Choice(RE, None)


@pytest.mark.parametrize(
    ("wanted", "held", "error", "words"),
    [
        (None, NOTHING, CatalogError, "holds no voices yet"),
        ("resemblyzer", NOTHING, CatalogError, "holds no voices yet"),
        ("anime-va", ONE, CatalogError, f"holds no embeddings of anime-va, only of {RE}"),
        (VA, ONE, CatalogError, f"holds no embeddings of {VA}, only of {RE}"),
        (OLDER_VA, TWO, CatalogError, f"holds no embeddings of {OLDER_VA}"),
        (None, NO_DEFAULT, CatalogError, "several spaces"),
        ("nobody", ONE, EncoderError, "There is no encoder 'nobody'. The encoders are anime-va, resemblyzer, campplus"),
        ("nobody@123456789012", ONE, EncoderError, "There is no encoder 'nobody'"),
        ("nobody", NOTHING, EncoderError, "There is no encoder 'nobody'"),
    ],
)
def test_a_space_that_cannot_be_told_is_an_error_that_says_why(
    wanted: str | None, held: dict[str, str], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words.replace("(", "[(]")):
        space_to_search(wanted, held, default=lambda: WITH_VA, encoders=ENCODERS)


@pytest.mark.parametrize(
    ("wanted", "held", "chosen"),
    [
        (None, ONE, RE),  # the only space goes on
        ("resemblyzer", NOTHING, "resemblyzer"),
        ("anime-va", ONE, "anime-va"),  # a second space begins
        (VA, ONE, VA),
    ],
)
def test_new_voices_are_embedded_by_what_is_wanted_or_the_only_space(
    wanted: str | None, held: dict[str, str], chosen: str
) -> None:
    assert encoder_to_embed(wanted, held, default=not_asked, encoders=ENCODERS) == Choice(chosen, None)


@pytest.mark.parametrize(
    ("by_default", "held", "choice"),
    [
        (WITH_VA, NOTHING, Choice("anime-va", WITH_VA.reason)),
        (WITHOUT_VA, NOTHING, Choice("campplus", WITHOUT_VA.reason)),
        (WITHOUT_VA, NO_DEFAULT, Choice("campplus", WITHOUT_VA.reason)),
        (WITHOUT_VA, BOTH_DEFAULTS, Choice("campplus", WITHOUT_VA.reason)),
        (WITHOUT_VA, TWO, Choice("anime-va", None)),  # they join the voices that are searched
        (WITH_VA, TWO_OF_ONE_ENCODER, Choice("anime-va", WITH_VA.reason)),
    ],
)
def test_new_voices_are_otherwise_embedded_by_a_default_encoder(
    by_default: Defaults, held: dict[str, str], choice: Choice
) -> None:
    assert encoder_to_embed(None, held, default=lambda: by_default, encoders=ENCODERS) == choice


@pytest.mark.parametrize(
    ("wanted", "held"), [("nobody", NOTHING), ("nobody@41d5ad6b5c75", ONE), (None, {"nobody@1": "nobody"})]
)
def test_an_unknown_encoder_embeds_nothing(wanted: str | None, held: dict[str, str]) -> None:
    with pytest.raises(EncoderError, match="There is no encoder 'nobody'"):
        encoder_to_embed(wanted, held, default=not_asked, encoders=ENCODERS)


def test_a_checkpoint_is_taken_for_weights_of_anime_va(tmp_path: Path) -> None:
    (tmp_path / "embedding_model.pth").write_bytes(b"fine-tuned")
    for checkpoint in (tmp_path, tmp_path / "embedding_model.pth"):
        assert defaults(checkpoint).names == ("anime-va", "campplus")
        assert "--encoder campplus" in defaults(checkpoint).reason


def test_a_checkpoint_with_the_weights_of_campplus_makes_campplus_the_default(tmp_path: Path) -> None:
    published = resolve("campplus").path
    for checkpoint in (published, published.parent):
        assert defaults(checkpoint).names == ("campplus", "anime-va")
        assert "--encoder anime-va" in defaults(checkpoint).reason


def test_a_missing_checkpoint_leaves_campplus(tmp_path: Path) -> None:
    assert defaults(tmp_path / "none.pth").names[0] == "campplus"


def test_the_encoder_of_a_space_is_what_stands_before_its_weights() -> None:
    assert [encoder_of(name) for name in (VA, "anime-va")] == ["anime-va", "anime-va"]
