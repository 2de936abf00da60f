#!/usr/bin/env python3
"""Make the bundled demo voices: four invented games spoken by espeak-ng, laid out as voice dumps are.

Ten voices speak 24 characters, eight of them in more than one game. A voice keeps its espeak-ng variant and changes
pitch, pace and lines from game to game; cast.json says who it was. As in real dumps, one clip has an unknown speaker,
one file is corrupt and one row has no file. The same package versions on the same platform give the same bytes.
"""

from __future__ import annotations

import argparse
import ctypes
import io
import json
import struct
import zlib
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import espeakng_loader
import numpy as np
import numpy.typing as npt
import soundfile

OUT = Path(__file__).parents[1] / "speaker_search" / "demo" / "voices"
CLIPS_PER_CHARACTER = 8
COMPRESSION = 0.9  # 1.0 = smallest; all clips together stay under 3 MB
SERIAL = 1  # of every Ogg stream: libsndfile draws it at random
TORN_BYTES = 64  # of the corrupt file: it breaks off inside the first Vorbis header

# Ten espeak-ng variants that sound far apart: five high voices, five low ones. 09 and 10 are in one game only.
VOICES = {
    "voice-01": "f4",
    "voice-02": "Andrea",
    "voice-03": "grandma",
    "voice-04": "zac",
    "voice-05": "m2",
    "voice-06": "marcelo",
    "voice-07": "iven2",
    "voice-08": "kaukovalta",
    "voice-09": "steph",
    "voice-10": "david",
}


class Fate(Enum):
    """The state of a row's file."""

    WHOLE, CORRUPT, MISSING = range(3)


@dataclass(frozen=True, slots=True)
class Role:
    name: str
    file: str  #: how its clips' file names begin
    voice: str
    pitch: int  #: espeak-ng's scale, 50 = the variant's own
    pace: int  #: espeak-ng's words a minute, 175 = its default


@dataclass(frozen=True, slots=True)
class Game:
    maker: str
    title: str
    folder: str  #: where a speaker's audio is
    stem: str  #: what its files are called, without extension
    key: str  #: the index's name for a row's audio ...
    reference: str  #: ... and how it is written there
    openings: str
    endings: str
    roles: tuple[Role, ...]
    extra: tuple[Role, Fate] | None = None  #: one more row

    def line(self, position: int, number: int) -> str:
        """One of the 64 pairs of an opening and an ending; ・ stands for a space inside an ending."""
        opening, ending = self.openings.split("、")[number % 8], self.endings.split()[(number + position) % 8]
        return f"{opening}、{ending}".replace("・", " ")


GAMES = (
    Game(
        maker="こもれび工房",
        title="星降る坂の約束",
        folder="{speaker}",
        stem="hs_{file}{number:04}",
        key="Voice",
        reference="{stem}.ogg",
        openings="おはよう、ねえねえ、あのね、ほんとうは、もしかして、だいじょうぶ、そういえば、ほら",
        endings="""
            きょうは・ほしが・よく・みえるね。 さかの・うえまで・いっしょに・いこうよ。
            やくそくを・おぼえて・いますか。 まどの・そとに・ゆきが・ふって・いるよ。
            てがみを・かいたのは・わたしです。 あしたも・ここで・まって・います。
            そんなに・いそがなくても・いいのに。 よぞらの・したで・うたいたいな。
        """,
        roles=(
            Role("白瀬 ひかり", "hik", "voice-01", 50, 175),
            Role("九条 あおい", "aoi", "voice-02", 45, 165),
            Role("ばあや", "bay", "voice-03", 50, 160),
            Role("天野 こまち", "kom", "voice-04", 54, 185),
            Role("柊 冬馬", "tou", "voice-05", 50, 175),
            Role("鷹取先生", "tak", "voice-06", 46, 160),
        ),
        extra=(Role("白瀬 ひかり", "hik", "voice-01", 50, 175), Fate.CORRUPT),
    ),
    Game(
        maker="こもれび工房",
        title="潮風カレンダー",
        folder="{speaker}",
        stem="cal{file}{number:04}",
        key="Voice",
        reference="{stem}",
        openings="みて、やっぱり、いまから、たぶん、ところで、すみません、おまたせ、なるほど",
        endings="""
            うみの・いろが・かわって・きたよ。 ふねが・みなとに・かえって・くる。
            すいかを・きって・たべましょう。 かぜが・つよいから・きを・つけて。
            なつやすみは・もう・おしまいです。 すなはまに・なにか・おちて・いた。
            ひがくれる・まえに・もどろうか。 はなびの・おとが・きこえますね。
        """,
        roles=(
            Role("渚 ゆら", "yur", "voice-01", 44, 190),
            Role("汐見 まどか", "mad", "voice-02", 55, 185),
            Role("真珠", "shi", "voice-09", 50, 175),
            Role("灯台守", "tod", "voice-07", 50, 170),
            Role("岬 航平", "koh", "voice-05", 57, 160),
            Role("網元", "ami", "voice-08", 45, 165),
        ),
        extra=(Role("渚 ゆら", "yur", "voice-01", 44, 190), Fate.MISSING),
    ),
    Game(
        maker="夜汽車ソフト",
        title="硝子の終着駅",
        folder="voice",
        stem="GL_{file}{number:04}",
        key="Voice",
        reference="{stem}.ogg",
        openings="しずかに、いいえ、つぎは、もちろん、どうか、しかし、ようこそ、やれやれ",
        endings="""
            れっしゃは・もうすぐ・しゅっぱつします。 きっぷを・なくして・しまいました。
            この・えきには・だれも・いない。 がらすの・むこうに・かげが・ある。
            とけいの・はりが・とまって・いるね。 わたしの・なまえを・よんで・ください。
            とおい・まちから・きたのですか。 せんろは・どこまで・つづくのだろう。
        """,
        roles=(
            Role("銀河", "gin", "voice-01", 57, 165),
            Role("車掌の娘", "mus", "voice-03", 56, 180),
            Role("ミミ", "mim", "voice-04", 45, 165),
            Role("黒衣の紳士", "kok", "voice-06", 54, 185),
            Role("機関士", "kik", "voice-07", 43, 185),
            Role("老いた時計屋", "tok", "voice-08", 54, 190),
        ),
        extra=(Role("？？？", "unk", "voice-02", 50, 175), Fate.WHOLE),
    ),
    Game(
        maker="夜汽車ソフト",
        title="雨宿りの魔法店",
        folder="{speaker}",
        stem="ep2_{file}{number:04}",
        key="FilePath",
        reference="{speaker}\\{stem}.ogg",
        openings="いらっしゃい、まさか、ふふふ、よろしい、ええと、かならず、さあ、ありがとう",
        endings="""
            あめが・やむまで・やすんで・いって。 くすりの・びんを・わって・しまった。
            ねこの・ことばが・わかるのですよ。 まほうは・ひとつしか・つかえない。
            あたたかい・おちゃを・いれましょう。 ほうきの・のりかたを・おしえてあげる。
            もりの・おくで・ふしぎな・ひかりを・みた。 かさを・わすれないで・くださいね。
        """,
        roles=(
            Role("琴子", "kot", "voice-02", 50, 175),
            Role("大魔女オルガ", "org", "voice-03", 43, 190),
            Role("弟子の晴", "har", "voice-05", 44, 190),
            Role("雨男", "ame", "voice-06", 58, 170),
            Role("時雨", "sig", "voice-07", 57, 160),
            Role("黒猫クロ", "kur", "voice-10", 50, 175),
        ),
    ),
)

REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def with_fixed_serial(ogg: bytes) -> bytes:
    """The same Ogg stream with SERIAL on each page (layout and checksum: RFC 3533, section 6)."""
    pages, start = [], 0
    while start < len(ogg):
        segments = ogg[start + 26]
        size = 27 + segments + sum(ogg[start + 27 : start + 27 + segments])
        page = bytearray(ogg[start : start + size])
        page[14:18], page[22:26] = struct.pack("<I", SERIAL), bytes(4)
        # Ogg's CRC-32 is zlib's polynomial with the bits the other way round, started and ended without inversion.
        checksum = zlib.crc32(page.translate(REVERSED_BITS), 0xFFFFFFFF) ^ 0xFFFFFFFF
        page[22:26] = struct.pack("<I", int(f"{checksum:032b}"[::-1], 2))
        pages.append(page)
        start += size
    return b"".join(pages)


class Espeak:
    """libespeak-ng, started once in a process. Raises RuntimeError when it refuses a call."""

    SYNCHRONOUS, UTF8, RATE, PITCH = 2, 1, 1, 3  # from espeak-ng/speak_lib.h

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._samples: list[npt.NDArray[np.int16]] = []
        callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
        self._callback = callback(self._collect)  # kept: the library holds only its address
        self.sample_rate: int = self._library.espeak_Initialize(
            self.SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0
        )
        if self.sample_rate <= 0:
            raise RuntimeError("espeak-ng does not start")
        self._library.espeak_SetSynthCallback(self._callback)

    def _collect(self, samples: ctypes._Pointer[ctypes.c_short], count: int, _events: int | None) -> int:
        if count > 0:
            self._samples.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0  # go on

    def _check(self, status: int) -> None:
        if status != 0:
            raise RuntimeError(f"espeak-ng answers {status}")

    def say(self, text: str, role: Role) -> npt.NDArray[np.int16]:
        """The line as spoken by the role: (n,) at sample_rate."""
        self._samples.clear()
        self._check(self._library.espeak_SetVoiceByName(f"ja+{VOICES[role.voice]}".encode()))
        self._check(self._library.espeak_SetParameter(self.RATE, role.pace, 0))
        self._check(self._library.espeak_SetParameter(self.PITCH, role.pitch, 0))
        line = text.encode()
        size = ctypes.c_size_t(len(line) + 1)
        self._check(self._library.espeak_Synth(line, size, 0, 0, 0, self.UTF8, None, None))
        return np.concatenate(self._samples)


def write_game(game: Game, out: Path, espeak: Espeak) -> None:
    """Write one game's index.json and its audio."""
    root = out / f"{game.maker}_{game.title}"
    plan = [
        (role, position, number, Fate.WHOLE)
        for position, role in enumerate(game.roles)
        for number in range(CLIPS_PER_CHARACTER)
    ]
    if game.extra:
        plan.append((game.extra[0], len(game.roles), CLIPS_PER_CHARACTER, game.extra[1]))
    rows = []
    for role, position, number, fate in plan:
        text = game.line(position, number)
        stem = game.stem.format(file=role.file, number=number + 1)
        rows.append({"Speaker": role.name, game.key: game.reference.format(speaker=role.name, stem=stem), "Text": text})
        if fate is Fate.MISSING:
            continue
        sound = io.BytesIO()
        samples = espeak.say(text, role)
        soundfile.write(
            sound, samples, espeak.sample_rate, format="OGG", subtype="VORBIS", compression_level=COMPRESSION
        )
        clip = with_fixed_serial(sound.getvalue())
        folder = root / game.folder.format(speaker=role.name)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{stem}.ogg").write_bytes(clip if fate is Fate.WHOLE else clip[:TORN_BYTES])
    write_json(root / "index.json", rows)


def write_json(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_bytes((json.dumps(rows, ensure_ascii=False, indent=1) + "\n").encode())


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the bundled demo voices.")
    parser.add_argument("--out", type=Path, default=OUT, help="folder to write to (default: the package's)")
    out: Path = parser.parse_args().out
    espeak = Espeak()
    for game in GAMES:
        write_game(game, out, espeak)
    cast = [
        {"maker": game.maker, "game": game.title, "character": role.name, "voice_actor": role.voice}
        for game in GAMES
        for role in game.roles
    ]
    write_json(out / "cast.json", cast)


if __name__ == "__main__":
    main()
