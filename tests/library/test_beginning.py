"""A catalog's encoder is fixed by its first clip, and by nothing before it."""

from __future__ import annotations

from pathlib import Path

import pytest
from standin import StandInEncoder, write_dump

from speaker_search.errors import CatalogError, SourceError
from speaker_search.library import Library
from speaker_search.settings import Settings


class Other(StandInEncoder):
    """Another encoder that somebody has tried first."""

    name, space = "other", "other@000000000000"


def test_what_embeds_nothing_leaves_the_choice_of_the_encoder_open(settings: Settings, tmp_path: Path) -> None:
    """Before, the first encoder that any command had loaded was the catalog's for ever."""
    (tmp_path / "broken/m_g").mkdir(parents=True)
    (tmp_path / "broken/m_g/index.json").write_text("no JSON")
    with Library(settings.model_copy(update={"encoder": None}), encoder=Other()) as library:
        library.settings = settings.model_copy(update={"encoder": "other"})
        assert library.work(drain=True, processes=1).opened == 0
        with pytest.raises(SourceError):
            library.ingest([tmp_path / "broken"], processes=1)
        assert library.empty
        with pytest.raises(CatalogError, match="holds no voices yet"):
            library.counts()
    with Library(settings.model_copy(update={"encoder": None}), encoder=StandInEncoder()) as library:
        assert library.encoder_choice().reason  # the program still has to choose
        library.settings = settings
        library.ingest([write_dump(tmp_path / "voices", {"m/g": {"Ann": 1}})], enqueue=True, processes=1)
        assert library.space.encoder == "stand-in"
    with Library(settings.model_copy(update={"encoder": None}), encoder=StandInEncoder()) as library:
        assert (library.encoder_choice().name, library.encoder_choice().reason) == (StandInEncoder.space, None)
