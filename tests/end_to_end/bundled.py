"""The bundled voices: who speaks in them, and homes that they have been taken into."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from end_to_end.running import HERE, LIMIT_S, Ran, environment, quickly
from filelock import FileLock

import speaker_search

VOICES = Path(speaker_search.__file__).parent / "demo" / "voices"


@dataclass(frozen=True, slots=True)
class Role:
    """A character of the bundled voices and who speaks it."""

    maker: str
    game: str
    character: str
    voice_actor: str

    @property
    def address(self) -> str:
        return f"{self.maker}/{self.game}/{self.character}"

    def clips(self) -> list[Path]:
        """Its eight sound files; none for the game whose folders are not called like its characters."""
        return sorted((VOICES / f"{self.maker}_{self.game}" / self.character).glob("*.ogg"))[:8]


def cast() -> list[Role]:
    """Who really speaks in the bundled voices."""
    return [Role(**row) for row in json.loads((VOICES / "cast.json").read_text(encoding="utf-8"))]


def recurring() -> set[frozenset[str]]:
    """The characters, by address, of each voice actor who plays in several games."""
    by_actor: dict[str, set[str]] = {}
    for role in cast():
        by_actor.setdefault(role.voice_actor, set()).add(role.address)
    return {frozenset(roles) for roles in by_actor.values() if len(roles) > 1}


@dataclass(frozen=True, slots=True)
class Ingested:
    """A home with the bundled voices in it, and what taking them in said. Copy it to change anything."""

    home: Path
    first: Ran

    def copy(self, to: Path) -> Path:
        shutil.copytree(self.home, to)
        return to


def ingested(folder: Path) -> Ingested:
    """The bundled voices taken in below a folder, once for all processes that ask: the others wait for the first."""
    home = folder / "ingested"
    first = _once(home, lambda: quickly("ingest", VOICES, "--encoder", "resemblyzer", "--json", home=home))
    return Ingested(home, first)


def toured(folder: Path) -> Ingested:
    """The demo's own catalog, and what `scripts/demo` printed: run once for all, in an empty folder below this one."""
    place = folder / "toured"

    def demo() -> Ran:
        place.mkdir()
        environ = {**environment(place / "home"), "TMPDIR": str(place)}
        done = subprocess.run(
            [HERE / "scripts" / "demo"], cwd=place, env=environ, capture_output=True, text=True, timeout=LIMIT_S
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    first = _once(place, demo)
    assert first.code == 0, first.err
    return Ingested(next(place.iterdir()), first)


def _once(place: Path, make: Callable[[], Ran]) -> Ran:
    """What making something said: the first process that asks makes it, the others wait for it."""
    said = place.with_suffix(".json")
    with FileLock(place.with_suffix(".lock")):
        if not said.exists():
            said.write_text(json.dumps(asdict(make())), encoding="utf-8")
    return Ran(**json.loads(said.read_text(encoding="utf-8")))
