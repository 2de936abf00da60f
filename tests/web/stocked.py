"""A catalog with a little of everything, and the server's app on it in this process."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi.testclient import TestClient
from search.filling import fill, some_voices
from standin import StandInEncoder, write_dump

from speaker_search.library import Library
from speaker_search.settings import Settings
from speaker_search.web.app import create_app

CREDITS = b"maker,game,character,voice_actor\nmaker0,game0,{0},Ann\nmaker1,game1,{1},Ann\nmaker0,game2,{2},Bea\n"


@contextmanager
def stocked(folder: Path) -> Iterator[tuple[Library, TestClient]]:
    """Six games as vectors and two with sounds, one of them in an archive; verdicts, credits and an edit."""
    sounds = write_dump(folder / "sounds", {"Kumo/Hare": {"Aoi": 1, "Beni": 2}}, clips=2)
    (sounds / "Kumo/Hare/Aoi/broken.wav").write_text("no sound")
    packed = write_dump(folder / "to_pack", {"Yuki/Arare": {"Chie": 3}}, clips=2)
    archive = shutil.make_archive(str(folder / "packed" / "Yuki" / "Arare"), "zip", packed / "Yuki/Arare")
    settings = Settings(home=folder / "home", ingest_roots=str(sounds))
    with Library(settings, encoder=StandInEncoder()) as library:
        fill(library, some_voices(games=6, characters=8, clips=4, people=40, spread=0.3))
        library.ingest([sounds])
        library.ingest([Path(archive)], maker="Yuki", title="Arare")
        first = {game.title: library.characters(game=game.title, limit=2).characters for game in library.games().games}
        for one, other in (("game0", "game1"), ("game2", "game3")):
            library.judge(first[one][0].id, first[other][0].id, same=True, author="ann")
        library.judge(first["game0"][0].id, first["game4"][0].id, same=False, author="bea")
        names = [first[f"game{number}"][0].name for number in range(3)]
        library.import_credits("credits.csv", CREDITS.decode().format(*names).encode())
        library.rename("game", "maker1/game5", "game five", author="ann")
        with TestClient(create_app(library), base_url="http://localhost", raise_server_exceptions=False) as client:
            yield library, client
