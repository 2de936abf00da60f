"""The migrations and tables.py say the same, and a catalog at another schema is told from a damaged one."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.engine.interfaces import ReflectedCheckConstraint

from speaker_search.catalog import tables
from speaker_search.catalog.database import Catalog, open_catalog, upgrade_catalog
from speaker_search.errors import CatalogError

REPOSITORY = Path(__file__).resolve().parents[2]


def test_migrations_equal_tables(catalog: Catalog) -> None:
    with catalog.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, tables.metadata) == []


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
            sorted(tuple(key["constrained_columns"]) for key in inspector.get_foreign_keys(name)),
            sorted(tuple(key["column_names"]) for key in inspector.get_unique_constraints(name)),
            sorted(str(index["name"]) for index in inspector.get_indexes(name)),
            sorted((column["name"], str(column["type"]), column["nullable"]) for column in inspector.get_columns(name)),
        )
        for name in tables.metadata.tables
    }


def test_downgrading_leaves_nothing_but_the_version_table(database_url: str, plain_engine: Engine) -> None:
    from alembic import command

    from speaker_search.catalog.database import migrations

    open_catalog(database_url).close()
    with plain_engine.begin() as connection:
        config = migrations()
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


def test_a_table_called_catalog_of_another_program_is_refused_and_left_alone(
    database_url: str, plain_engine: Engine
) -> None:
    with plain_engine.begin() as connection:
        connection.execute(text("CREATE TABLE catalog (title VARCHAR(10))"))
    with pytest.raises(CatalogError, match="schema version none"):
        open_catalog(database_url)
    with pytest.raises(CatalogError):
        upgrade_catalog(database_url)
    assert [column["name"] for column in inspect(plain_engine).get_columns("catalog")] == ["title"]
    assert "clips" not in inspect(plain_engine).get_table_names()


def test_upgrading_a_catalog_of_this_schema_changes_nothing(database_url: str) -> None:
    catalog = open_catalog(database_url)
    catalog.close()
    upgrade_catalog(database_url)
    again = open_catalog(database_url)
    again.close()
    assert again.uuid == catalog.uuid


def test_a_catalog_of_the_first_schema_keeps_all_it_holds(database_url: str, plain_engine: Engine) -> None:
    from alembic import command

    from speaker_search.catalog.database import migrations

    with plain_engine.begin() as connection:
        config = migrations()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in FIRST_SCHEMA:
            bytea = connection.dialect.name == "postgresql"
            connection.execute(text(statement.replace("AS BLOB", "AS BYTEA") if bytea else statement))
    with pytest.raises(CatalogError, match="spksearch catalog upgrade"):
        open_catalog(database_url)
    assert upgrade_catalog(database_url) == "0002"
    catalog = open_catalog(database_url)
    with catalog.read() as connection:
        clips = connection.execute(text("SELECT id, game_id, character_id, path, seconds FROM clips")).all()
        vectors = connection.execute(text("SELECT clip_id, vector FROM embeddings")).all()
        waiting = connection.execute(text("SELECT clip_id, status, kills, reason FROM unembedded ORDER BY 1")).all()
    catalog.close()
    assert sorted(clips) == [(1, 1, 1, "a", 1.5), (2, 2, None, "b", None), (3, 2, None, "c", None)]
    assert [(clip, bytes(vector)) for clip, vector in vectors] == [(1, b"unit")]
    assert waiting == [(2, "pending", 0, None), (3, "refused", 0, "silent")]


FIRST_SCHEMA = (
    "INSERT INTO catalog VALUES ('which', 3)",
    "INSERT INTO makers VALUES (1, 'M', 'm')",
    "INSERT INTO games VALUES (1, 1, 'G', 'g'), (2, 1, 'H', 'h')",
    "INSERT INTO roots (id, game_id, path) VALUES (1, 1, '/m/g'), (2, 2, '/m/h')",
    "INSERT INTO characters VALUES (1, 1, 'C', 'c')",
    "INSERT INTO clips (id, root_id, path, character_id, text, size, mtime_ns, seconds) VALUES"
    " (1, 1, 'a', 1, '', 9, 9, 1.5), (2, 2, 'b', NULL, '', 9, 9, NULL), (3, 2, 'c', NULL, '', 9, 9, NULL)",
    "INSERT INTO encoders VALUES (1, 'e@1', 'e', 1, 1)",
    "INSERT INTO embeddings (id, encoder_id, clip_id, seq, vector) VALUES (1, 1, 1, 1, CAST('unit' AS BLOB))",
    "INSERT INTO unembedded VALUES (1, 2, 'pending', NULL, NULL), (1, 3, 'refused', 'silent', 'So.')",
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
from speaker_search.catalog.database import migrations, open_catalog
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
