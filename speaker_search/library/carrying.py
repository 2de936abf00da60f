"""A catalog as files: backups of all of it, and voices that travel without their audio."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speaker_search import documents
from speaker_search.library.intake import Intake
from speaker_search.settings import Settings

# Imported where they are used: see holdings. PyArrow takes a tenth of a second.
if TYPE_CHECKING:
    from speaker_search.transfer.backing_up import OnRows
    from speaker_search.transfer.backup_file import Manifest


def _no_rows(_done: int, _of: int) -> None:
    pass


class Carrying(Intake):
    """An open catalog that can be backed up, exported, and given voices of another one.

    `on_rows` is called now and then with how many rows are done, and of how many; an exception from it ends the work.
    """

    def backup(self, file: str | Path, *, on_rows: OnRows = _no_rows) -> documents.Backup:
        """Write all that the catalog holds to a new file, as it is at this moment; programs go on writing meanwhile.

        Raises UsageError when the file exists already or cannot be written.
        """
        from speaker_search.new_file import new_file
        from speaker_search.transfer.backing_up import back_up

        with new_file(Path(file)) as beside, self.catalog.read() as connection:
            manifest = back_up(connection, beside, on_rows)
        return documents.Backup(**_facts(Path(file), manifest))

    @staticmethod
    def restore(
        settings: Settings, file: str | Path, *, dry_run: bool = False, on_rows: OnRows = _no_rows
    ) -> documents.Restored:
        """Fill the empty catalog of the settings from a backup, of either database; `dry_run` only checks the file.

        Raises UsageError when the file is not a whole backup, CatalogError when the catalog is not empty.
        """
        from speaker_search.transfer.backup_file import opened
        from speaker_search.transfer.restoring import check, restore

        with opened(Path(file)) as backup:
            if dry_run:
                check(backup, on_rows)
            else:
                restore(settings.url, backup, on_rows)
            return documents.Restored(**_facts(Path(file), backup.manifest), restored=not dry_run)

    def export(
        self,
        file: str | Path,
        *,
        makers: Sequence[str] = (),
        games: Sequence[str] = (),
        on_rows: OnRows = _no_rows,
    ) -> documents.Exported:
        """Write embedded clips to a new Parquet file: their names, texts and vectors, without audio.

        All of them, or those of some makers and games. Raises UsageError when the file exists already or cannot be
        written, NotFoundError for a maker or game that is not there.
        """
        from speaker_search.new_file import new_file
        from speaker_search.transfer.exporting import export

        space = self.space
        with new_file(Path(file)) as beside, self.catalog.read() as connection:
            clips, left_out = export(connection, space, beside, makers=makers, titles=games, on_rows=on_rows)
        size = Path(file).stat().st_size
        return documents.Exported(file=Path(file), bytes=size, encoder=space.name, clips=clips, left_out=left_out)

    def import_voices(self, file: str | Path, *, on_rows: OnRows = _no_rows) -> documents.Imported:
        """Take the clips of a file that `export` wrote into this catalog, without audio; none twice.

        Raises UsageError when it is another file, or when its vectors cannot be compared with the catalog's.
        """
        from speaker_search.transfer.importing import import_voices
        from speaker_search.transfer.voices_file import VoicesFile

        with closing(VoicesFile(Path(file))) as voices:
            space, tally = import_voices(self.catalog, voices, on_rows)
            rows = voices.rows
        if tally.new or tally.merged:
            self._save_index(space)
        return documents.Imported(file=Path(file), encoder=space.name, rows=rows, **asdict(tally))


def _facts(file: Path, manifest: Manifest) -> dict[str, Any]:
    """What a backup's documents say."""
    held = asdict(manifest)
    return {"file": file, "bytes": file.stat().st_size, "version": held.pop("schema"), **held}
