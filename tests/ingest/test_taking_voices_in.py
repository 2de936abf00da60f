"""An ingest from a folder to an index: real sound files, real databases, a stand-in for the network alone."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from standin import RATE, StandInEncoder, write_dump, write_voice

from speaker_search import audio
from speaker_search.catalog.clips import clips_by_id, clips_of
from speaker_search.catalog.embeddings import all_embedded
from speaker_search.catalog.people import makers_of_games
from speaker_search.documents import ClipCounts, IngestReport
from speaker_search.entities import Refusal
from speaker_search.errors import SourceError
from speaker_search.ingest.windows import sizes_for
from speaker_search.library import Library
from speaker_search.settings import Settings

CAST = {"maker/one": {"Ann": 1, "Bob": 2}, "maker/two": {"Cid": 1}}
CLIPS = 9
SECONDS = 2.0  # of each of many voices
PORTION = int(sizes_for(StandInEncoder.backend).portion_s // SECONDS)  # clips
MANY = 2 * PORTION + 20


@pytest.fixture
def library(settings: Settings, encoder: StandInEncoder) -> Iterator[Library]:
    with Library(settings, encoder=encoder) as opened:
        yield opened


@pytest.fixture
def voices(tmp_path: Path) -> Path:
    return write_dump(tmp_path / "voices", CAST)


def take_in(library: Library, *paths: Path, retry_refused: bool = False, enqueue: bool = False) -> IngestReport:
    """Ingest; afterwards the index is equal to the catalog."""
    report = library.ingest(paths, retry_refused=retry_refused, enqueue=enqueue, processes=1)
    assert library.verify().ok
    return report


def refusals(library: Library) -> dict[str, str]:
    return {clip.path.name: clip.reason for clip in library.refused().clips}


def embedded(library: Library) -> dict[Path, bytes]:
    """Each embedded clip's vector, by path."""
    space = library.space
    with library.catalog.read() as connection:
        held = [
            one for part in all_embedded(connection, space) for one in zip(part.ids.tolist(), part.vectors, strict=True)
        ]
        clips = clips_by_id(connection, [id_ for id_, _ in held])
    return {clips[id_].path: vector.tobytes() for id_, vector in held}


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


def dump(root: Path, rows: Sequence[tuple[str, str]] | str) -> Path:
    """A game with an index.json of (speaker, file) rows, or of that very text."""
    root.mkdir(parents=True, exist_ok=True)
    text = rows if isinstance(rows, str) else json.dumps([{"Speaker": who, "Voice": file} for who, file in rows])
    (root / "index.json").write_text(text, encoding="utf-8")
    return root


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


def test_enqueued_clips_are_noted_and_the_next_ingest_embeds_them(
    library: Library, encoder: StandInEncoder, voices: Path
) -> None:
    report = take_in(library, voices, enqueue=True)
    assert (report.new, report.pending, report.opened, report.embedded) == (CLIPS, CLIPS, 0, 0)
    assert report.catalog == ClipCounts(embedded=0, pending=CLIPS, refused=0)
    assert encoder.clips == 0
    report = take_in(library, voices)
    assert (report.known, report.of, report.embedded, report.pending) == (CLIPS, CLIPS, CLIPS, 0)


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
    assert refused.detail == "stand-in found no speech in it."


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


@pytest.mark.parametrize("broken", ["", "[{", "{}", '[{"Speaker": "Ann", "Voice": "a.wav"},', "\ufeff null"])
def test_a_broken_index_among_several_games_is_a_problem_and_the_others_go_on(
    library: Library, tmp_path: Path, broken: str
) -> None:
    for title in ("a", "c"):
        write_voice(dump(tmp_path / "dumps" / f"maker_{title}", [("Ann", "a.wav")]) / "a.wav", 1)
    write_voice(dump(tmp_path / "dumps/maker_b", broken) / "a.wav", 1)
    report = take_in(library, tmp_path / "dumps")
    assert (report.games, report.embedded, report.trouble) == (2, 2, True)
    (problem,) = report.problems
    assert str(tmp_path / "dumps/maker_b/index.json") in problem
    dump(tmp_path / "dumps/maker_b", [("Ann", "a.wav")])
    report = take_in(library, tmp_path / "dumps")
    assert (report.games, report.embedded, report.trouble) == (3, 1, False)


def test_a_broken_index_alone_is_an_error(library: Library, tmp_path: Path) -> None:
    write_voice(dump(tmp_path / "maker_title", "[{") / "a.wav", 1)
    with pytest.raises(SourceError, match="is truncated or not valid JSON"):
        library.ingest([tmp_path / "maker_title"])
    write_voice(dump(tmp_path / "both/maker_a", "[{") / "a.wav", 1)
    write_voice(dump(tmp_path / "both/maker_b", "[{") / "a.wav", 1)
    with pytest.raises(SourceError, match=r"None of the games could be read\."):
        library.ingest([tmp_path / "both"])


def test_a_path_without_voices_leaves_the_catalog_as_it_was(library: Library, voices: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(SourceError):
        library.ingest([voices, tmp_path / "nothing"])
    with library.catalog.read() as connection:
        assert makers_of_games(connection) == []


def test_a_relabelled_row_moves_its_clip_without_opening_it(library: Library, tmp_path: Path) -> None:
    game = dump(tmp_path / "maker_title", [("Ann", "a.wav")])
    write_voice(game / "a.wav", 1)
    take_in(library, game)
    dump(game, [("Bob", "a.wav")])
    report = take_in(library, game)
    assert (report.relabelled, report.opened) == (1, 0)
    assert library.character("maker/title/Bob").clips == 1


def test_two_encoders_embed_the_same_clips_apart(settings: Settings, voices: Path) -> None:
    class Other(StandInEncoder):
        name, space = "other", "other@000000000000"

        def embed(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
            return super().embed(waveforms)[:, ::-1]

    with Library(settings, encoder=StandInEncoder()) as library:
        take_in(library, voices)
        before = embedded(library)
    with Library(settings.model_copy(update={"encoder": "other"}), encoder=Other()) as library:
        report = take_in(library, voices)
        assert (report.known, report.embedded) == (CLIPS, CLIPS)
        assert embedded(library) == {
            path: np.frombuffer(vector, np.float32)[::-1].tobytes() for path, vector in before.items()
        }
    with Library(settings, encoder=StandInEncoder()) as library:
        assert embedded(library) == before
        assert library.verify().ok


@pytest.fixture
def many_voices(tmp_path: Path) -> Path:
    """Clips for three portions, in two games; the last of them is no voice."""
    rng = np.random.default_rng(0)
    for number in range(MANY - 1):
        path = tmp_path / "many" / "maker" / ("one" if number % 3 else "two") / f"A{number % 5}" / f"{number:03d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * rng.standard_normal(round(SECONDS * RATE)), RATE)
    (tmp_path / "many/maker/two/Z").mkdir()
    (tmp_path / "many/maker/two/Z/no.wav").write_text("no sound")
    return tmp_path / "many"


class BreakingEncoder(StandInEncoder):
    """Breaks at its `portions`th portion of clips."""

    def __init__(self, portions: int) -> None:
        super().__init__()
        self.portions = portions

    def embed(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        if len(waveforms):
            self.portions -= 1
        if self.portions == 0:
            raise MemoryError
        return super().embed(waveforms)


@pytest.fixture
def undisturbed(many_voices: Path, tmp_path: Path) -> dict[Path, bytes]:
    settings = Settings(home=tmp_path / "undisturbed", encoder="stand-in")
    with Library(settings, encoder=StandInEncoder()) as library:
        take_in(library, many_voices)
        return embedded(library)


def test_an_ingest_that_broke_again_and_again_ends_as_an_undisturbed_one(
    settings: Settings, many_voices: Path, undisturbed: dict[Path, bytes]
) -> None:
    counts = []
    for portions in (1, 2, 2):
        with Library(settings, encoder=BreakingEncoder(portions)) as library:
            with pytest.raises(MemoryError):
                library.ingest([many_voices], processes=2)
            counts.append(len(embedded(library)))
    assert counts == [0, PORTION, 2 * PORTION]
    with Library(settings, encoder=StandInEncoder()) as library:
        report = take_in(library, many_voices)
        assert (report.embedded, report.refused) == (19, {"not_audio": 1})
        assert embedded(library) == undisturbed


def test_two_workers_on_one_catalog_embed_each_clip_once(
    settings: Settings, many_voices: Path, undisturbed: dict[Path, bytes]
) -> None:
    def work(_: int) -> IngestReport:
        with Library(settings, encoder=StandInEncoder()) as library:
            return library.ingest([many_voices], processes=1)

    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(work, range(2)))
    assert sum(report.embedded for report in reports) == len(undisturbed)
    assert sum(report.refused.get("not_audio", 0) for report in reports) == 1
    with Library(settings, encoder=StandInEncoder()) as library:
        assert library.verify().ok
        assert embedded(library) == undisturbed
        assert take_in(library, many_voices).opened == 0


def test_progress_is_told_as_it_comes_and_ends_with_the_report(settings: Settings, many_voices: Path) -> None:
    told: list[tuple[int, int]] = []
    with Library(settings, encoder=StandInEncoder()) as library:
        report = library.ingest([many_voices], on_progress=lambda now: told.append((now.new, now.embedded)))
    assert told == sorted(told)
    assert told[-1] == (MANY, MANY - 1) == (report.new, report.embedded)
    assert PORTION in [embedded_ for _, embedded_ in told]


class OtherEncoder(StandInEncoder):
    """Hears the same in another space."""

    name = "other"
    space = "other@111111111111"

    def embed(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        return -super().embed(waveforms)


def test_a_second_encoder_adds_its_embeddings_beside_those_of_the_first(settings: Settings, voices: Path) -> None:
    both = {}
    for encoder in (StandInEncoder(), OtherEncoder()):
        chosen = settings.model_copy(update={"encoder": encoder.name})
        with Library(chosen, encoder=encoder) as library:
            report = take_in(library, voices)
            assert (report.new, report.known, report.opened, report.embedded) == (
                (CLIPS, 0, CLIPS, CLIPS) if encoder.name == "stand-in" else (0, CLIPS, CLIPS, CLIPS)
            )
            both[encoder.name] = embedded(library)
    for name, encoder in (("stand-in", StandInEncoder()), ("other", OtherEncoder())):
        with Library(settings.model_copy(update={"encoder": name}), encoder=encoder) as library:
            assert embedded(library) == both[name]
            assert library.character("maker/one/Ann").clips == 3
    assert all(
        (-np.frombuffer(row, np.float32)).tobytes() == both["other"][path] for path, row in both["stand-in"].items()
    )


def test_a_second_folder_of_the_same_voices_is_decoded_and_not_embedded_again(
    library: Library, encoder: StandInEncoder, voices: Path, tmp_path: Path
) -> None:
    take_in(library, voices)
    shutil.copytree(voices, tmp_path / "elsewhere/voices")
    report = take_in(library, tmp_path / "elsewhere/voices")
    assert (report.new, report.opened, report.merged) == (CLIPS, CLIPS, CLIPS)
    assert encoder.clips == len(embedded(library)) == CLIPS


def test_a_deleted_index_is_made_again_by_the_next_ingest(library: Library, settings: Settings, voices: Path) -> None:
    take_in(library, voices)
    shutil.rmtree(settings.home / "index")
    report = take_in(library, voices)
    assert report.opened == 0
    assert list((settings.home / "index").rglob("stamp.json"))
