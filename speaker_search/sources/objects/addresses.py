"""Addresses in object storage as people write them."""

from __future__ import annotations

import re
from pathlib import Path

from speaker_search.entities import SCHEMES, ObjectPath, Place
from speaker_search.errors import UsageError

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)  # two letters at least: C:// is a drive
_LOST_SLASH = re.compile(rf"(?:{'|'.join(SCHEMES)}):[/\\](?![/\\])")  # what Path makes of an address
_KINDS = ", ".join(f"{scheme}://" for scheme in SCHEMES)
_ELSEWHERE = (
    "Credentials are read from the environment, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE; "
    "the endpoint from AWS_ENDPOINT_URL."
)


def place_given(written: str | Path) -> Place:
    """The place that a person has named: an address without its trailing slashes, or else a path.

    Raises UsageError for addresses of other kinds, with credentials in them, or without a bucket.
    """
    if isinstance(written, Path):
        if _LOST_SLASH.match(str(written)):
            raise UsageError(f"{written} was an address before it became a Path.", "Give addresses as text.")
        return written
    found = _ADDRESS.fullmatch(written)
    if found is None:
        return Path(written)
    scheme, key = found[1].lower(), found[2].strip("/")
    if set("@:?") & set(key.partition("/")[0]):
        # The address is not repeated: it may hold a secret.
        raise UsageError(f"The {scheme}:// address holds more than a bucket and a folder.", _ELSEWHERE)
    if scheme not in SCHEMES:
        raise UsageError(f"Voices are not read from {scheme}:// addresses.", f"Name a folder, or one of {_KINDS}.")
    if scheme == "hf" and not re.fullmatch(r"datasets/[^/]+/[^/]+(/.*)?", key, re.DOTALL):
        raise UsageError(f"{scheme}://{key} names no dataset.", "Write hf://datasets/OWNER/NAME.")
    if not key:
        raise UsageError(f"{scheme}:// names no bucket.", f"Write {scheme}://BUCKET/FOLDER.")
    if not is_plain(key):
        raise UsageError(f"{scheme}://{key} has an empty part, `.` or `..` in it.", "Write the names of folders alone.")
    return ObjectPath(scheme, key)


def is_plain(key: str) -> bool:
    """Whether no part of a key is empty, `.` or `..`: a key with such a part is not a path."""
    return not {"", ".", ".."} & set(key.split("/"))
