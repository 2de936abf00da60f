"""A user's own weights, copied into the home: a space can be searched as long as its weights can be found."""

from __future__ import annotations

import shutil
from pathlib import Path

from speaker_search.encoders.weights import SOURCES, Weights, resolve
from speaker_search.errors import EncoderError, UsageError
from speaker_search.new_file import new_file

FOLDER = "weights"  # in the home; each file is named after its space


def kept_weights(home: Path, space: str) -> Path | None:
    """The copy of the weights that a space was made with; None where none was kept."""
    path = home / FOLDER / space
    return path if path.is_file() else None


def check_copy(path: Path) -> None:
    """Raises EncoderError when a kept copy no longer has the weights of its space."""
    space = path.name
    if resolve(space.partition("@")[0], path).space != space:
        raise EncoderError(
            f"{path} is not the file that {space} was made with: it was damaged or replaced.",
            f"Put the file back, or set SPKSEARCH_CHECKPOINT to it and run `spksearch adopt {space}`.",
        )


def find_weights(home: Path, space: str, checkpoint: Path | None) -> Weights:
    """The weights that a space was made with: kept, in `checkpoint`, or published. Raises EncoderError.

    Nothing is downloaded.
    """
    name = space.partition("@")[0]
    if name not in SOURCES:
        raise EncoderError(f"There is no encoder {name!r}.", f"The encoders are {', '.join(SOURCES)}.")
    why = f"they are not the published ones of {name}."
    for given in (kept_weights(home, space), checkpoint, None):
        try:
            found = resolve(name, given, download=False)
        except EncoderError as error:
            why = error.detail
        else:
            if found.space == space:
                return found
    raise EncoderError(
        f"The weights of {space} are not on this machine: {why}",
        "Name them in SPKSEARCH_CHECKPOINT: from then on a copy in the home is used.",
    )


def keep_weights(home: Path, found: Weights) -> None:
    """Copy a user's own weights into the home, where they are found from now on; published ones stay where they are.

    Raises UsageError when they cannot be written.
    """
    place = home / FOLDER / found.space
    if SOURCES[found.name].sha256 == found.sha256 or place == found.path or _is_copy(place, found):
        return
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{place.parent} cannot be made: {error.strerror}.", "Make it, or make room there.") from error
    with new_file(place, replace=True) as copy:
        shutil.copyfile(found.path, copy)


def _is_copy(place: Path, found: Weights) -> bool:
    return place.is_file() and resolve(found.name, place).sha256 == found.sha256
