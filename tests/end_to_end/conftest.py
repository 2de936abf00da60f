"""The bundled voices, taken in once for all tests of a session."""

from __future__ import annotations

import pytest
from end_to_end import running


@pytest.fixture(scope="session")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> running.Ingested:
    return running.ingested(tmp_path_factory.getbasetemp())
