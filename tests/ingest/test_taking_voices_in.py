"""An ingest from a folder to an index: real sound files, real databases, a stand-in for the network alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from ingest.taking import CLIPS, dump, embedded, take_in
from standin import StandInEncoder, write_voice

from speaker_search import audio
from speaker_search.catalog.clips import clips_of
from speaker_search.documents import ClipCounts
from speaker_search.library import Library
from speaker_search.settings import Settings

on_sqlite = pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)


def test_every_clip_ends_embedded_as_the_encoder_hears_it(library: Library, voices: Path) -> None:
    report = take_in(library, voices)
    expected = {
        path: StandInEncoder().embed([audio.read(path).samples])[0].tobytes()
        for path in voices.resolve().rglob("*.wav")
    }
    assert embedded(library) == expected
    assert len(expected) == CLIPS
    assert (report.games, report.new, report.opened, report.embedded, report.pending) == (2, CLIPS, CLIPS, CLIPS, 0)
    assert report.catalog == ClipCounts(embedded=CLIPS, pending=0, refused=0)
    assert report.audio_seconds == pytest.approx(CLIPS * 0.6)
    assert not report.trouble


def test_a_clip_knows_its_character_and_length(library: Library, voices: Path) -> None:
    take_in(library, voices)
    ann = library.character("maker/one/Ann").id
    with library.catalog.read() as connection:
        clips = clips_of(connection, ann, limit=10)
    assert [clip.path for clip in clips] == [
        voices.resolve() / "maker/one/Ann" / f"{take:03d}.wav" for take in range(3)
    ]
    assert [clip.seconds for clip in clips] == pytest.approx([0.6] * 3)


def test_the_second_ingest_of_a_folder_opens_no_file_and_adds_nothing(
    library: Library, encoder: StandInEncoder, voices: Path
) -> None:
    take_in(library, voices)
    before = embedded(library)
    for path in voices.rglob("*.wav"):  # what is in them does not matter, as long as size and time stay
        status = path.stat()
        path.write_bytes(b"?" * status.st_size)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    report = take_in(library, voices)
    assert (report.known, report.new, report.changed, report.opened, report.embedded) == (CLIPS, 0, 0, 0, 0)
    assert embedded(library) == before
    assert encoder.clips == CLIPS


def test_a_folder_may_be_named_by_a_string(library: Library, voices: Path) -> None:
    assert library.ingest(str(voices), enqueue=True).new == CLIPS
    assert library.ingest([str(voices / "maker/one"), voices / "maker/two"], enqueue=True).known == CLIPS


def test_one_folder_named_twice_is_taken_in_once(library: Library, voices: Path) -> None:
    report = take_in(library, voices, voices)
    assert (report.new, report.known, report.scanned, report.embedded) == (CLIPS, 0, 2 * CLIPS, CLIPS)


def test_a_new_file_is_all_that_the_next_ingest_opens(library: Library, voices: Path) -> None:
    take_in(library, voices)
    write_voice(voices / "maker/two/Dan/000.wav", 5)
    report = take_in(library, voices)
    assert (report.new, report.known, report.opened, report.embedded) == (1, CLIPS, 1, 1)


def test_a_changed_file_is_embedded_anew(library: Library, voices: Path) -> None:
    take_in(library, voices)
    before = embedded(library)
    path = write_voice(voices / "maker/one/Ann/000.wav", 9, seconds=0.8).resolve()
    report = take_in(library, voices)
    assert (report.changed, report.known, report.opened, report.embedded) == (1, CLIPS - 1, 1, 1)
    after = embedded(library)
    assert {changed for changed in before if before[changed] != after[changed]} == {path}
    assert after[path] == StandInEncoder().embed([audio.read(path).samples])[0].tobytes()


def test_clips_that_are_gone_are_counted_and_kept(library: Library, voices: Path) -> None:
    take_in(library, voices)
    (voices / "maker/one/Ann/000.wav").unlink()
    report = take_in(library, voices)
    assert (report.gone, report.known, len(embedded(library))) == (1, CLIPS - 1, CLIPS)


def test_enqueued_clips_are_noted_and_the_next_ingest_embeds_them(
    library: Library, encoder: StandInEncoder, voices: Path
) -> None:
    report = take_in(library, voices, enqueue=True)
    assert (report.new, report.pending, report.opened, report.embedded) == (CLIPS, CLIPS, 0, 0)
    assert report.catalog == ClipCounts(embedded=0, pending=CLIPS, refused=0)
    assert encoder.clips == 0
    report = take_in(library, voices)
    assert (report.known, report.of, report.embedded, report.pending) == (CLIPS, CLIPS, CLIPS, 0)


def test_a_relabelled_row_moves_its_clip_without_opening_it(library: Library, tmp_path: Path) -> None:
    game = dump(tmp_path / "maker_title", [("Ann", "a.wav")])
    write_voice(game / "a.wav", 1)
    take_in(library, game)
    dump(game, [("Bob", "a.wav")])
    report = take_in(library, game)
    assert (report.relabelled, report.opened) == (1, 0)
    assert library.character("maker/title/Bob").clips == 1


class OtherEncoder(StandInEncoder):
    """Hears the same in another space."""

    name = "other"
    space = "other@111111111111"

    def embed(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        return -super().embed(waveforms)


def test_a_second_encoder_adds_its_embeddings_beside_those_of_the_first(settings: Settings, voices: Path) -> None:
    with Library(settings, encoder=StandInEncoder()) as library:
        take_in(library, voices)
        before = embedded(library)
    with Library(settings.model_copy(update={"encoder": "other"}), encoder=OtherEncoder()) as library:
        report = take_in(library, voices)
        assert (report.new, report.known, report.opened, report.embedded) == (0, CLIPS, CLIPS, CLIPS)
        assert embedded(library) == {path: (-np.frombuffer(row, np.float32)).tobytes() for path, row in before.items()}
        assert library.character("maker/one/Ann").clips == 3
    with Library(settings, encoder=StandInEncoder()) as library:
        assert embedded(library) == before
        assert library.character("maker/one/Ann").clips == 3


def test_a_second_folder_of_the_same_voices_is_decoded_and_not_embedded_again(
    library: Library, encoder: StandInEncoder, voices: Path, tmp_path: Path
) -> None:
    take_in(library, voices)
    shutil.copytree(voices, tmp_path / "elsewhere/voices")
    report = take_in(library, tmp_path / "elsewhere/voices")
    assert (report.new, report.opened, report.merged) == (CLIPS, CLIPS, CLIPS)
    assert encoder.clips == len(embedded(library)) == CLIPS


@on_sqlite
def test_a_deleted_index_is_made_again_by_the_next_ingest(library: Library, settings: Settings, voices: Path) -> None:
    take_in(library, voices)
    shutil.rmtree(settings.home / "index")
    report = take_in(library, voices)
    assert report.opened == 0
    assert list((settings.home / "index").rglob("stamp.json"))
