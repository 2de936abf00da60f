"""A database that is away is waited for, and other errors are not."""

from __future__ import annotations

import pytest

from speaker_search.errors import CatalogAwayError, CatalogError
from speaker_search.ingest.patience import patiently


def test_what_fails_while_the_database_is_away_is_tried_again() -> None:
    failures = [CatalogAwayError("Away."), CatalogAwayError("Starting.")]
    told: list[str] = []

    def action() -> int:
        if failures:
            raise failures.pop(0)
        return 7

    assert patiently(action, lambda error: told.append(str(error))) == 7
    assert told == ["Away.", "Starting."]


def test_another_error_of_the_catalog_is_not_waited_out() -> None:
    def action() -> None:
        raise CatalogError("The disk is full.")

    with pytest.raises(CatalogError, match="full"):
        patiently(action)


def test_patience_ends() -> None:
    def action() -> None:
        raise CatalogAwayError("Away.")

    with pytest.raises(CatalogAwayError):
        patiently(action, patience_s=0.0)
