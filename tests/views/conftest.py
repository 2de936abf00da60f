"""A catalog on either database with a game folder that exists on paper only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from catalog.shelf import DIM, Shelf

from speaker_search.catalog import spaces
from speaker_search.catalog.database import open_catalog


@pytest.fixture
def shelf(catalog_url: str) -> Iterator[Shelf]:
    catalog = open_catalog(catalog_url)
    yield Shelf(catalog, spaces.ensure_space(catalog, space="first@1", name="first", dim=DIM).id)
    catalog.close()
