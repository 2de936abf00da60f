"""Reads one kind of object storage through fsspec: S3, Google Cloud Storage, or Hugging Face's datasets."""

from __future__ import annotations

import importlib
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

from speaker_search.entities import ObjectPath
from speaker_search.errors import UsageError
from speaker_search.sources.objects.store_errors import ObjectError, translated

CONNECT_S = 10.0
ANSWER_S = 20.0
TRIES = 3  # of a request that got no answer
READS = 2  # of an answer that broke off
CONNECTIONS = 32
AWAY_S = 15.0  # how long a bucket that does not answer is not asked again
_OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {
        "config_kwargs": {
            "connect_timeout": CONNECT_S,
            "read_timeout": ANSWER_S,
            "retries": {"mode": "standard", "total_max_attempts": TRIES},
            "max_pool_connections": CONNECTIONS,
        },
        "use_listings_cache": False,
    },
    "gs": {"use_listings_cache": False, "requests_timeout": ANSWER_S},
    "hf": {},
}
_TIMES = ("LastModified", "mtime", "updated", "last_modified", "created")  # as the libraries call it
_VERSIONS = ("ETag", "etag", "blob_id", "sha256")
_NS = 1_000_000_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Held:
    """An object as its store lists it."""

    key: str  #: with the bucket in front
    size: int  #: bytes
    mtime_ns: int
    version: str  #: another one as soon as the object is written anew


class Store:
    """Reads objects, from any number of threads. Raises ObjectError for everything that goes wrong."""

    def __init__(self, scheme: str) -> None:
        """Raises UsageError when the library for this kind of storage is not installed."""
        self._files = _file_system(scheme)
        self._lock = threading.Lock()
        self._folders: dict[ObjectPath, bool] = {}  # asked for every clip in it, and each answer takes a request
        self._away: dict[ObjectPath, tuple[float, ObjectError]] = {}  # buckets, until when, and why

    def below(self, folder: ObjectPath) -> Iterator[Held]:
        """All objects in and below a folder, by one listing; also the object of exactly this key.

        A bucket that did not answer a moment ago is asked again.
        """
        with self._lock:
            self._away.pop(folder.bucket, None)
        self._files.invalidate_cache()
        listed: dict[str, Any] = self._ask(folder, lambda: self._files.find(folder.key, detail=True))
        while listed:  # a million of the library's dicts take a gigabyte: let each go
            _, about = listed.popitem()
            if about["type"] == "file":
                yield _held(about)

    def level(self, folder: ObjectPath) -> list[str]:
        """The names of the folders directly in a folder."""
        self._files.invalidate_cache()
        found = self._ask(folder, lambda: self._files.ls(folder.key, detail=True))
        names = (about["name"].rstrip("/").rpartition("/")[2] for about in found if about["type"] == "directory")
        return sorted(name for name in names if name)

    def status(self, place: ObjectPath) -> Held | None:
        """An object; None for a folder."""
        about = self._ask(place, lambda: self._files.info(place.key))
        return None if about["type"] == "directory" else _held(about)

    def is_folder(self, place: ObjectPath) -> bool:
        """Whether it is a folder and not an object. What it was first stays: programs do not swap the two."""
        known = self._folders.get(place)
        if known is None:
            known = self._folders[place] = self.status(place) is None
        return known

    def read(self, place: ObjectPath, start: int, stop: int) -> bytes:
        """The bytes from `start` to `stop`, or to the end if that comes first; `start` must be before the end."""
        data = self._ask(place, lambda: self._files.cat_file(place.key, start=start, end=stop))
        return bytes(data)

    def _ask(self, place: ObjectPath, request: Callable[[], T]) -> T:
        bucket = place.bucket
        with self._lock:
            until, error = self._away.get(bucket, (0.0, None))
        if error is not None and time.monotonic() < until:
            raise ObjectError(error.errno or 0, error.strerror or "", error.mend, away=True)
        try:
            return request()
        except Exception as raised:  # noqa: BLE001  # of botocore, aiohttp, google.auth…: not all are OSErrors
            found = translated(raised, place)
            if found.away:
                with self._lock:
                    self._away[bucket] = (time.monotonic() + AWAY_S, found)
            raise found from None  # the cause may name credentials


@cache
def store(scheme: str) -> Store:
    """The store of this process for a kind of address. Raises UsageError when its library is not installed."""
    return Store(scheme)


def _file_system(scheme: str) -> Any:  # fsspec has no types
    try:
        fsspec = importlib.import_module("fsspec")
        files = fsspec.filesystem(scheme, skip_instance_cache=True, **_OPTIONS[scheme])
    except ImportError as error:
        raise UsageError(
            f"{scheme}:// addresses need the extra `objects`.",
            "Install it with `pip install 'speaker-search[objects]'`.",
        ) from error
    if scheme == "s3":
        files.retries = READS
    return files


def _held(about: dict[str, Any]) -> Held:
    version = next((str(about[name]).strip('"') for name in _VERSIONS if about.get(name)), "")
    changed = next((time for name in _TIMES if (time := _seconds(about.get(name))) is not None), 0)
    # Stores keep whole seconds, and Hugging Face lists no times. The version tells within a second.
    mtime_ns = changed * _NS + zlib.crc32(version.encode()) % _NS
    return Held(about["name"].lstrip("/"), int(about["size"] or 0), mtime_ns, f"{version}-{mtime_ns}")


def _seconds(written: object) -> int | None:
    """Seconds since 1970 of a time as libraries give it."""
    if isinstance(written, str):
        try:
            written = datetime.fromisoformat(written)
        except ValueError:
            return None
    if not isinstance(written, datetime):
        return None
    return int((written if written.tzinfo else written.replace(tzinfo=UTC)).timestamp())
