"""The files that the rows of a list name."""

from __future__ import annotations

from speaker_search.audio.decode import AUDIO_SUFFIXES
from speaker_search.entities import shown
from speaker_search.sources.candidates import ABSENT, Candidate, Route, unsupported
from speaker_search.sources.names import is_read, other_stem, path_in_game, speaker
from speaker_search.sources.table_columns import Row
from speaker_search.sources.trees.tree import FileTree

_FOLDERS = ("",)  # where the files of a list are looked for, below the list's own folder
_STYLE_BERT_FOLDERS = ("", "raw/", "wavs/")  # Style-Bert-VITS2 keeps the files of a list in one of these


class ListedFiles:
    """What the file system says about the files that a list names."""

    def __init__(self, tree: FileTree, name: str) -> None:
        """`tree` is the folder of the list, where its files are looked for; `name` is the list's own."""
        self._tree = tree
        self._folders = _STYLE_BERT_FOLDERS if name.lower().endswith(".list") else _FOLDERS

    def candidate(self, row: Row) -> Candidate:
        """EXACT with its file, MISSING without one, UNSUPPORTED when the file's format is not read.

        MALFORMED when the path leaves the root or the row says too little.
        As everywhere, links to folders are not followed, nor links to files outside of the root.
        """
        path = path_in_game(row.path) if row.speaker is not None else None
        if path is None:
            return Candidate(shown(row.path.replace("\\", "/")), Route.MALFORMED, None, row.text, ABSENT, ABSENT)
        character = speaker(row.speaker or "")
        stem = other_stem(path)
        # A row that says b.m4a means b.ogg once somebody has converted it.
        names = [path] if stem is None else [*(stem + suffix for suffix in sorted(AUDIO_SUFFIXES)), path]
        for place in (folder + name for folder in self._folders for name in names):
            file = self._tree.file(place)
            if file and not is_read(place):
                return unsupported(place, character, row.text)
            if file:
                return Candidate(place, Route.EXACT, character, row.text, *file)
        return Candidate(path, Route.MISSING, character, row.text, ABSENT, ABSENT)
