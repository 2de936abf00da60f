"""Cast sheets, the lines of unknown speakers, and both as files."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

from speaker_search import documents
from speaker_search.documents import DEFAULT_PROBABILITY
from speaker_search.documents.paging import cursor_after, key_of
from speaker_search.entities import Game, Maker, counted
from speaker_search.errors import AudioError, NotFoundError
from speaker_search.library.holdings import check_limit
from speaker_search.library.voices.relating import Relating

# Imported where they are used: see holdings.
if TYPE_CHECKING:
    from speaker_search.cast.sheets.page import Sounds
    from speaker_search.cast.voices import Cast
    from speaker_search.entities import Waveform

SOUND_SECONDS = 6.0  # of each line on a page
MOST_LINES = 1_000  # of a whole cast that are looked for: more would not fit
SOUND_BYTES = 12 * 2**20  # on a page: phones open it, and mail takes it
DECODED_AT_ONCE = 32
PROCESSES = 2
TIME_LIMIT_S = 5.0  # for one line


class Sheets(Relating):
    """An open catalog whose voices can be read as sheets."""

    def cast_sheet(self, game: str | int, *, min_probability: float = DEFAULT_PROBABILITY) -> documents.CastSheet:
        """Every character of a game, by title or id, with its likeliest voices, its other roles, and the lines to hear.

        Raises NotFoundError.
        """
        from speaker_search.cast.sheets.sheet import sheet

        game = game if isinstance(game, str) else self.game(game).id
        found = self.cast(min_probability=min_probability)
        return self._sheet_with_relations(sheet(self.catalog, self._informed(self.ready), found, game))

    def cast_document(
        self,
        *,
        min_probability: float = DEFAULT_PROBABILITY,
        game: str | None = None,
        export_to: Path | None = None,
        afresh: bool = False,
    ) -> documents.Cast:
        """What `cast` answers, as a document: for one game its sheet. Also exported to `export_to` by its suffix.

        A file that exists is replaced.
        """
        from speaker_search.cast.sheets.export import check_suffix, export
        from speaker_search.cast.sheets.sheet import sheet

        if export_to is not None:
            check_suffix(export_to)
        found = self.cast(min_probability=min_probability, afresh=afresh)
        if game is None:
            document = found.document()
        else:
            document = self._sheet_with_relations(sheet(self.catalog, self._informed(self.ready), found, game))
        if export_to is not None:
            paged = export_to.suffix.lower() == ".html"
            export(document, export_to, self._sounds(found, document) if paged else None)
        return document

    def unknown_lines(
        self, game: str, *, export_to: Path | None = None, min_probability: float = DEFAULT_PROBABILITY
    ) -> documents.UnknownLines:
        """A game's embedded lines without a character, and who may speak them. Nothing is renamed.

        A patch of the lines whose likeliest character of the game has at least `min_probability` is written to
        `export_to`: as rows of an index.json, or as CSV. A file that exists is replaced.
        """
        from speaker_search.cast.sheets.export import write
        from speaker_search.cast.unknown_speakers.index_patch import check_patch, patch
        from speaker_search.cast.unknown_speakers.unknown_lines import unknown_lines
        from speaker_search.search.calibration import least_log_odds

        least_log_odds(min_probability)  # raises UsageError
        if export_to is not None:
            check_patch(export_to)
        found = unknown_lines(self.catalog, self.ready, game)
        if export_to is not None:
            write(patch(found.likely(min_probability), export_to.suffix), export_to)
        return found

    def unknown_page(self, game_id: int, *, limit: int = 100, cursor: str | None = None) -> documents.UnknownPage:
        """A page of the same lines, by the game's id. Raises NotFoundError."""
        from speaker_search.cast.unknown_speakers.unknown_lines import likeliest_first, unknown_lines

        check_limit(limit)
        after = key_of(cursor, "unknown", 2)
        game = self.game(game_id)
        found = unknown_lines(
            self.catalog, self.ready, Game(game.id, game.title, Maker(game.maker.id, game.maker.name))
        )
        rest = [line for line in found.lines if after is None or likeliest_first(line) > after]
        return documents.UnknownPage(
            encoder=found.encoder,
            game=found.game,
            lines=[documents.UnknownClip.copy_of(line) for line in rest[:limit]],
            next=cursor_after("unknown", *likeliest_first(rest[limit - 1])) if len(rest) > limit else None,
            warnings=found.warnings,
        )

    def _sounds(self, cast: Cast, document: documents.Cast) -> Sounds:
        """The lines to hear on a page and their sounds, up to a limit."""
        from speaker_search.cast.sheets.page import Sounds
        from speaker_search.cast.sheets.sheet import lines_of_voices

        if isinstance(document, documents.CastSheet):
            heard = [clip for one in document.sheet if one.lines for clip in (one.lines.clip, one.lines.other)]
            wanted = [clip.id for clip in heard]
        else:
            lines = lines_of_voices(self.ready, cast, MOST_LINES)
            of_characters = {id_: pair.one for id_, pair in lines.items()}
            wanted = list(of_characters.values())
        clips, left_out = self._encoded(list(dict.fromkeys(wanted)))
        if isinstance(document, documents.CastSheet):
            return Sounds(clips, {}, {}, left_out)
        if len(lines) < (members := sum(len(voice.characters) for voice in document.voices)):
            left_out += (f"Lines are given for {len(lines):,} of {counted(members, 'character')} in voices.",)
        texts = {id_: clip.text for id_, clip in self.clips(list(of_characters.values())).items()}
        return Sounds(clips, of_characters, texts, left_out)

    def _encoded(self, wanted: Sequence[int]) -> tuple[dict[int, bytes], tuple[str, ...]]:
        """Clips as MP3, by id, until they are too many; and a sentence for each reason why some are not there."""
        from speaker_search.audio.decoders import Decoders
        from speaker_search.audio.encoded import mp3

        found: dict[int, bytes] = {}
        silent = size = done = 0
        with Decoders(PROCESSES, time_limit_s=TIME_LIMIT_S) as decoders:
            for start in range(0, len(wanted), DECODED_AT_ONCE):
                if size >= SOUND_BYTES:
                    break
                part = wanted[start : start + DECODED_AT_ONCE]
                waiting: list[tuple[int, Future[Waveform] | None]] = []
                for id_ in part:
                    try:
                        waiting.append((id_, decoders.submit(self.sound(id_).source)))
                    except (NotFoundError, AudioError):
                        waiting.append((id_, None))
                for id_, future in waiting:
                    try:
                        content = b"" if future is None else mp3(future.result(), SOUND_SECONDS)
                    except AudioError:
                        content = b""
                    silent += not content
                    if content:
                        found[id_] = content
                        size += len(content)
                done += len(part)
        left_out = []
        if rest := len(wanted) - done:
            have, limit = "has" if rest == 1 else "have", f"{SOUND_BYTES // 2**20} MiB"
            left_out.append(
                f"{counted(rest, 'line')} {have} no player here: the sounds of a page take at most {limit}."
            )
        if silent:
            have, their = ("has", "its") if silent == 1 else ("have", "their")
            gone = f"{their} sound is gone or cannot be read"
            left_out.append(f"{counted(silent, 'line')} {have} no player here, because {gone}.")
        return found, tuple(left_out)
