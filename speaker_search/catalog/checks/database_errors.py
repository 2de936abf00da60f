"""The database's errors as ours, in sentences that show no password."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from speaker_search.catalog import schema
from speaker_search.errors import CatalogAwayError, CatalogConflictError, CatalogError

POOL_TIMEOUT_S = 300.0  # how long a use case waits for a connection: many clients make answers slow, not fail


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """The database's errors as ours."""
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
        if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_NOTADB:
            raise schema.not_a_database(url.database) from error
        if _is_damage(error.orig):
            raise damaged(url, reason) from error
        mend = (
            "Check that the server runs and that the database URL is right."
            if url.get_backend_name() == "postgresql"
            else "Check the file and its folder, or set SPKSEARCH_HOME to another folder."
        )
        raise _kind(error)(f"The catalog at {shown_url(url)} cannot be used: {reason}.", mend) from error
    except PoolTimeoutError as error:
        raise CatalogAwayError(
            f"The catalog at {shown_url(url)} has had no free connection for {POOL_TIMEOUT_S:g} s.", "Try again later."
        ) from error
    except SQLAlchemyError as error:
        raise CatalogError(f"The catalog at {shown_url(url)} cannot be used: {error}.") from error


def _is_damage(error: BaseException | None) -> bool:
    """Whether the database says that what it has stored cannot be read."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_CORRUPT:
        return True
    # A text that is no longer UTF-8; PostgreSQL's data_corrupted and index_corrupted.
    return str(error).startswith("Could not decode") or getattr(error, "sqlstate", None) in ("XX001", "XX002")


def _kind(error: DBAPIError) -> type[CatalogError]:
    """The error class that tells a caller to wait for the server, to retry, or to give up."""
    if not error.orig.__class__.__module__.startswith("psycopg"):
        return CatalogError
    state = getattr(error.orig, "sqlstate", None)  # none when there was no connection at all
    if str(state).startswith("40"):
        return CatalogConflictError
    lost = error.connection_invalidated or (state is None and isinstance(error, OperationalError))
    return CatalogAwayError if lost or str(state).startswith(("57P", "08")) else CatalogError


def shown_url(url: URL) -> str:
    """The URL without its passwords; its query may hold some too."""
    return url.difference_update_query(["password", "sslpassword"]).render_as_string()


def damaged(url: URL, how: str) -> CatalogError:
    """The error of a catalog that its database, or a check of it, has found to be damaged."""
    elsewhere = "move the file away" if url.get_backend_name() == "sqlite" else "take an empty database"
    return CatalogError(
        f"The catalog at {shown_url(url)} is damaged: {how}.",
        f"Restore a backup; without one, {elsewhere} and ingest your folders again.",
    )


def replaced(url: URL) -> CatalogError:
    return CatalogError(
        f"The catalog at {shown_url(url)} was deleted or replaced while it was in use.",
        "What was being stored, if anything, is lost. Start again; if this was a mistake, restore the old one first.",
    )
