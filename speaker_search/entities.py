"""The nouns of the project as frozen dataclasses. Nothing here reads, writes or imports anything of ours."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal, NewType, TypeAlias

if TYPE_CHECKING:  # numpy takes a tenth of a second to import, and here only names are needed
    import numpy as np
    import numpy.typing as npt

Floats: TypeAlias = "npt.NDArray[np.float32]"
Ids: TypeAlias = "npt.NDArray[np.int64]"

#: A sentence that an answer says about itself, for people. Pages say each in the reader's language.
Caution = NewType("Caution", str)

Case: TypeAlias = Literal["same_role", "same_actor", "sound_alike", "different"]
Sex: TypeAlias = Literal["f", "m"]

SAMPLE_RATE = 16_000  # Hz: what every encoder here was trained on

SCHEMES = ("s3", "gs", "hf")  # of addresses in object storage


class Refusal(StrEnum):
    """Why a clip was refused."""

    MISSING = "missing"  # a row of the dump names a file that does not exist
    UNREADABLE = "unreadable"  # the file system returned an error
    NOT_AUDIO = "not_audio"
    EMPTY = "empty"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    SILENT = "silent"
    NOT_FINITE = "not_finite"
    CRASHED = "crashed"  # it crashed its decoder twice, or ran out of memory
    TIMED_OUT = "timed_out"  # its decoder ran over the time limit twice
    KILLS_WORKER = "kills_worker"  # the worker died while processing it, three times
    NO_SPEECH = "no_speech"  # the encoder's own voice detector found nothing to embed


@dataclass(frozen=True, slots=True, order=True)
class ObjectPath:
    """A folder or an object in object storage: what Path is for a disk, by its text alone.

    `str()` gives the address. Keys are kept as they are: nothing in them is resolved.
    """

    scheme: str  #: one of SCHEMES
    key: str  #: with the bucket in front, without a trailing slash

    def __str__(self) -> str:
        return f"{self.scheme}://{self.key}"

    def __truediv__(self, name: str) -> ObjectPath:
        return ObjectPath(self.scheme, f"{self.key}/{name}") if name else self

    def joinpath(self, *names: str) -> ObjectPath:
        return self / "/".join(names)

    def as_posix(self) -> str:
        return str(self)

    @property
    def parts(self) -> tuple[str, ...]:
        return (f"{self.scheme}://", *self.key.split("/"))

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.name).suffix

    @property
    def bucket(self) -> ObjectPath:
        """The top: a bucket, or `datasets/OWNER/NAME` on Hugging Face."""
        return ObjectPath(self.scheme, "/".join(self.key.split("/")[: 3 if self.scheme == "hf" else 1]))

    @property
    def parent(self) -> ObjectPath:
        """The folder around it; one without a name around a bucket."""
        return ObjectPath(self.scheme, self.key.rpartition("/")[0])

    @property
    def parents(self) -> tuple[ObjectPath, ...]:
        """The folders around it, the nearest first."""
        return (self.parent, *self.parent.parents) if self.key else ()

    def is_relative_to(self, other: ObjectPath) -> bool:
        return f"{self}/".startswith(f"{other}/")


#: Where voices are: on a disk, or in object storage.
Place: TypeAlias = Path | ObjectPath


@dataclass(frozen=True, slots=True)
class Waveform:
    """Decoded audio at 16 kHz."""

    samples: Floats  #: (n,) mono, nominally in [-1, 1]
    fingerprint: bytes = b""  #: 16 bytes, equal for equal audio in any file; empty when it was not read from a file

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Maker:
    """A brand."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Game:
    """One title of a maker."""

    id: int
    title: str
    maker: Maker


@dataclass(frozen=True, slots=True)
class Character:
    """A named role in one game."""

    id: int
    name: str
    game: Game
    clips: int  #: clips embedded in the space asked about

    @property
    def address(self) -> str:
        return f"{self.game.maker.name}/{self.game.title}/{self.name}"


@dataclass(frozen=True, slots=True)
class Clip:
    """One voiced line."""

    id: int
    root: str  #: the folder that its name is below
    name: str
    text: str
    seconds: float | None  #: None until decoded
    character_id: int | None  #: None when the speaker is unknown
    game_id: int
    #: equal for the same audio, also in another game; None until decoded
    fingerprint: bytes | None = field(default=None, repr=False)

    @property
    def path(self) -> Place:
        """Where its audio is."""
        return place_at(self.root) / self.name  # made when asked for: a search reads 30 clips, and needs no path


@dataclass(frozen=True, slots=True)
class Hit:
    """A clip near the query."""

    clip: Clip
    cosine: float  #: 1.0 = the same recording


@dataclass(frozen=True, slots=True)
class Relation:
    """How two characters stand to each other: the likeliest case, and all probabilities, which sum to 1."""

    case: Case
    same_role: float
    same_actor: float
    sound_alike: float
    different: float
    actor_known: bool = False  #: whether verdicts or credits say if the actor is the same; otherwise it is inferred


@dataclass(frozen=True, slots=True, repr=False)
class Match:
    """A character near the query; in a search by clip, a single clip, whose character may be unknown."""

    character: Character | None
    score: float
    probability: float | None  #: that it is the same voice; None when the catalog is too small to calibrate on
    hits: tuple[Hit, ...] = field(default=())  #: its clips nearest to the query, best first
    voice: int | None = None  #: the id of the voice it belongs to
    relation: Relation | None = None  #: to the character asked about, where two encoders tell

    def __repr__(self) -> str:
        who = self.character.address if self.character else "(unknown)"
        likely = "None" if self.probability is None else f"{self.probability:.3f}"
        return f"Match({who!r}, score={self.score:.3f}, probability={likely}, hits={len(self.hits)})"


@dataclass(frozen=True, slots=True, repr=False)
class Voice:
    """Characters believed to be one person."""

    id: int
    probability: float  #: that all its characters are one person: the lowest of its members' probabilities
    members: tuple[tuple[Character, float], ...]  #: each with the probability that it belongs here
    stored: bool = False  #: whether the id stays; otherwise it holds for this answer only
    voice_actor: str | None = None  #: whom the credits of its characters agree on
    sex: Sex | None = None  #: of that actor, where a list of credits says it

    def __repr__(self) -> str:
        named = [character.address for character, _ in self.members]
        return f"Voice({self.id}, probability={self.probability:.3f}, members={named})"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A person's word on two characters. Times are in seconds since 1970."""

    id: int
    one_id: int
    other_id: int
    same: bool  #: one voice, or two
    author: str
    note: str
    at: float
    undone_at: float | None = None
    undone_by: str | None = None


def place_at(written: str) -> Place:
    """The place that a path or an address of SCHEMES means, as str() wrote it."""
    scheme, mark, key = written.partition("://")
    return ObjectPath(scheme, key) if mark and scheme in SCHEMES else Path(written)


def is_within(place: Place, folder: Place) -> bool:
    """Whether a place is a folder, or below it."""
    if isinstance(place, ObjectPath):
        return isinstance(folder, ObjectPath) and place.is_relative_to(folder)
    return not isinstance(folder, ObjectPath) and place.is_relative_to(folder)


def fold(name: str) -> str:
    """The form in which names are compared: NFKC, casefolded and stripped."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()


def sex_of(said: str | None) -> Sex | None:
    """f or m, also written as female or male; None for anything else, such as VNDB's "unknown"."""
    match fold(said or ""):
        case "f" | "female":
            return "f"
        case "m" | "male":
            return "m"
    return None


def shown(name: str) -> str:
    """The name as text that can be stored and printed: lone surrogates (from invalid UTF-8) and NUL escaped."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def counted(count: int, noun: str) -> str:
    """ "1 clip", "2 clips", "1,234 clips"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
