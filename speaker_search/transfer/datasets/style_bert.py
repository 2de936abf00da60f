"""Style-Bert-VITS2: sounds as WAV in raw/, and lists of `path|speaker|language|text`."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from speaker_search.transfer.datasets.spoken import Spoken

RATE = 44_100  # Hz, that Style-Bert-VITS2 trains at
SOUNDS = "raw"  # where it takes the sounds from
LISTS = {"train": "train.list", "validation": "val.list", "test": "test.list"}
ESD = "esd.list"  # what its preprocessing reads: the lines of training and validation


class StyleBert:
    """A folder to put into `Data/`. Every line has a text."""

    def __init__(self, folder: Path, language: str) -> None:
        self._folder = folder
        self._language = language
        self._lists: dict[str, IO[str]] = {}
        (folder / SOUNDS).mkdir()

    def add(self, line: Spoken) -> None:
        """Write a line, whose content is a WAV file. Raises OSError."""
        name = f"{line.name}.wav"
        (self._folder / SOUNDS / name).write_bytes(line.content)
        row = f"{name}|{_field(line.speaker)}|{self._language}|{_field(line.text)}\n"
        for file in (LISTS[line.split], ESD):
            if file != ESD or line.split != "test":
                self._list(file).write(row)

    def finish(self) -> None:
        """Close the lists. Raises OSError."""
        for file in self._lists.values():
            file.close()

    def _list(self, name: str) -> IO[str]:
        if name not in self._lists:
            self._lists[name] = (self._folder / name).open("w", encoding="utf-8", newline="\n")
        return self._lists[name]


def _field(text: str) -> str:
    """A text as a field of a list: in one line, and without the sign that ends fields."""
    return " ".join(text.replace("|", "｜").split())
