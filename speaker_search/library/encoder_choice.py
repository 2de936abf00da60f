"""Chooses the space to search, and the encoder for new voices. Nothing else decides this."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from speaker_search.encoders import weights
from speaker_search.errors import CatalogError, EmptyCatalogError, EncoderError

FOR_ACTING = "anime-va"  #: the best for acted Japanese, where its weights have been downloaded
FOR_ALL = "campplus"  #: for everything else, and needs no download


@dataclass(frozen=True, slots=True)
class Defaults:
    """The encoders to use where none was chosen."""

    names: tuple[str, ...]  #: the first one, unless the catalog has voices of a later one and none of its own
    reason: str  #: why the first one, and how to get the other; shown to people


@dataclass(frozen=True, slots=True)
class Choice:
    """The encoder that new voices are embedded with, or a space of one."""

    name: str
    reason: str | None  #: why this one, when the program had to choose


def defaults(checkpoint: Path | None) -> Defaults:
    """anime-va if its weights are on this machine or `checkpoint` holds them, otherwise campplus. Downloads nothing."""
    try:
        found = weights.resolve(FOR_ACTING, checkpoint, download=False)
    except EncoderError as error:
        why = error.detail
    else:
        if found.sha256 != weights.SOURCES[FOR_ALL].sha256:
            reason = (
                f"No encoder was chosen, so {FOR_ACTING} is used: its weights are on this machine. "
                f"For voices other than acted Japanese, use --encoder {FOR_ALL}."
            )
            return Defaults((FOR_ACTING, FOR_ALL), reason)
        why = f"SPKSEARCH_CHECKPOINT names the weights of {FOR_ALL}."
    reason = (
        f"No encoder was chosen, so {FOR_ALL} is used. {why} "
        f"For acted Japanese voices --encoder {FOR_ACTING} is better; it downloads 83 MB."
    )
    return Defaults((FOR_ALL, FOR_ACTING), reason)


def space_to_search(
    wanted: str | None,
    held: Mapping[str, str],
    *,
    default: Callable[[], Defaults],
    encoders: Collection[str],
    adopted: str | None = None,
) -> str:
    """The space to search, such as "anime-va@41d5ad6b5c75".

    `wanted` is an encoder's name, a space, or None: the catalog's only space, the one that was `adopted`, or a default
    encoder's among several. Of several spaces of one encoder it is the adopted one, or else the oldest.
    `held` gives the encoder of each space in the catalog, oldest first; `encoders` are all known encoders. `default`
    is only called when the answer depends on it.
    Raises EncoderError for an encoder that neither this program nor the catalog knows; CatalogError when no space of
    the catalog fits, or several do.
    """
    if wanted is not None and wanted not in held and wanted not in held.values():
        _check(wanted, encoders)
    if not held:
        raise EmptyCatalogError
    fitting = [space for space, encoder in held.items() if wanted in (None, encoder, space)]
    if adopted in fitting:
        return adopted
    if len(fitting) > 1 and wanted is None:
        fitting = _of_defaults(held, default()) or fitting
    names = ", ".join(held)
    if not fitting:
        raise CatalogError(
            f"The catalog holds no embeddings of {wanted}, only of {names}.",
            f"Name one of these with --encoder, or run `spksearch ingest --encoder {wanted} FOLDER`.",
        )
    if len({held[space] for space in fitting}) > 1:
        raise CatalogError(
            f"The catalog holds several spaces: {names}.",
            "Name one with --encoder or SPKSEARCH_ENCODER, or `spksearch adopt` one.",
        )
    return fitting[0]


def encoder_to_embed(
    wanted: str | None,
    held: Mapping[str, str],
    *,
    default: Callable[[], Defaults],
    encoders: Collection[str],
    adopted: str | None = None,
    own_weights: bool = False,
) -> Choice:
    """The encoder, or the space of one, that new voices are embedded with. Raises EncoderError for an unknown one.

    `wanted` is an encoder's name, a space, or None: the adopted space, the catalog's only one, or else a default
    encoder: the one that is searched, if the catalog has voices of any. An encoder's name means its adopted space, too,
    unless `own_weights` are given for it, which begin a space of their own. `held`, `default`, `encoders` and `adopted`
    are as for `space_to_search`.
    """
    reason = None
    if adopted is not None and adopted in held and (wanted is None or (wanted == held[adopted] and not own_weights)):
        wanted = adopted
    elif wanted is None and len(held) == 1:
        wanted = next(iter(held))
    elif wanted is None:
        by_default = default()
        searched = _of_defaults(held, by_default)
        wanted = held[searched[0]] if searched else by_default.names[0]
        reason = by_default.reason if wanted == by_default.names[0] else None
    _check(wanted, encoders)
    return Choice(wanted, reason)


def encoder_of(name: str) -> str:
    """The encoder's name, from itself or from the name of a space: "anime-va" for "anime-va@41d5ad6b5c75"."""
    return name.partition("@")[0]


def _of_defaults(held: Mapping[str, str], by_default: Defaults) -> list[str]:
    """The catalog's spaces of the first default encoder that it has voices of."""
    spaces = ([space for space, encoder in held.items() if encoder == name] for name in by_default.names)
    return next(filter(None, spaces), [])


def _check(wanted: str, encoders: Collection[str]) -> None:
    if encoder_of(wanted) not in encoders:
        raise EncoderError(f"There is no encoder {encoder_of(wanted)!r}.", f"The encoders are {', '.join(encoders)}.")
