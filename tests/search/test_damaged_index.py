"""An index that is damaged, or of another program, is noticed when it is opened, and rebuilt: answers stay the same."""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import faiss
import pytest
from search.asking import late, line
from search.filling import fill, some_voices
from standin import StandInEncoder

from speaker_search.library import Library
from speaker_search.search.live import SCORES
from speaker_search.settings import Settings
from speaker_search.views import snapshot as views
from speaker_search.views import storage
from speaker_search.views.clip_index import lists
from speaker_search.views.clip_index.clip_index import of_columns
from speaker_search.views.clip_index.plan import Plan
from speaker_search.views.storage import Stamp, folder_of

BY_LISTS = Plan("ivf", 16, 16, "by hand")
OF_VIEWS = (
    *("current", "stamp.json", "ids.npy", "characters.npy", "games.npy", "seconds.npy", "vectors.npy"),
    *("lists.faiss", "tail.npz", "sums.npz"),
)
OF_SCORES = ("current", "stamp.json", "profiles.npz")
pytestmark = pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)


@pytest.fixture
def folder(library: Library) -> Path:
    """Of an index with inverted lists and a tail, and profiles."""
    fill(library, some_voices(games=4, characters=5, clips=6))
    flat = views.follow(library.catalog, library.space, None)
    held = flat.clips.all()
    made = replace(flat, clips=of_columns(held, flat.position, lists.build(held, BY_LISTS)))
    fill(library, late(1))
    whole = views.follow(library.catalog, library.space, made)
    assert len(whole.clips.tail) == 3
    folder = folder_of(library.settings.home, library.catalog.uuid, library.space)
    views.save(folder, whole, library.catalog.uuid, library.space)
    library.prepare()
    return folder


def file_of(folder: Path, name: str) -> Path:
    version = storage.in_use(folder)
    assert version is not None
    return folder / name if name == "current" else version.path(name)


def answers(settings: Settings) -> list[Any]:
    with Library(settings, encoder=StandInEncoder()) as library:
        found = [library.search_like(embedding=line(1).tolist(), by=by).matches for by in ("clip", "character")]
        assert library.verify(deep=True).ok
    return [[(match.character, match.clip if hasattr(match, "clip") else None) for match in one] for one in found]


def flipped(at: float) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        content = bytearray(file.read_bytes())
        content[int(at * (len(content) - 1))] ^= 0x20
        file.write_bytes(content)

    return damage


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a byte of the header": flipped(0.0),
    "a byte in the middle": flipped(0.5),
    "the last byte": flipped(1.0),
    "the second half missing": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "missing": lambda file: file.unlink(),
}


@pytest.mark.parametrize("of", ["views", "scores"])
def test_a_damaged_file_is_noticed_before_an_answer_and_answers_stay(
    folder: Path, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture, of: str
) -> None:
    """Every file, and one of them at several places. One sentence says that the index is rebuilt; profiles are rebuilt
    silently."""
    where, names = (folder, OF_VIEWS) if of == "views" else (folder / SCORES, OF_SCORES)
    before = answers(settings)
    whole = tmp_path / "whole"
    shutil.copytree(folder, whole)
    assert {path.name for path in file_of(where, "stamp.json").parent.iterdir()} | {"current"} == set(names)
    for name in names:
        for words in DAMAGES if name == "stamp.json" else ("a byte in the middle", "missing"):
            shutil.rmtree(folder)
            shutil.copytree(whole, folder)
            DAMAGES[words](file_of(where, name))
            caplog.clear()
            assert answers(settings) == before, (name, words)
            said = [record.getMessage() for record in caplog.records]
            silent = of == "scores" or (name, words) == ("current", "missing")  # as good as none
            assert len(said) == (0 if silent else 1), (name, words, said)
            assert all(one.endswith("It is rebuilt from the catalog.") for one in said)
    caplog.clear()
    assert answers(settings) == before
    assert not caplog.records  # what was rebuilt is whole


def stamped(folder: Path, **changed: Any) -> None:
    """Change the stamp of the version in use, with sums that are right."""
    version = storage.in_use(folder)
    assert version is not None
    stamp: Stamp = replace(version.stamp, **changed)
    data = json.dumps(asdict(stamp)).encode()
    version.path("stamp.json").write_bytes(data)
    (folder / "current").write_text(f"{version.folder.name} {zlib.crc32(data):08x}")


@pytest.mark.parametrize("other", [{"catalog": "another"}, {"space": "other@1"}, {"format": storage.FORMAT + 1}])
def test_a_stamp_of_another_catalog_space_or_format_is_rebuilt(
    folder: Path, settings: Settings, other: dict[str, Any]
) -> None:
    before = answers(settings)
    stamped(folder, **other)
    stamped(folder / SCORES, **other)
    assert answers(settings) == before
    version = storage.in_use(folder)
    assert version is not None
    assert version.stamp.facts["plan"]["kind"] == "flat"  # as planned for so few clips, not as by hand


@pytest.mark.parametrize(
    ("made_by", "read"),
    [
        (faiss.__version__, True),
        (".".join([*faiss.__version__.split(".")[:2], "999"]), True),
        ("0.9.0", False),
        (None, False),
    ],
)
def test_lists_of_another_version_of_faiss_are_read_or_rebuilt(
    folder: Path, settings: Settings, caplog: pytest.LogCaptureFixture, made_by: str | None, read: bool
) -> None:
    before = answers(settings)
    version = storage.in_use(folder)
    assert version is not None
    facts = version.stamp.facts | {"faiss": made_by}
    if made_by is None:  # as it was before the stamp said it
        del facts["faiss"]
    stamped(folder, facts=facts)
    caplog.clear()
    assert answers(settings) == before
    said = [record.getMessage() for record in caplog.records]
    by = f"FAISS {made_by or 'of another version'}"
    assert said == ([] if read else [f"The index was written with {by}: it is rebuilt with {faiss.__version__}."])
