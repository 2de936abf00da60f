"""Clips that cannot be embedded are refused with a reason; those that may come back wait."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from ingest.taking import CLIPS, dump, refusals, take_in
from standin import RATE, StandInEncoder, write_voice

from speaker_search.entities import Refusal
from speaker_search.library import Library
from speaker_search.settings import Settings

#: What these tests ask of a database, tests/catalog asks of both.
pytestmark = pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)


def bad_files(folder: Path) -> dict[str, str]:
    """Files that are no voice, and the reason for each."""
    folder.mkdir(parents=True)
    whole = write_voice(folder / "good.flac", 1).read_bytes()
    (folder / "corrupt.flac").write_bytes(whole[:100] + b"\0" * (len(whole) - 100))
    (folder / "text.mp3").write_text("Dear diary")
    (folder / "empty.ogg").touch()
    write_voice(folder / "short.wav", 1, seconds=0.1)
    soundfile.write(folder / "silent.wav", np.zeros(RATE), RATE)
    soundfile.write(folder / "long.wav", np.zeros(61 * RATE), RATE)
    soundfile.write(folder / "nan.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    soundfile.write(folder / "nothing.wav", np.zeros(0), RATE)
    return {
        "corrupt.flac": "not_audio",
        "text.mp3": "not_audio",
        "empty.ogg": "empty",
        "nothing.wav": "empty",
        "short.wav": "too_short",
        "long.wav": "too_long",
        "silent.wav": "silent",
        "nan.wav": "not_finite",
    }


def test_each_file_that_is_no_voice_is_refused_with_its_reason(library: Library, tmp_path: Path) -> None:
    reasons = bad_files(tmp_path / "voices/maker/one/Ann")
    report = take_in(library, tmp_path / "voices")
    assert refusals(library) == reasons
    assert report.refused == {reason: list(reasons.values()).count(reason) for reason in reasons.values()}
    assert (report.embedded, report.pending, report.trouble) == (1, 0, True)
    details = [clip.detail for clip in library.refused().clips]
    assert all(detail.endswith(".") and "\n" not in detail for detail in details)
    again = take_in(library, tmp_path / "voices")
    assert (again.opened, again.known) == (0, len(reasons) + 1)


def test_folders_called_like_sound_files_are_no_clips(library: Library, voices: Path) -> None:
    (voices / "maker/one/Ann/x.ogg").mkdir()
    assert take_in(library, voices).new == CLIPS


def test_rows_without_a_file_or_with_a_folder_in_its_place_are_refused_as_missing(
    library: Library, tmp_path: Path
) -> None:
    game = dump(tmp_path / "maker_title", [("Ann", "a.wav"), ("Ann", "x.ogg"), ("Bob", "lost.wav")])
    write_voice(game / "a.wav", 1)
    (game / "x.ogg").mkdir()
    report = take_in(library, game)
    assert refusals(library) == {"x.ogg": "missing", "lost.wav": "missing"}
    assert (report.refused, report.opened, report.embedded) == ({"missing": 2}, 1, 1)


def test_files_that_vanish_between_scan_and_embedding_are_refused_by_what_is_there_then(
    library: Library, voices: Path
) -> None:
    take_in(library, voices, enqueue=True)
    gone, folder = voices / "maker/one/Ann/000.wav", voices / "maker/one/Bob/001.wav"
    gone.unlink()
    folder.unlink()
    folder.mkdir()
    write_voice(voices.parent / "more/maker/three/Dan/000.wav", 4)
    report = take_in(library, voices.parent / "more")  # embeds whatever waits
    assert refusals(library) == {"000.wav": "missing", "001.wav": "not_audio"}
    assert (report.embedded, report.pending) == (CLIPS - 2 + 1, 0)


def test_clips_on_a_disk_that_is_away_wait_until_it_is_back(library: Library, voices: Path) -> None:
    take_in(library, voices, enqueue=True)
    voices.rename(voices.parent / "unplugged")
    write_voice(voices.parent / "more/maker/three/Dan/000.wav", 4)
    report = take_in(library, voices.parent / "more")
    assert (report.refused, report.embedded, report.pending) == ({}, 1, CLIPS)
    assert len(report.problems) == 2  # one for each game's folder
    (voices.parent / "unplugged").rename(voices)
    assert take_in(library, voices).embedded == CLIPS
    assert refusals(library) == {}


def test_a_file_that_was_away_for_a_while_is_embedded_by_the_next_ingest(library: Library, voices: Path) -> None:
    take_in(library, voices, enqueue=True)
    path = voices / "maker/one/Ann/000.wav"
    path.rename(voices / "elsewhere")
    write_voice(voices.parent / "more/maker/three/Dan/000.wav", 4)
    assert take_in(library, voices.parent / "more").refused == {"missing": 1}
    (voices / "elsewhere").rename(path)
    assert take_in(library, voices).embedded == 1
    assert refusals(library) == {}


class DeafEncoder(StandInEncoder):
    """Hears no speech in clips as long as one second."""

    def embed(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        vectors = super().embed(waveforms)
        vectors[[len(samples) == RATE for samples in waveforms]] = np.nan
        return vectors


def test_a_clip_in_which_the_encoder_hears_nothing_is_refused_and_its_neighbours_are_not(
    settings: Settings, voices: Path
) -> None:
    write_voice(voices / "maker/one/Ann/001.wav", 1, 1, seconds=1.0)
    with Library(settings, encoder=DeafEncoder()) as library:
        report = take_in(library, voices)
        assert (report.embedded, report.refused) == (CLIPS - 1, {"no_speech": 1})
        (refused,) = library.refused().clips
    assert (refused.path.name, refused.reason) == ("001.wav", str(Refusal.NO_SPEECH))
    assert refused.detail.endswith("no speech in it.")


def test_refused_clips_are_tried_again_only_when_asked(settings: Settings, voices: Path) -> None:
    write_voice(voices / "maker/one/Ann/001.wav", 1, 1, seconds=1.0)
    (voices / "maker/one/Ann/002.wav").write_text("no sound")
    with Library(settings, encoder=DeafEncoder()) as library:
        take_in(library, voices)
    with Library(settings, encoder=StandInEncoder()) as library:
        assert take_in(library, voices).opened == 0
        report = take_in(library, voices, retry_refused=True)
        assert (report.opened, report.embedded, report.refused) == (2, 1, {"not_audio": 1})
        assert refusals(library) == {"002.wav": "not_audio"}
