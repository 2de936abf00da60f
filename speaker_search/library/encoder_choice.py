"""Chooses the space to search, and the encoder for new voices. Nothing else decides this."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from speaker_search.errors import CatalogError, EncoderError


def space_to_search(wanted: str | None, held: Mapping[str, str], *, default: str, encoders: Collection[str]) -> str:
    """The space to search, such as "anime-va@41d5ad6b5c75".

    `wanted` is an encoder's name, a space, or None: the catalog's only space, or the `default` encoder's among several.
    `held` gives the encoder of each space in the catalog, oldest first; `encoders` are all known encoders.
    Raises EncoderError for an unknown encoder; CatalogError when no space of the catalog fits, or several do.
    """
    if wanted is not None:
        _check(wanted, encoders)
    if not held:
        raise CatalogError("The catalog holds no voices yet.", "Ingest some first: `spksearch ingest FOLDER`.")
    fitting = [space for space, encoder in held.items() if wanted in (None, encoder, space)]
    if len(fitting) > 1 and wanted is None:
        fitting = [space for space in fitting if held[space] == default] or fitting
    names = ", ".join(held)
    if not fitting:
        raise CatalogError(
            f"The catalog holds no embeddings of {wanted}, only of {names}.",
            f"Name one of these with --encoder, or run `spksearch ingest --encoder {wanted} FOLDER`.",
        )
    if len(fitting) > 1:
        raise CatalogError(
            f"The catalog holds several spaces: {names}.", "Name one with --encoder or SPKSEARCH_ENCODER."
        )
    return fitting[0]


def encoder_to_embed(wanted: str | None, held: Mapping[str, str], *, default: str, encoders: Collection[str]) -> str:
    """The encoder, or the space of one, that new voices are embedded with. Raises EncoderError for an unknown one.

    `wanted` is an encoder's name, a space, or None: the catalog's only space, or else the `default` encoder.
    `held` and `encoders` are as for `space_to_search`.
    """
    if wanted is None:
        wanted = next(iter(held)) if len(held) == 1 else default
    _check(wanted, encoders)
    return wanted


def encoder_of(name: str) -> str:
    """The encoder's name, from itself or from the name of a space: "anime-va" for "anime-va@41d5ad6b5c75"."""
    return name.partition("@")[0]


def _check(wanted: str, encoders: Collection[str]) -> None:
    if encoder_of(wanted) not in encoders:
        raise EncoderError(f"There is no encoder {encoder_of(wanted)!r}.", f"The encoders are {', '.join(encoders)}.")
