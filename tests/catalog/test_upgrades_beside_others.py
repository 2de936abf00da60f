"""Upgrading a catalog while other programs use it: they end their transactions first, and begin none they would not
understand.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from catalog.conftest import PATIENCE_S
from sqlalchemy import Engine, create_engine, text

from speaker_search.catalog import schema, tables
from speaker_search.catalog.database import Catalog, open_catalog, upgrade_catalog
from speaker_search.errors import CatalogError

#: A program that opens the catalog and then does what each line of its input says.
PROGRAM = """
import sys
from speaker_search.catalog import tables
from speaker_search.catalog.database import open_catalog
from speaker_search.errors import CatalogError
catalog = open_catalog(sys.argv[1])
print("open", flush=True)
for line in sys.stdin:
    try:
        if line == "write\\n":
            with catalog.write() as connection:
                connection.execute(tables.makers.insert().values(name="Maker", key="maker"))
        elif line == "hold\\n":
            with catalog.write() as connection:
                connection.execute(tables.makers.insert().values(name="Held", key="held"))
                print("holding", flush=True)
                sys.stdin.readline()
        else:
            with catalog.read() as connection:
                connection.execute(tables.makers.select()).all()
        print("done", flush=True)
    except CatalogError as error:
        print(error, flush=True)
"""
NEWER = "9999"
UPGRADED = "UPDATE alembic_version SET version_num = '9999'"  # what a newer program's migrations end with


class Program:
    def __init__(self, url: str) -> None:
        words = [sys.executable, "-c", PROGRAM, url]
        self._running = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        assert self.line() == "open"

    def do(self, what: str) -> str:
        self.begin(what)
        return self.line()

    def begin(self, what: str) -> None:
        assert self._running.stdin is not None
        self._running.stdin.write(f"{what}\n")

    def line(self) -> str:
        assert self._running.stdout is not None
        return self._running.stdout.readline().strip()

    def close(self) -> None:
        self._running.communicate(timeout=PATIENCE_S)


@pytest.fixture
def program(catalog_url: str) -> Iterator[Program]:
    """Another program that has the catalog open."""
    program = Program(catalog_url)
    yield program
    program.close()


@pytest.fixture
def engine(catalog_url: str) -> Iterator[Engine]:
    engine = create_engine(catalog_url.replace("postgresql://", "postgresql+psycopg://", 1))
    yield engine
    engine.dispose()


def makers(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT name FROM makers")).scalars())


@pytest.mark.parametrize("what", ["write", "read"])
def test_a_program_older_than_the_schema_stops_at_its_next_transaction(
    program: Program, engine: Engine, what: str
) -> None:
    assert program.do("read") == "done"
    with schema.migrating(engine) as connection:
        connection.execute(text(UPGRADED))
    said = program.do(what)
    assert said.startswith(f"The catalog now has schema version {NEWER}, and this program began with {schema.HEAD}.")
    assert "start the version that upgraded the catalog" in said
    assert makers(engine) == []


def test_a_migration_waits_for_a_transaction_of_another_program_and_keeps_what_it_wrote(
    program: Program, catalog_url: str, engine: Engine, until_blocked: Callable[[Catalog, int], list[str]]
) -> None:
    watching = open_catalog(catalog_url)
    assert program.do("hold") == "holding"

    def migrate() -> list[str]:
        with schema.migrating(engine) as connection:
            connection.execute(text(UPGRADED))
            return list(connection.execute(text("SELECT name FROM makers")).scalars())

    with ThreadPoolExecutor(1) as pool:
        migrating = pool.submit(migrate)
        if engine.dialect.name == "postgresql":
            assert until_blocked(watching, 1) == ["LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"]
        assert program.do("go on") == "done"
        assert migrating.result(PATIENCE_S) == ["Held"]
    watching.close()
    assert NEWER in program.do("write")


def test_a_transaction_that_begins_during_a_migration_waits_for_it_and_then_refuses(
    postgres_catalog_url: str, until_blocked: Callable[[Catalog, int], list[str]]
) -> None:
    program, watching = Program(postgres_catalog_url), open_catalog(postgres_catalog_url)
    with schema.migrating(watching.engine) as connection:
        connection.execute(text(UPGRADED))
        program.begin("read")
        assert until_blocked(watching, 1) == [f"{schema.HOLD}; {schema.VERSION}"]
    assert NEWER in program.line()
    program.close()
    watching.close()


def test_a_migration_gives_up_where_a_transaction_does_not_end(postgres_catalog: Catalog) -> None:
    def migrate() -> None:
        with schema.migrating(postgres_catalog.engine, wait_s=0.05):
            pytest.fail("It has begun.")

    with postgres_catalog.read(), ThreadPoolExecutor(1) as pool:
        with pytest.raises(CatalogError, match=r"has been reading or writing the catalog for 0.05 s") as refused:
            pool.submit(migrate).result(PATIENCE_S)
        assert "backups and exports" in refused.value.mend
    with postgres_catalog.read() as connection:  # nobody waits for the migration any more
        assert connection.execute(text("SELECT 1")).scalar() == 1


@pytest.fixture
def older(database_url: str) -> Iterator[tuple[str, Engine]]:
    """A catalog of the schema before this one, whose workers may be of a version that does not look at the schema."""
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://", 1))
    with schema.migrating(engine) as connection:
        schema.migrate(connection, schema.known()[1])
        connection.execute(tables.catalog.insert().values(uuid="which"))
    yield database_url, engine
    engine.dispose()


def work(engine: Engine, pid: int, lease_s: float, machine: str = "kumo boot ns") -> None:
    with engine.begin() as connection:
        row = {"machine": machine, "pid": pid, "lease_until": time.time() + lease_s, "in_hand": b""}
        connection.execute(tables.workers.insert().values(**row))


def test_an_upgrade_is_refused_while_workers_work_and_names_them(older: tuple[str, Engine]) -> None:
    url, engine = older
    for pid in (11, 12, 13, 14):
        work(engine, pid, 60.0)
    with pytest.raises(CatalogError) as refused:
        upgrade_catalog(url)
    named = "process 11 on kumo, process 12 on kumo, process 13 on kumo and 1 more"
    assert refused.value.detail == f"Workers use the catalog: {named}."
    with engine.connect() as connection:
        assert schema.revisions(connection) == [schema.known()[1]]


def test_workers_that_have_ended_are_not_waited_for(older: tuple[str, Engine]) -> None:
    url, engine = older
    work(engine, 11, -1.0)
    work(engine, os.getpid(), 60.0)
    assert upgrade_catalog(url, lambda machine, pid: (machine, pid) == ("kumo boot ns", os.getpid())) == schema.HEAD
    open_catalog(url).close()


def test_a_catalog_that_needs_no_upgrade_is_left_alone_while_workers_work(catalog: Catalog, catalog_url: str) -> None:
    work(catalog.engine, 11, 60.0)
    assert upgrade_catalog(catalog_url) == schema.HEAD
