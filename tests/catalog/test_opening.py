"""Opening a catalog: a new one by several programs at once, and every way in which opening can fail."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Semaphore

import pytest
from catalog.conftest import PATIENCE_S
from sqlalchemy import Pool, create_engine, event, inspect, select, text

from speaker_search.catalog import tables
from speaker_search.catalog.database import Catalog, open_catalog, upgrade_catalog
from speaker_search.catalog.spaces import ensure_space
from speaker_search.errors import CatalogError
from speaker_search.settings import Settings

PROGRAMS = 2
THREADS = 4


def refusal(url: str) -> CatalogError:
    """The error of opening it, and of upgrading it: the same one line, without the password."""
    errors: list[CatalogError] = []
    for opening in (open_catalog, upgrade_catalog):
        with pytest.raises(CatalogError) as raised:
            opening(url)
        errors.append(raised.value)
    opened, upgraded = (str(error) for error in errors)
    assert opened == upgraded
    assert opened.endswith(".")
    assert "\n" not in opened
    assert "sesame" not in opened
    return errors[0]


def test_opening_twice_gives_the_same_catalog(database_url: str) -> None:
    catalogs = [open_catalog(database_url) for _ in range(2)]
    for catalog in catalogs:
        catalog.close()
    assert catalogs[0].uuid == catalogs[1].uuid


def test_two_catalogs_are_told_apart(tmp_path: Path) -> None:
    catalogs = [open_catalog(f"sqlite:///{tmp_path / name}") for name in ("a.db", "b.db")]
    for catalog in catalogs:
        catalog.close()
    assert catalogs[0].uuid != catalogs[1].uuid


def test_programs_that_open_a_new_database_at_once_make_one_catalog(database_url: str) -> None:
    """Each says when it is ready, and all are let go together."""
    program = (
        "import sys; from speaker_search.catalog.database import open_catalog\n"
        "print('ready', flush=True); sys.stdin.readline(); print(open_catalog(sys.argv[1]).uuid)"
    )
    command = [sys.executable, "-c", program, database_url]
    pipe = subprocess.PIPE
    running = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, bufsize=1) for _ in range(PROGRAMS)
    ]
    for each in running:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in running:
        assert each.stdin is not None
        each.stdin.write("go\n")
    outputs = [each.communicate(timeout=PATIENCE_S) for each in running]
    assert [each.returncode for each in running] == [0] * PROGRAMS, [error for _, error in outputs]
    assert len({uuid for uuid, _ in outputs}) == 1
    catalog = open_catalog(database_url)
    with catalog.read() as connection:
        assert connection.execute(select(tables.catalog.c.uuid)).scalars().all() == [outputs[0][0].strip()]
    catalog.close()


def test_threads_that_open_a_new_database_at_once_make_one_catalog(
    database_url: str, all_at_once: Callable[[Callable[[], object], int], list[object]]
) -> None:
    def open_one() -> str:
        catalog = open_catalog(database_url)
        catalog.close()
        return catalog.uuid

    assert len(set(all_at_once(open_one, THREADS))) == 1


@pytest.fixture
def tries_of_wal() -> Iterator[Semaphore]:
    """Released each time a connection to SQLite begins to switch to a write-ahead log."""
    tries = Semaphore(0)

    def note(statement: str) -> None:
        if "journal_mode" in statement:
            tries.release()

    def watch(connection: sqlite3.Connection, _: object) -> None:
        connection.set_trace_callback(note)

    event.listen(Pool, "connect", watch)
    yield tries
    event.remove(Pool, "connect", watch)


def test_a_new_database_that_another_program_holds_is_waited_for(tmp_path: Path, tries_of_wal: Semaphore) -> None:
    """SQLite does not wait by itself when it switches to a write-ahead log."""
    file = tmp_path / "catalog.db"
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(open_catalog, f"sqlite:///{file}")
        for _ in range(2):  # the second try shows that the first was refused
            assert tries_of_wal.acquire(timeout=PATIENCE_S)
        other.execute("COMMIT")
        opening.result().close()
    other.close()


def test_writers_wait_for_each_other(catalog: Catalog) -> None:
    """No writer is refused because it read before it wrote, and no step is lost."""
    ensure_space(catalog, space="first@1", name="first", dim=1)
    held = tables.encoders.c.dim

    def add_one(_: int) -> None:
        with catalog.write() as connection:
            found = connection.execute(select(held).with_for_update()).scalar_one()
            connection.execute(tables.encoders.update().values(dim=found + 1))

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(add_one, range(40)))
    with catalog.read() as connection:
        assert connection.execute(select(held)).scalar_one() == 41


def test_a_transaction_that_fails_writes_nothing(catalog: Catalog) -> None:
    def write_and_fail() -> None:
        with catalog.write() as connection:
            connection.execute(tables.makers.insert().values(name="Maker", key="maker"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_and_fail()
    with catalog.read() as connection:
        assert connection.execute(select(tables.makers.c.name)).all() == []


def test_a_failing_statement_is_a_catalog_error(catalog: Catalog) -> None:
    with pytest.raises(CatalogError, match="cannot be used"), catalog.read() as connection:
        connection.execute(text("SELECT nothing FROM nowhere"))


def test_the_catalog_is_a_file_in_the_home_unless_a_url_is_given(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    open_catalog(Settings(home=home).url).close()
    assert (home / "catalog.db").is_file()


def test_a_home_with_signs_that_urls_and_alembic_use_holds_a_catalog(tmp_path: Path) -> None:
    home = tmp_path / "夜 100% @home #1 [a+b]"
    open_catalog(Settings(home=home).url).close()
    assert (home / "catalog.db").is_file()


def test_a_server_that_nobody_answers_at_is_refused() -> None:
    with socket.socket() as bound:  # bound and not listening: the port is ours, and closed
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        error = refusal(f"postgresql://ann:sesame@127.0.0.1:{port}/voices")
    assert f"postgresql+psycopg://ann:***@127.0.0.1:{port}/voices cannot be used" in str(error)
    assert error.mend == "Check that the server runs and that the database URL is right."


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "The database URL cannot be read."),
        ("voices.db", "The database URL cannot be read."),
        ("postgresql://ann:sesame@host:many/voices", "The database URL cannot be read."),
        ("postgresql://ann:sesame@[::1/voices", "The database URL cannot be read."),
        ("postgresql://ann:open@sesame@127.0.0.1:1/voices", "The database URL cannot be read."),
        ("mysql://ann:sesame@127.0.0.1/voices", "A catalog cannot be kept in mysql."),
        ("nosuch://ann:sesame@127.0.0.1/voices", "A catalog cannot be kept in nosuch."),
        ("postgresql+nosuch://ann:sesame@127.0.0.1/voices", "The database driver postgresql+nosuch is not known."),
        ("postgresql+asyncpg://ann:sesame@127.0.0.1/v", "The database driver postgresql+asyncpg is not known."),
        ("sqlite+aiosqlite:///voices.db", "The database driver sqlite+aiosqlite is not known."),
        ("postgresql://127.0.0.1:1/voices?user=ann&password=sesame", "cannot be used"),
        ("postgresql://127.0.0.1:1/voices?sslpassword=sesame", "cannot be used"),
        ("postgresql://ann:sesame@127.0.0.1:1/voices?sslmode=odd", "invalid sslmode"),
    ],
)
def test_a_url_that_leads_nowhere_is_refused(url: str, sentence: str) -> None:
    assert sentence in str(refusal(url))


def test_a_file_that_is_not_a_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "catalog.db"
    file.write_text("Dear diary, today I lost my catalog. " * 200)
    error = refusal(f"sqlite:///{file}")
    assert error.detail == f"{file} is not a database."
    assert error.mend == "Set SPKSEARCH_HOME to another folder; if this was your catalog, restore a backup of it."
    assert file.read_text().startswith("Dear diary")


def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "catalog.db"
    open_catalog(f"sqlite:///{file}").close()
    data = bytearray(file.read_bytes())
    data[100:4096] = b"\xff" * 3996  # the list of its tables
    file.write_bytes(data)
    assert "is damaged: database disk image is malformed" in refusal(f"sqlite:///{file}").detail


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE books (id INTEGER)"],
        ["CREATE TABLE catalog (title TEXT)"],
        ["CREATE TABLE alembic_version (version_num TEXT)", "INSERT INTO alembic_version VALUES ('ab12')"],
    ],
)
def test_a_database_of_another_program_is_refused_and_left_alone(
    database_url: str, tmp_path: Path, statements: list[str]
) -> None:
    """Before, tables were created in it; on SQLite its journal mode was changed too."""
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    error = refusal(database_url)
    table = statements[0].split()[2]
    assert f"belongs to another program: it holds {table}." in error.detail
    assert error.mend == "Give an empty database, or set SPKSEARCH_HOME to another folder."
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == [table]
    engine.dispose()


def test_a_file_with_nothing_but_views_of_another_program_is_left_alone(tmp_path: Path) -> None:
    """It was taken for an empty one."""
    file = tmp_path / "views.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE VIEW today AS SELECT date()")
        connection.commit()
    before = file.read_bytes()
    assert "belongs to another program: it holds today." in refusal(f"sqlite:///{file}").detail
    assert file.read_bytes() == before


def test_an_empty_file_becomes_a_catalog_and_a_short_text_does_not(tmp_path: Path) -> None:
    empty, short = tmp_path / "empty.db", tmp_path / "short.db"
    empty.touch()
    open_catalog(f"sqlite:///{empty}").close()
    short.write_text("note")
    assert "short.db is not a database" in refusal(f"sqlite:///{short}").detail
    assert short.read_text() == "note"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_postgresql_is_reached_by_each_of_its_names(scheme: str, postgres_catalog_url: str) -> None:
    catalog = open_catalog(postgres_catalog_url.replace("postgresql", scheme, 1))
    assert catalog.uuid
    catalog.close()


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    assert "unable to open database file" in refusal(f"sqlite:///{tmp_path}").detail


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("in the way")
    error = refusal(f"sqlite:///{tmp_path / 'home' / 'catalog.db'}")
    assert "cannot be made" in error.detail
    assert error.mend == "Set SPKSEARCH_HOME to a folder you can write to."


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has no such permissions")
@pytest.mark.parametrize("inside", ["catalog.db", "new/catalog.db"])
def test_an_unwritable_folder_is_refused(inside: str) -> None:
    """In a program of its own, which gives up root's rights first if it has them: root may write everywhere."""
    with TemporaryDirectory() as place:  # pytest's own folders are for their owner alone
        Path(place).chmod(0o755)
        home = Path(place) / "home"
        home.mkdir(mode=0o555)
        ran = _opened_by_nobody(f"sqlite:///{home / inside}")
    assert ran.returncode == 0, ran.stderr
    sentence = "unable to open database file" if inside == "catalog.db" else "cannot be made: Permission denied"
    assert sentence in ran.stdout
    assert "SPKSEARCH_HOME" in ran.stdout


def _opened_by_nobody(url: str) -> subprocess.CompletedProcess[str]:
    program = (
        "import os, sys; from speaker_search.catalog.database import open_catalog\n"
        "import sqlalchemy.dialects.sqlite.pysqlite, sqlite3, alembic.command\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "from speaker_search.errors import CatalogError\n"
        "try: open_catalog(sys.argv[1])\n"
        "except CatalogError as error: print(error)\n"
    )
    return subprocess.run([sys.executable, "-c", program, url], check=False, capture_output=True, text=True)


def test_a_database_that_another_program_holds_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "catalog.db"
    first = open_catalog(f"sqlite:///{file}")
    with first.write() as connection:
        connection.execute(tables.makers.insert().values(name="Maker", key="maker"))
        again = open_catalog(f"sqlite:///{file}")
        again.close()
    first.close()
    assert again.uuid == first.uuid
    with sqlite3.connect(file) as plain:
        assert plain.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    plain.close()
