"""Random weights as they are published, shared by the encoders' tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from encoders import references


@pytest.fixture(scope="session")
def anime_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = references.save_anime(tmp_path_factory.mktemp("anime") / "embedding_model.pth")
    yield path
    path.unlink()  # 83 MB, which pytest would keep for three runs


@pytest.fixture(scope="session")
def ecapa_voxceleb_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = references.save_ecapa_voxceleb(tmp_path_factory.mktemp("spkrec-ecapa-voxceleb"))
    yield folder
    (folder / "embedding_model.ckpt").unlink()


@pytest.fixture(scope="session")
def wespeaker_tensors() -> references.Tensors:
    return references.wespeaker_tensors()


@pytest.fixture(scope="session")
def wespeaker_cache(tmp_path_factory: pytest.TempPathFactory, wespeaker_tensors: references.Tensors) -> Path:
    """A cache of the hub with wespeaker-resnet34's weights."""
    return references.save_wespeaker(wespeaker_tensors, tmp_path_factory.mktemp("hub"))
