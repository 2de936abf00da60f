"""Voices as data sets to train on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from speaker_search.catalog import people
from speaker_search.catalog.clips import clips_by_id
from speaker_search.documents.models.datasets import Dataset, DatasetOptions, DatasetSplit, MissingSound
from speaker_search.entities import Clip, Ids, Waveform, counted
from speaker_search.errors import AudioError, NotFoundError, UsageError
from speaker_search.library.media_types import OF_SUFFIXES
from speaker_search.library.questions.asking import Asking

# Imported where they are used: see holdings.
if TYPE_CHECKING:
    from speaker_search.audio.decoders import Decoders
    from speaker_search.transfer.datasets.audio_tables import AudioTables
    from speaker_search.transfer.datasets.splits import Lines, Plan, Wanted
    from speaker_search.transfer.datasets.spoken import Spoken
    from speaker_search.transfer.datasets.style_bert import StyleBert
    from speaker_search.transfer.datasets.tar_shards import TarShards

AT_ONCE = 64  # clips that are read, or decoded, before they are written
PROCESSES = 2
MIB = 2**20
MUCH = 0.2  # of the clips: if doubtful speakers cost more, the answer says how to keep them
SUFFIXES = {kind: suffix for suffix, kind in reversed(OF_SUFFIXES.items())}  # the first of each media type

OnClips = Callable[[int, int], None]


class DatasetExport(Asking):
    """An open catalog that can be exported as a data set."""

    def export_dataset(
        self, folder: str | Path, options: DatasetOptions, *, on_clips: OnClips = lambda _done, _of: None
    ) -> Dataset:
        """Write the clips of known characters to a new folder, divided so that no speaker is in two splits.

        It is there whole or not at all. Sounds that cannot be read are named in the answer. `on_clips` is told how many
        clips are done, of how many: first while they are listened to, where that is asked for, then written. Raises
        UsageError when the folder exists already or cannot be written, or when no clip is left, and NotFoundError for a
        maker or game that is not there.
        """
        from speaker_search.transfer.datasets.new_folder import new_folder

        options.check()
        folder = Path(folder)
        with new_folder(folder) as beside:
            return self._written(beside, folder, options, on_clips)

    def _written(self, beside: Path, folder: Path, options: DatasetOptions, on_clips: OnClips) -> Dataset:
        from speaker_search.transfer.datasets.dataset_card import CARD, card, held_by

        lines, plan = self._planned(options, on_clips)
        if not len(plan.rows):
            why = "; ".join(f"{counted(count, 'clip')} {reason}" for reason, count in plan.left_out.items())
            raise UsageError(f"No clip is left to export: {why or 'none is embedded'}.", "Ask for others.")
        writer = _writer(beside, options)
        missing: list[MissingSound] = []
        written: list[int] = []  # places in the plan
        try:
            for place, one in self._with_sounds(lines, plan, options):
                if isinstance(one, MissingSound):
                    missing.append(one)
                else:
                    writer.add(one)
                    written.append(place)
                on_clips(len(written) + len(missing), len(plan.rows))
            if not written:
                raise UsageError(f"None of {counted(len(missing), 'sound')} can be read: {missing[0].why}")
            writer.finish()
        except BaseException:
            with contextlib.suppress(OSError, ValueError):  # ValueError: PyArrow has closed the file already
                writer.finish()  # closes its files; the folder is deleted
            raise
        splits = held_by(lines, plan, np.array(written, np.int64))
        said = {**plan.left_out, **({"whose sound could not be read": len(missing)} if missing else {})}
        (beside / CARD).write_text(card(folder.name, options, self.space.name, splits, said), encoding="utf-8")
        files = [path for path in beside.rglob("*") if path.is_file()]
        return Dataset(
            folder=folder,
            format=options.form,
            encoder=self.space.name,
            files=len(files),
            bytes=sum(path.stat().st_size for path in files),
            clips=len(written),
            splits=splits,
            left_out=plan.left_out,
            missing=missing,
            warnings=[*self.ready.warnings(calibrated=False), *_doubts(options, splits, plan)],
        )

    def _planned(self, options: DatasetOptions, on_clips: OnClips) -> tuple[Lines, Plan]:
        """The catalog's lines, and those that are exported."""
        from speaker_search.transfer.datasets.gathering import games_of, gathered, may_be_one, unusable
        from speaker_search.transfer.datasets.splits import Shares, Wanted, planned

        shares = Shares(options.split_by, options.validation, options.test, options.seed)
        space = self.space
        with self.catalog.read() as connection:
            games = games_of(connection, options.makers, options.games)
            lines, wordless = gathered(connection, space)
            others = unusable(connection, space, games)
        wanted = Wanted(
            options.min_seconds,
            np.inf if options.max_seconds is None else options.max_seconds,
            options.min_clips,
            {"without a text": wordless} if options.form == "sbv2" else {},
            np.isin(lines.games, games),
        )
        voices = [[one.id for one, _ in voice.members] for voice in self._whole_cast(self.ready).voices]
        known = self._constraints().groups()
        voices += map(list, known.known_of(np.unique(lines.characters).tolist())[0])
        doubts = may_be_one(self._informed(self.ready), known, options.may_be)
        plan = planned(lines, voices, doubts, wanted, shares)
        if options.no_clipping or options.one_speaker:
            wanted = self._heard(lines.ids[plan.rows], wanted, options, on_clips)
            plan = planned(lines, voices, doubts, wanted, shares)
        return lines, replace(plan, left_out=others | plan.left_out)

    def _heard(self, ids: Ids, wanted: Wanted, options: DatasetOptions, on_clips: OnClips) -> Wanted:
        """The same without the clips in which something else is heard than one clear voice."""
        from speaker_search.audio.decoders import Decoders
        from speaker_search.audio.quality import quality
        from speaker_search.library.questions.hearing import Hearing

        clipped, several, hearing, done = [], [], Hearing(), 0
        with Decoders(PROCESSES) as decoders:
            for part in _portions(ids):
                for id_, sound in self._decoded(decoders, part.tolist()):
                    if isinstance(sound, Waveform):  # what cannot be read is noticed when it is written
                        if options.no_clipping and quality(sound.samples).clipped:
                            clipped.append(id_)
                        elif options.one_speaker and hearing.several_speak(sound):
                            several.append(id_)
                done += len(part)
                on_clips(done, len(ids))
        heard = {"whose sound is clipped": clipped, "in which several people speak": several}
        excluded = {reason: np.array(ids, np.int64) for reason, ids in heard.items()}
        return replace(wanted, excluded={**wanted.excluded, **excluded})

    def _with_sounds(
        self, lines: Lines, plan: Plan, options: DatasetOptions
    ) -> Iterator[tuple[int, Spoken | MissingSound]]:
        """Every line of a plan with its sound, or why it has none, by its place in the plan."""
        from speaker_search.audio.decoders import Decoders
        from speaker_search.audio.encoded import wav
        from speaker_search.audio.limits import Limits
        from speaker_search.transfer.datasets.gathering import speaker_names
        from speaker_search.transfer.datasets.splits import SPLITS
        from speaker_search.transfer.datasets.spoken import Spoken
        from speaker_search.transfer.datasets.style_bert import RATE

        with self.catalog.read() as connection:
            there = people.characters_by_id(connection, None, np.unique(lines.characters[plan.rows]).tolist())
        names = speaker_names(there.values())
        with Decoders(PROCESSES, limits=Limits(rate=RATE)) as decoders:
            for part in _portions(np.arange(len(plan.rows))):
                ids = lines.ids[plan.rows[part]].tolist()
                with self.catalog.read() as connection:
                    clips = clips_by_id(connection, ids)
                sounds = self._decoded(decoders, ids) if options.form == "sbv2" else map(self._stored, ids)
                for place, (id_, sound) in zip(part.tolist(), sounds, strict=True):
                    row = plan.rows[place]
                    clip, who = clips.get(id_), there.get(int(lines.characters[row]))
                    if clip is None or who is None or isinstance(sound, str):
                        yield place, _missing(id_, clip, sound)
                        continue
                    suffix, content = (".wav", wav(sound, RATE)) if isinstance(sound, Waveform) else sound
                    yield (
                        place,
                        Spoken(
                            clip=id_,
                            split=SPLITS[plan.splits[place]],
                            maker=who.game.maker.name,
                            game=who.game.title,
                            character=who.name,
                            speaker=names[who.id],
                            voice=int(plan.speakers[place]),
                            text=clip.text,
                            seconds=clip.seconds or 0.0,
                            fingerprint=(clip.fingerprint or b"").hex(),
                            suffix=suffix,
                            content=content,
                        ),
                    )

    def _stored(self, id_: int) -> tuple[int, tuple[str, bytes] | str]:
        """A clip's suffix and sound as it is stored, or why there is none."""
        try:
            stored = self.sound(id_)
            if isinstance(stored.source, bytes):
                return id_, (SUFFIXES.get(stored.media_type, ".ogg"), stored.source)
            return id_, (stored.source.suffix.lower(), stored.source.read_bytes())
        except NotFoundError as error:
            return id_, error.detail
        except OSError as error:
            return id_, f"It cannot be read: {error.strerror or error}."

    def _decoded(self, decoders: Decoders, ids: Sequence[int]) -> Iterator[tuple[int, Waveform | str]]:
        """Clips decoded, or why they are not."""
        waiting: list[tuple[int, Future[Waveform] | str]] = []
        for id_ in ids:
            try:
                waiting.append((id_, decoders.submit(self.sound(id_).source)))
            except NotFoundError as error:
                waiting.append((id_, error.detail))
        for id_, future in waiting:
            try:
                yield id_, future if isinstance(future, str) else future.result()
            except AudioError as error:
                yield id_, str(error)


def _doubts(options: DatasetOptions, splits: Sequence[DatasetSplit], plan: Plan) -> Iterator[str]:
    """A sentence for each split that was asked for and is empty, and one where doubtful speakers cost much."""
    from speaker_search.transfer.datasets.splits import MAY_BE_HELD_OUT

    for name in ("validation", "test"):
        if getattr(options, name) and name not in {one.name for one in splits}:
            what = "game" if options.split_by == "game" else "speaker"
            yield f"No clip is in {name}: no {what} has so few clips. Ask for a larger share."
    lost = plan.left_out.get(MAY_BE_HELD_OUT, 0)
    if lost > MUCH * (lost + len(plan.rows)):
        yield (
            f"Left out: {counted(lost, 'clip')} {MAY_BE_HELD_OUT}. Import credits or give verdicts, or raise "
            "--may-be (1 leaves nobody out), to keep more."
        )


def _writer(folder: Path, options: DatasetOptions) -> TarShards | AudioTables | StyleBert:
    if options.form == "sbv2":
        from speaker_search.transfer.datasets.style_bert import StyleBert

        return StyleBert(folder, options.language)
    if options.form == "parquet":
        from speaker_search.transfer.datasets.audio_tables import AudioTables

        return AudioTables(folder, options.shard_mib * MIB)
    from speaker_search.transfer.datasets.tar_shards import TarShards

    return TarShards(folder, options.shard_mib * MIB)


def _portions(ids: Ids) -> Iterator[Ids]:
    return (ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))


def _missing(id_: int, clip: Clip | None, why: object) -> MissingSound:
    if clip is None or not isinstance(why, str):
        return MissingSound(id=id_, path=Path(), why="It was forgotten in the meantime.")
    return MissingSound(id=id_, path=clip.path, why=why)
