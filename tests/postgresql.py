"""PostgreSQL databases for tests: making one takes much longer than emptying one that a test is done with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

import psycopg
from sqlalchemy import Connection, make_url, text

from speaker_search.catalog.database import open_catalog

#: What no test may have changed in a catalog that is used again: its own rows, and how its tables are made.
KEPT = """SELECT (SELECT array_agg(c::text) FROM catalog c), (SELECT array_agg(v::text) FROM alembic_version v),
    (SELECT count(*) FROM pg_class), (SELECT sum(xmin::text::bigint) FROM pg_attribute),
    (SELECT sum(xmin::text::bigint) FROM pg_constraint), (SELECT count(*) FROM pg_trigger)"""
EMPTY = """DO $$
    DECLARE
        name regclass;
        filled text;
        holds boolean;
    BEGIN
        FOR name IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
                AND relname NOT IN ('catalog', 'alembic_version') LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM %s)', name) INTO holds;
            IF holds THEN filled := concat_ws(', ', filled, name); END IF;
        END LOOP;
        IF filled IS NOT NULL THEN EXECUTE 'TRUNCATE ' || filled || ' CASCADE'; END IF;
        FOR name IN SELECT format('%I.%I', schemaname, sequencename) FROM pg_sequences WHERE last_value IS NOT NULL LOOP
            EXECUTE format('ALTER SEQUENCE %s RESTART', name);
        END LOOP;
    END $$"""
OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"


class Databases:
    """The databases of a server, and which of them hold a new catalog that nobody uses."""

    def __init__(self, url: str, admin: Connection) -> None:
        self._url = url
        self._admin = admin
        self._new: list[str] = []
        self._kept: object = None

    @contextmanager
    def empty(self) -> Iterator[str]:
        """The URL of a new, empty database, until the test is over."""
        url = self._made("template1")
        yield url
        self._drop(url)

    @contextmanager
    def catalog(self) -> Iterator[str]:
        """The URL of a database that holds a new catalog, until the test is over."""
        if self._kept is None:
            self._admin.execute(text("CREATE DATABASE catalog_template"))
            template = self._of("catalog_template")
            open_catalog(template).close()
            with psycopg.connect(template) as connection:
                self._kept = connection.execute(KEPT).fetchone()
        url = self._new.pop() if self._new else self._made("catalog_template")
        yield url
        if self._made_new(url):
            self._new.append(url)
        else:
            self._drop(url)

    def _made_new(self, url: str) -> bool:
        """Empty the catalog; false where a test has changed more than rows, or cut the way to it."""
        with suppress(psycopg.Error), psycopg.connect(url, autocommit=True) as connection:
            connection.execute(OTHERS, [connection.info.backend_pid])
            if connection.execute(KEPT).fetchone() == self._kept:
                connection.execute(EMPTY)
                return True
        return False

    def _of(self, name: str) -> str:
        return self._url.replace("/postgres?", f"/{name}?", 1)

    def _made(self, template: str) -> str:
        name = f"test_{uuid4().hex[:12]}"
        self._admin.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))
        return self._of(name)

    def _drop(self, url: str) -> None:
        self._admin.execute(text(f"DROP DATABASE {make_url(url).database} WITH (FORCE)"))
