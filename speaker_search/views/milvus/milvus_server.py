"""A Milvus server: its address, and its failures as sentences."""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from speaker_search.errors import IndexUnusableError, UsageError

PORT = 19530
TIMEOUT_S = 10.0  # of each request
WRITING_TIMEOUT_S = 60.0  # likewise, of those that write or load
SCHEMES = {"milvus": "http", "milvuss": "https"}
MEND = "Check that the server runs and that SPKSEARCH_INDEX_URL is its address; nothing is lost."


@dataclass(frozen=True, slots=True)
class Address:
    """Where a Milvus server is, and as whom to speak to it."""

    uri: str
    database: str
    user: str = field(repr=False)
    password: str = field(repr=False)
    shown: str  #: without user and password


def address(url: str) -> Address:
    """An address from milvus://USER:PASSWORD@HOST:PORT/DATABASE, or milvuss:// with TLS. Raises UsageError."""
    try:
        parts: SplitResult = urlsplit(url)
        host, port = parts.hostname, parts.port or PORT
    except ValueError:
        raise _unreadable() from None  # the error has the URL, and that may have a password
    if (
        parts.scheme not in SCHEMES
        or not host
        or parts.query
        or parts.fragment
        or set("/@") & set(parts.path.strip("/"))
    ):
        raise _unreadable()
    named, database = f"[{host}]" if ":" in host else host, unquote(parts.path.strip("/"))
    return Address(
        f"{SCHEMES[parts.scheme]}://{named}:{port}",
        database,
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        f"{parts.scheme}://{named}:{port}" + (f"/{database}" if database else ""),
    )


def _unreadable() -> UsageError:
    return UsageError(
        "SPKSEARCH_INDEX_URL cannot be read.",
        "Write it as milvus://USER:PASSWORD@HOST:PORT/DATABASE, or milvuss:// with TLS; an @ in a password is %40.",
    )


class Server:
    """A Milvus server, connected to when first asked. Any number of threads may use it at once."""

    def __init__(self, url: str) -> None:
        """Raises UsageError for an address that cannot be read."""
        self.address = address(url)
        self._lock = threading.Lock()
        self._client: Any = None

    @contextmanager
    def client(self) -> Iterator[Any]:
        """A pymilvus client. Raises IndexUnusableError for whatever it raises, and UsageError where it is missing."""
        failures = self._failures  # first: finding them is where it is said what is not installed
        try:
            yield self._connected()
        except failures as error:
            raise IndexUnusableError(f"Milvus at {self.address.shown} {_why(error)}.", MEND) from error

    def check(self) -> None:
        """Raise UsageError where pymilvus is missing. The server is not asked."""
        _ = self._pymilvus

    @property
    def types(self) -> Any:
        """The module that has pymilvus's types."""
        return self._pymilvus

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                where = self.address
                self._client = self._pymilvus.MilvusClient(
                    uri=where.uri,
                    user=where.user,
                    password=where.password,
                    db_name=where.database,
                    timeout=TIMEOUT_S,
                )
            return self._client

    @cached_property
    def _pymilvus(self) -> Any:
        try:
            found: Any = importlib.import_module("pymilvus")  # takes seconds
        except ImportError as error:
            raise UsageError(
                "SPKSEARCH_INDEX_URL needs the package pymilvus.",
                "Install it with `pip install 'speaker-search[milvus]'`, or unset SPKSEARCH_INDEX_URL.",
            ) from error
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # it logs every failure with a traceback
        return found

    @cached_property
    def _failures(self) -> tuple[type[Exception], ...]:
        failed: type[Exception] = self._pymilvus.MilvusException
        grpc: Any = importlib.import_module("grpc")  # pymilvus needs it
        return failed, grpc.RpcError


def _why(error: Exception) -> str:
    """What a failure says, in one line and without the request."""
    said: Any = getattr(error, "message", None) or getattr(error, "details", lambda: "")() or type(error).__name__
    line = str(said).splitlines()[0].rstrip(".")
    unanswered = ("Fail connecting", "DEADLINE", "Deadline", "UNAVAILABLE", "failed to connect", "Retry run out")
    if any(words in line or words in str(error) for words in unanswered):
        return "does not answer"
    if "not loaded" in line:  # for a while after it has started
        return "has not loaded the collection yet"
    if "auth" in line.lower():
        return "does not accept the user and password"
    return f"has failed: {line}"
