"""Settings as a service gives them: through no shell."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from speaker_search import settings
from speaker_search.entities import ObjectPath
from speaker_search.errors import UsageError
from speaker_search.library import Library


@pytest.mark.parametrize("name", ["home", "checkpoint", "archive_password_file"])
def test_a_tilde_is_the_users_home(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Before, SPKSEARCH_HOME=~/x made a folder called ~."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv(f"SPKSEARCH_{name.upper()}", "~/x")
    assert getattr(settings.load(), name) == tmp_path / "x"


def test_a_tilde_in_the_database_url_is_the_users_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It made a folder called ~ as well."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for given, file in {"~/x.db": tmp_path / "x.db", "/~/x.db": "/~/x.db", "x~.db": "x~.db"}.items():
        monkeypatch.setenv("SPKSEARCH_DATABASE_URL", f"sqlite:///{given}")
        assert settings.load().url == f"sqlite:///{file}"


@pytest.mark.parametrize("name", ["home", "database_url", "ingest_roots"])
def test_the_home_of_somebody_unknown_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scheme = "sqlite:///" if name == "database_url" else ""
    monkeypatch.setenv(f"SPKSEARCH_{name.upper()}", f"{scheme}~nobody-here/x")
    with pytest.raises(UsageError, match=f"SPKSEARCH_{name.upper()}.*nobody-here"):
        settings.load()


def test_folders_and_addresses_to_ingest_from_are_told_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    listed = [str(tmp_path), "s3://voices/a/", "hf://datasets/owner/name", str(tmp_path / "b")]
    monkeypatch.setenv("SPKSEARCH_INGEST_ROOTS", os.pathsep.join(listed))
    folders = [tmp_path, ObjectPath("s3", "voices/a"), ObjectPath("hf", "datasets/owner/name"), tmp_path / "b"]
    monkeypatch.setenv("SPKSEARCH_HOME", str(tmp_path))
    with Library(settings.load()) as library:
        assert library.roots == folders
