"""Settings as a service gives them: through no shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from speaker_search import settings


@pytest.mark.parametrize("name", ["home", "checkpoint", "archive_password_file"])
def test_a_tilde_is_the_users_home(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Before, SPKSEARCH_HOME=~/x made a folder called ~."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv(f"SPKSEARCH_{name.upper()}", "~/x")
    assert getattr(settings.load(), name) == tmp_path / "x"
