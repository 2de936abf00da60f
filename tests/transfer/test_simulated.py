"""Simulated catalogs, for benchmarks, can be written to like any other."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from transfer.travelling import next_clip

from speaker_search.catalog.database import open_catalog

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "simulate.py"


def test_a_new_clip_of_a_simulated_catalog_gets_the_next_id(catalog_url: str) -> None:
    spec = importlib.util.spec_from_file_location("simulate", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    simulate = sys.modules["simulate"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(simulate)
    catalog = open_catalog(catalog_url)
    simulate.fill(catalog, 300)
    catalog.close()
    assert next_clip(catalog_url) == 301
