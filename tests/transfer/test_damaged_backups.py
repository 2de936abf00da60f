"""A file that is not a whole backup of a known kind is noticed before anything is written, and said in a sentence."""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from search.filling import fill, some_voices
from standin import StandInEncoder

from speaker_search.errors import UsageError
from speaker_search.library import Library
from speaker_search.settings import Settings
from speaker_search.transfer.backup_file import Part, opened, write

EXAMPLES = int(os.environ.get("TEST_MUTANTS", "300"))  # more by hand: TEST_MUTANTS=20000 scripts/test tests/transfer


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of a few clips."""
    folder = tmp_path_factory.mktemp("whole")
    with Library(Settings(home=folder / "home", encoder="stand-in"), encoder=StandInEncoder()) as library:
        fill(library, some_voices(games=1, characters=2, clips=2))
        library.backup(folder / "backup")
    return folder / "backup"


def refused(file: Path, home: Path) -> str:
    """What a restore says that makes no catalog."""
    for dry_run in (True, False):
        with pytest.raises(UsageError) as error:
            Library.restore(Settings(home=home), file, dry_run=dry_run)
        assert not home.exists()
    return str(error.value)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_bit_that_is_flipped_anywhere_is_noticed(whole: Path, tmp_path: Path, where: float, bit: int) -> None:
    content = bytearray(whole.read_bytes())
    content[int(where * len(content))] ^= 1 << bit
    (tmp_path / "flipped").write_bytes(content)
    said = refused(tmp_path / "flipped", tmp_path / "home")
    assert any(words in said for words in ("checksum does not match", "is not a backup", "by a newer version"))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True), more=st.binary(max_size=80))
def test_a_backup_that_was_cut_off_or_written_on_is_noticed(
    whole: Path, tmp_path: Path, where: float, more: bytes
) -> None:
    content = whole.read_bytes()
    (tmp_path / "cut").write_bytes(content[: int(where * len(content))] + more)
    assert "is not a backup" in (said := refused(tmp_path / "cut", tmp_path / "home")) or "checksum" in said


def test_a_file_of_another_kind_is_not_a_backup(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("a text that is as long as a backup's beginning, and longer than that by far")
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.writestr("manifest.json", json.dumps({}))
    for name in ("empty", "text", "zip"):
        assert f"{name} is not a backup. Name a file that" in refused(tmp_path / name, tmp_path / "home")
    assert "cannot be read: No such file" in refused(tmp_path / "nothing", tmp_path / "home")
    assert "cannot be read: Is a directory" in refused(tmp_path, tmp_path / "home")


def remade(whole: Path, to: Path, **changed: object) -> Path:
    """A backup with the same parts, whose checksum is right, and with another manifest."""
    with opened(whole) as backup:
        parts = []
        for table in backup.manifest.rows:
            batches = list(backup.batches(table))
            schema = batches[0].schema if batches else None
            if schema is not None:
                parts.append(Part(table, schema, batches))
        manifest = replace(backup.manifest, rows={part.table: sum(map(len, part.batches)) for part in parts})
    write(to, parts, lambda _: replace(manifest, **changed))  # type: ignore[arg-type]
    return to


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"schema": "9999", "made_by": "99.0"}, r"made by a newer version of spksearch \(99.0\). Restore it with that"),
        ({"rows": {"clips": 1}}, "is not a whole backup: clips has 6 rows. Use another one"),
        ({"rows": {"nothing": 1}}, "is not a whole backup"),
        ({"rows": "many"}, "is not a whole backup"),
    ],
)
def test_a_backup_by_another_program_is_refused(
    whole: Path, tmp_path: Path, changed: dict[str, object], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        Library.restore(Settings(home=tmp_path / "home"), remade(whole, tmp_path / "other", **changed), dry_run=True)


def test_a_backup_in_a_later_format_asks_for_a_later_program(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "later").write_bytes(whole.read_bytes().replace(b"spksearch-backup0001", b"spksearch-backup0002", 1))
    said = refused(tmp_path / "later", tmp_path / "home")
    assert said.endswith("was made by a newer version of spksearch. Restore it with that version.")


def test_a_remade_backup_is_restored(whole: Path, tmp_path: Path) -> None:
    """So the ones above are refused for what was changed in them."""
    assert Library.restore(Settings(home=tmp_path / "home"), remade(whole, tmp_path / "same")).restored


def test_other_programs_read_what_is_in_a_backup(whole: Path) -> None:
    with zipfile.ZipFile(whole) as archive:
        assert archive.testzip() is None
        assert json.loads(archive.read("manifest.json"))["rows"]["clips"] == 6
        assert archive.namelist()[0] == "spksearch-backup"
