"""How many clips of what was ingested are still to be embedded."""

from __future__ import annotations

from pathlib import Path

from standin import StandInEncoder, write_dump, write_voice

from speaker_search.library import Library
from speaker_search.settings import Settings


def test_clips_are_counted_by_the_folder_or_list_that_they_came_from(settings: Settings, tmp_path: Path) -> None:
    """Those of a list were not: their root is the folder around it."""
    listed = tmp_path / "listed/lines.csv"
    write_voice(listed.parent / "Maker/Game/Aoi/1.wav", 1)
    listed.write_text("path,character\nMaker/Game/Aoi/1.wav,Aoi\n")
    dump = write_dump(tmp_path / "dump", {"m/g": {"Ann": 1}}, clips=2)
    with Library(settings, encoder=StandInEncoder()) as library:
        space = library.ingest([dump, listed], enqueue=True).encoder
        left = [library.left_below(space, [str(path)]) for path in (listed, listed.parent, dump, tmp_path, "/")]
    assert left == [1, 1, 2, 3, 3]


def test_the_clips_of_a_folder_beside_it_are_not_counted(settings: Settings, tmp_path: Path) -> None:
    dumps = [write_dump(tmp_path / name, {"m/g": {"Ann": 1}}, clips=clips) for name, clips in (("a", 1), ("ab", 2))]
    with Library(settings, encoder=StandInEncoder()) as library:
        space = library.ingest(dumps, enqueue=True).encoder
        assert [library.left_below(space, [str(dump)]) for dump in dumps] == [1, 2]
