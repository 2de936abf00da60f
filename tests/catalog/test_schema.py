"""The migrations make what the tables say, keep what an older catalog holds, and refuse any other schema."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.engine.interfaces import ReflectedCheckConstraint

from speaker_search.catalog import duplicates, log, outcomes, queue, rows, schema, spaces, tables
from speaker_search.catalog.database import Catalog, open_catalog, upgrade_catalog
from speaker_search.catalog.outcomes import Outcome
from speaker_search.errors import CatalogError

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_schema_that_programs_expect_is_the_newest_migration() -> None:
    """Programs compare with a constant, since Alembic takes a fifth of a second to import."""
    assert ScriptDirectory.from_config(schema.migrations()).get_current_head() == schema.HEAD == schema.known()[0]


def test_migrations_equal_tables(catalog: Catalog) -> None:
    with catalog.read() as connection:
        wanted = {"compare_type": True, "compare_server_default": True, "include_object": is_no_foreign_key}
        context = MigrationContext.configure(connection, opts=wanted)
        assert compare_metadata(context, tables.metadata) == []


def is_no_foreign_key(_object: object, _name: object, kind: str, *_rest: object) -> bool:
    """Alembic would miss the foreign keys that only SQLite has; the next test compares them all."""
    return kind != "foreign_key_constraint"


def test_migrations_make_the_same_constraints_as_the_tables(database_url: str, plain_engine: Engine) -> None:
    """Alembic's comparison leaves out check constraints and primary keys."""
    open_catalog(database_url).close()
    migrated = _constraints(plain_engine)
    with plain_engine.begin() as connection:
        tables.metadata.drop_all(connection)
        tables.metadata.create_all(connection)
    assert migrated == _constraints(plain_engine)


def _constraints(engine: Engine) -> dict[str, object]:
    inspector = inspect(engine)

    def sentence(check: ReflectedCheckConstraint) -> tuple[str | None, str]:
        return check["name"], " ".join(check["sqltext"].split())

    return {
        name: (
            inspector.get_pk_constraint(name)["constrained_columns"],
            sorted(sentence(check) for check in inspector.get_check_constraints(name)),
            sorted((*key["constrained_columns"], key["referred_table"]) for key in inspector.get_foreign_keys(name)),
            sorted(tuple(key["column_names"]) for key in inspector.get_unique_constraints(name)),
            sorted(str(index["name"]) for index in inspector.get_indexes(name)),
            sorted((column["name"], str(column["type"]), column["nullable"]) for column in inspector.get_columns(name)),
        )
        for name in tables.metadata.tables
    }


def test_downgrading_leaves_nothing_but_the_version_table(database_url: str, plain_engine: Engine) -> None:
    open_catalog(database_url).close()
    with plain_engine.begin() as connection:
        config = schema.migrations()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert inspect(plain_engine).get_table_names() == ["alembic_version"]


@pytest.mark.parametrize(
    "statement", ["UPDATE alembic_version SET version_num = '9999'", "DELETE FROM alembic_version"]
)
def test_a_catalog_of_an_unknown_schema_is_refused(database_url: str, plain_engine: Engine, statement: str) -> None:
    open_catalog(database_url).close()
    with plain_engine.begin() as connection:
        connection.execute(text(statement))
    found = "9999" if "9999" in statement else "none"
    with pytest.raises(CatalogError, match=f"schema version {found}, which this program does not know") as refusal:
        open_catalog(database_url)
    assert refusal.value.mend.startswith("Use the version of spksearch that wrote it")


def test_a_newer_catalog_is_not_upgraded(database_url: str, plain_engine: Engine) -> None:
    open_catalog(database_url).close()
    with plain_engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(CatalogError, match="schema version 9999, which this program does not know"):
        upgrade_catalog(database_url)


def test_a_catalog_with_two_schema_versions_is_refused(database_url: str, plain_engine: Engine) -> None:
    open_catalog(database_url).close()
    with plain_engine.begin() as connection:
        connection.execute(text("INSERT INTO alembic_version (version_num) VALUES ('9999')"))
    with pytest.raises(CatalogError, match="which this program does not know"):
        open_catalog(database_url)


def test_upgrading_a_catalog_of_this_schema_changes_nothing(database_url: str) -> None:
    catalog = open_catalog(database_url)
    catalog.close()
    upgrade_catalog(database_url)
    again = open_catalog(database_url)
    again.close()
    assert again.uuid == catalog.uuid


@pytest.mark.parametrize("schema_before", ["0001", "0002", "0004"])
def test_a_catalog_of_an_older_schema_keeps_all_it_holds(
    database_url: str, plain_engine: Engine, schema_before: str
) -> None:
    fill(plain_engine, schema_before)
    with pytest.raises(CatalogError, match=f"schema version {schema_before} and this program needs") as refusal:
        open_catalog(database_url)
    assert "spksearch catalog upgrade" in refusal.value.mend
    assert upgrade_catalog(database_url) == schema.HEAD
    kills = 2 if schema_before != "0001" else 0
    fingerprint = b"print" if schema_before != "0001" else None
    catalog = open_catalog(database_url)
    assert catalog.uuid == "which"
    with catalog.read() as connection:
        every = "SELECT id, game_id, character_id, path, seconds, fingerprint FROM clips ORDER BY id"
        clips = connection.execute(text(every)).all()
        vectors = connection.execute(text("SELECT encoder_id, clip_id, vector FROM embeddings ORDER BY 1, 2")).all()
        listed = connection.execute(text("SELECT clip_id, status, kills, reason, detail FROM queue ORDER BY 1")).all()
        copies = connection.execute(text("SELECT path, clip_id FROM copies")).all()
    assert [(*row[:5], row[5] and bytes(row[5])) for row in clips] == [
        (1, 1, 1, "a", 1.5, fingerprint),
        (2, 2, None, "b", None, None),
        (3, 2, None, "c", None, None),
        (4, 2, None, "d", 2.5, None),
    ]
    assert [(*row[:2], bytes(row[2])) for row in vectors] == [(1, 1, b"unit"), (1, 4, b"last"), (2, 1, b"more")]
    waiting = "claimed" if schema_before != "0001" else "pending"
    assert listed == [(2, waiting, kills, None, None), (3, "refused", kills, "silent", "So.")]
    assert copies == ([("e", 1)] if schema_before != "0001" else [])
    catalog.close()


def test_an_upgraded_catalog_can_be_worked_in(database_url: str, plain_engine: Engine) -> None:
    """What was claimed comes back, what was embedded is found by its fingerprint, and the log starts at 1."""
    fill(plain_engine, "0002")
    upgrade_catalog(database_url)
    catalog = open_catalog(database_url)
    one = np.ones(1, np.float32)
    with catalog.write() as connection:
        connection.execute(tables.embeddings.update().values(vector=one.tobytes()))
    with catalog.read() as connection:
        space, _ = spaces.spaces(connection)
        reached = spaces.position(connection, space, catalog.uuid)
        assert duplicates.known_vectors(connection, space, [b"print"])[b"print"] == one
        assert log.touched_between(connection, space.id, 0, reached) is None  # views are rebuilt
    assert queue.release(catalog, lambda machine, pid: (machine, pid) == ("here", 7)) == 1
    claims = queue.Claims(catalog, space.id, machine="here", pid=8)
    (clip,) = claims.claim(10)
    outcomes.store(catalog, space.id, [Outcome(clip.id, 1.0, np.ones(1, np.float32))])
    claims.leave()
    with catalog.read() as connection:
        assert spaces.position(connection, space, catalog.uuid) == reached + 1
        assert log.touched_between(connection, space.id, reached, reached + 1).tolist() == [clip.id]
    catalog.close()


def test_a_catalog_downgraded_and_upgraded_again_keeps_its_queue(database_url: str, plain_engine: Engine) -> None:
    fill(plain_engine, "0004")
    waiting = text("SELECT * FROM queue ORDER BY clip_id")
    with plain_engine.begin() as connection:
        config = schema.migrations()
        config.attributes["connection"] = connection
        before = connection.execute(waiting).mappings().all()
        for way, version in ((command.upgrade, "0005"), (command.downgrade, "0004"), (command.upgrade, "0005")):
            way(config, version)
            assert connection.execute(waiting).mappings().all() == before
    assert [row["clip_id"] for row in before] == [2, 3]


def test_a_catalog_downgraded_and_upgraded_again_keeps_its_embeddings(database_url: str, plain_engine: Engine) -> None:
    """On PostgreSQL the older program's first insert used to fail: its row numbers began at 1 again."""
    fill(plain_engine, "0002")
    with plain_engine.begin() as connection:
        config = schema.migrations()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        command.downgrade(config, "0002")
        more = "INSERT INTO embeddings (encoder_id, clip_id, seq, vector) VALUES (2, 4, 99, CAST('next' AS BLOB))"
        connection.execute(text(in_dialect(more, plain_engine)))
        seqs = connection.execute(text("SELECT encoder_id, clip_id, seq FROM embeddings ORDER BY encoder_id, seq"))
        assert seqs.all() == [(1, 1, 1), (1, 4, 2), (2, 1, 1), (2, 4, 99)]
        assert connection.execute(text("SELECT id, changes FROM encoders ORDER BY id")).all() == [(1, 2), (2, 1)]
        command.upgrade(config, "head")
    catalog = open_catalog(database_url)
    with catalog.read() as connection:
        held = connection.execute(text("SELECT vector FROM embeddings ORDER BY encoder_id, clip_id")).scalars()
        assert [bytes(vector) for vector in held] == [b"unit", b"last", b"more", b"next"]
    catalog.close()


def test_row_numbers_of_clips_and_workers_are_not_given_out_twice(catalog: Catalog) -> None:
    """SQLite gave a new worker the number of a dead one: a worker that had only been slow then gave away its claims."""
    for table in ("clips", "workers"):
        numbers = []
        for _ in range(2):
            with catalog.write() as connection:
                numbers.append(insert_row(connection, table))
                connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - one of two names
        assert numbers[0] < numbers[1]


def insert_row(connection: Connection, table: str) -> int:
    if table == "workers":
        row = {"machine": "here", "pid": 1, "lease_until": 0.0, "in_hand": b""}
    else:
        maker_id = rows.ensure(connection, tables.makers, {"key": "m"}, {"name": "M"})
        game_id = rows.ensure(connection, tables.games, {"maker_id": maker_id, "key": "g"}, {"title": "G"})
        root_id = rows.ensure(connection, tables.roots, {"path": "/m/g"}, {})
        row = {"game_id": game_id, "root_id": root_id, "path": "a", "text": "", "size": 1, "mtime_ns": 1, "gone": False}
    made = tables.metadata.tables[table]
    return int(connection.execute(made.insert().values(row).returning(made.c.id)).scalar_one())


def fill(engine: Engine, version: str) -> None:
    """Make a catalog of an older schema, with something in every table."""
    with engine.begin() as connection:
        config = schema.migrations()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in FIRST_SCHEMA:
            connection.execute(text(in_dialect(statement, engine)))
        if version != "0001":
            command.upgrade(config, "0002")
            for statement in SECOND_SCHEMA:
                connection.execute(text(in_dialect(statement, engine)))
            command.upgrade(config, version)


def in_dialect(statement: str, engine: Engine) -> str:
    return statement.replace("AS BLOB", "AS BYTEA") if engine.dialect.name == "postgresql" else statement


FIRST_SCHEMA = (
    "INSERT INTO catalog VALUES ('which', 3)",
    "INSERT INTO makers VALUES (1, 'M', 'm')",
    "INSERT INTO games VALUES (1, 1, 'G', 'g'), (2, 1, 'H', 'h')",
    "INSERT INTO roots (id, game_id, path) VALUES (1, 1, '/m/g'), (2, 2, '/m/h')",
    "INSERT INTO characters VALUES (1, 1, 'C', 'c')",
    "INSERT INTO clips (id, root_id, path, character_id, text, size, mtime_ns, seconds) VALUES"
    " (1, 1, 'a', 1, '', 9, 9, 1.5), (2, 2, 'b', NULL, '', 9, 9, NULL), (3, 2, 'c', NULL, '', 9, 9, NULL),"
    " (4, 2, 'd', NULL, '', 9, 9, 2.5)",
    "INSERT INTO encoders VALUES (1, 'e@1', 'e', 1, 3), (2, 'f@1', 'f', 1, 1)",
    "INSERT INTO embeddings (encoder_id, clip_id, seq, vector) VALUES (1, 4, 1, CAST('last' AS BLOB)),"
    " (1, 1, 3, CAST('unit' AS BLOB)), (2, 1, 1, CAST('more' AS BLOB))",
    "INSERT INTO removals VALUES (1, 2, 3)",
    "INSERT INTO unembedded VALUES (1, 2, 'pending', NULL, NULL), (1, 3, 'refused', 'silent', 'So.')",
)
SECOND_SCHEMA = (
    "UPDATE clips SET audio_hash = CAST('print' AS BLOB) WHERE id = 1",
    "INSERT INTO copies VALUES (1, 'e', 1, 1, '', 9, 9)",
    "INSERT INTO workers VALUES (5, 'here', 7, 0, CAST('' AS BLOB))",
    "UPDATE unembedded SET kills = 2",
    "UPDATE unembedded SET status = 'claimed', worker_id = 5 WHERE clip_id = 2",
)


@pytest.fixture
def plain_engine(database_url: str) -> Iterator[Engine]:
    """The database without any of our settings."""
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://", 1))
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel holds, which stands for site-packages."""
    wheels = tmp_path_factory.mktemp("wheels")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    (wheel,) = wheels.glob("*.whl")
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_the_wheel_holds_the_migrations(installed: Path) -> None:
    inside = installed / "speaker_search" / "migrations"
    beside = REPOSITORY / "migrations"
    held = {path.relative_to(inside) for path in inside.rglob("*.py")}
    assert held == {path.relative_to(beside) for path in beside.rglob("*.py")}
    assert Path("env.py") in held


def test_an_installed_wheel_opens_a_new_catalog(installed: Path, tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
import speaker_search
from speaker_search.catalog.database import open_catalog
from speaker_search.catalog.schema import migrations
assert Path(speaker_search.__file__).is_relative_to(sys.argv[1]), speaker_search.__file__
assert Path(migrations().get_main_option("script_location")).is_relative_to(sys.argv[1])
print(open_catalog(f"sqlite:///{sys.argv[2]}").uuid)
"""
    database = tmp_path / "catalog.db"
    ran = subprocess.run(
        [sys.executable, "-c", program, str(installed), str(database)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(installed), "PATH": ""},
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    catalog = open_catalog(f"sqlite:///{database}")
    catalog.close()
    assert ran.stdout.strip() == catalog.uuid
