"""A catalog file that is deleted or replaced under a running program: it notices, and says so."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from end_to_end.bundled import VOICES, Ingested
from end_to_end.gates import gated_command
from end_to_end.running import serving

from speaker_search.catalog.database import open_catalog

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows lets nobody delete a file that is open")


def replace(file: Path) -> None:
    """Put a new, empty catalog in the file's place."""
    other = file.with_name("other.db")
    open_catalog(f"sqlite:///{other}").close()
    other.replace(file)


def delete(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("mishap", [delete, replace])
def test_an_ingest_whose_catalog_is_no_longer_there_does_not_say_that_it_is_done(
    tmp_path: Path, mishap: object
) -> None:
    """It went on with the deleted file and reported every clip as embedded."""
    home = tmp_path / "home"
    with gated_command("ingest", VOICES, "--encoder", "resemblyzer", "--json", home=home) as ingest:
        ingest.arrives()  # nothing is embedded yet
        mishap(home / "catalog.db")  # type: ignore[operator]
        ingest.passes(waits_again=False)
        ran = ingest.begun.ended()
    assert (ran.code, ran.out) == (3, "")
    assert "was deleted or replaced while it was in use" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("mishap", [delete, replace])
def test_a_server_whose_catalog_is_gone_says_so(ingested: Ingested, tmp_path: Path, mishap: object) -> None:
    """It went on with the deleted file and answered from it."""
    home = ingested.copy(tmp_path / "home")
    with serving(home) as server:
        question = {"like": [{"character": 1}], "limit": 1}
        assert server.client.post("/v1/search", json=question).status_code == 200
        mishap(home / "catalog.db")  # type: ignore[operator]
        answer = server.client.post("/v1/search", json=question)
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:spksearch:problem:catalog")
        assert answer.json()["detail"] == "The catalog cannot be used at the moment. The server's log says why."
        assert server.client.get("/healthz").status_code == 200
