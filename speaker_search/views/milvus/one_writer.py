"""One writer at a time, of all programs that share a catalog and its collections."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager

from sqlalchemy import Connection, case, func, select

from speaker_search.errors import IndexUnusableError

LOCK = 0x5350_4B4D << 31  # an arbitrary number for PostgreSQL's advisory lock; the lower half names the collection


@contextmanager
def turn(connection: Connection, name: str) -> Iterator[bool]:
    """Whether this program may write to the collection `name` until the end: False while another one does, and for one
    that reads a standby of PostgreSQL.

    It is asked for within a transaction of the catalog. The database takes the lock from a program that dies.
    """
    key = LOCK | zlib.crc32(name.encode()) >> 1
    if connection.dialect.name == "postgresql":  # held until the transaction ends; a standby's locks are its own
        primary = case((func.pg_is_in_recovery(), False), else_=func.pg_try_advisory_xact_lock(key))
        yield bool(connection.execute(select(primary)).scalar_one())
        return
    database = connection.engine.url.database
    if not database or database == ":memory:":  # nobody shares it
        yield True
        return
    # SQLite has no such locks, but it locks files on every system: this one holds nothing.
    with closing(sqlite3.connect(f"{database}-index.lock", timeout=0, isolation_level=None)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise IndexUnusableError(
                    f"{database}-index.lock cannot be written: {error}.",
                    "Make its folder writable: programs that share an index in Milvus take turns by this file.",
                ) from error
            yield False
        else:
            yield True
