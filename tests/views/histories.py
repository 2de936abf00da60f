"""Random histories of a catalog: clips that come, are embedded, change, move to others, are merged and forgotten."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from catalog.shelf import DIM, Shelf, fingerprint
from views.made_up import unit

from speaker_search.catalog.outcomes import Outcome
from speaker_search.catalog.scans.gone import forget_gone
from speaker_search.entities import Refusal

TITLES = ("one", "two", "three")
CHARACTERS = ("A", "B", "C", None)


@dataclass
class File:
    """A sound file as the next scan finds it."""

    title: str
    character: str | None
    size: int = 100


@dataclass
class History:
    """Changes of up to `batch` clips at a time, in one folder that holds several games."""

    shelf: Shelf
    seed: int
    batch: int
    repeats: float  # the share of clips whose audio may be that of an earlier one
    files: dict[str, File] = field(default_factory=dict)
    named: int = 0  # files that there ever were

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def step(self) -> None:
        """One random change to a game, and often the embedding of what waits after it."""
        changes = (self.come, self.change, self.relabel, self.move, self.leave)
        changes[self.rng.choice(5, p=[0.35, 0.2, 0.2, 0.15, 0.1])](str(self.rng.choice(TITLES)))
        if self.rng.random() < 0.8:
            self.embed()

    def come(self, title: str) -> None:
        """New files."""
        for _ in range(self.count()):
            self.named += 1
            self.files[f"{self.named:06d}"] = File(title, self.someone())
        self.scan(title)

    def change(self, title: str) -> None:
        """Other audio lies in some files now."""
        for file in self.some(title):
            file.size += 1
        self.scan(title)

    def relabel(self, title: str) -> None:
        """Some files are another's lines now, or of somebody who is now known, or not any more."""
        for file in self.some(title):
            file.character = self.someone()
        self.scan(title)

    def move(self, title: str) -> None:
        """Some files of all games are in this one now."""
        for file in self.some(*TITLES):
            file.title = title
        self.scan(title)

    def leave(self, title: str) -> None:
        """Some files are deleted, and then mostly forgotten."""
        for file in self.some(title)[::2]:
            file.title = "deleted"
        self.files = {path: file for path, file in self.files.items() if file.title != "deleted"}
        self.scan(title)
        if self.rng.random() < 0.7:
            forget_gone(self.shelf.catalog)

    def embed(self) -> None:
        """Most of what waits is embedded, some of it as audio that was heard before; a little is refused."""
        waiting = [clip.id for clip in self.shelf.waiting()]
        chosen = self.rng.permutation(waiting)[: int(np.ceil(0.9 * len(waiting)))].tolist()
        vectors = unit(len(chosen), int(self.rng.integers(2**31)), DIM)
        outcomes = []
        for id_, vector in zip(chosen, vectors, strict=True):
            if self.rng.random() < 0.05:
                outcomes.append(Outcome(id_, refusal=Refusal.SILENT))
            elif self.rng.random() < self.repeats:
                number = int(self.rng.integers(4))
                sound = fingerprint(chr(ord("A") + number))
                outcomes.append(Outcome(id_, 1.0 + number / 16, vector, fingerprint=sound))  # same audio, same length
            else:
                seconds = int(self.rng.integers(4_800, 960_000)) / 16_000
                outcomes.append(Outcome(id_, seconds, vector, fingerprint=self.rng.bytes(16)))
        self.shelf.store(*outcomes)

    def scan(self, title: str) -> None:
        """Take a game's files in; one that is in another game now is not gone."""
        self.shelf.title = title
        own = [
            self.shelf.clip(path, file.character, size=file.size)
            for path, file in self.files.items()
            if file.title == title
        ]
        self.shelf.scan(clips=own, there=self.files.keys())

    def some(self, *titles: str) -> list[File]:
        known = [path for path, file in self.files.items() if file.title in titles]
        return [self.files[path] for path in self.rng.permutation(known)[: self.count()].tolist()]

    def count(self) -> int:
        return int(self.rng.integers(1, self.batch + 1))

    def someone(self) -> str | None:
        return CHARACTERS[self.rng.integers(len(CHARACTERS))]
