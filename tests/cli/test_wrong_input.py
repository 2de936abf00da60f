"""What cannot be done is reported in a sentence on stderr and by an exit code, never by a traceback."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from end_to_end.bundled import VOICES, Ingested, Role, cast
from end_to_end.running import Word, quickly

ROLE: Role = next(role for role in cast() if role.clips())
ELSEWHERE: Role = next(role for role in cast() if role.maker != ROLE.maker)
CLIP = ROLE.clips()[0]
GPU = any(Path("/dev").glob("nvidia[0-9]*"))


@dataclass(frozen=True, slots=True)
class Places:
    """Where the wrong inputs lie."""

    odd: Path  #: folders and files without voices
    empty: Path  #: a home without voices
    failed: Path  #: one where ingests fail
    home: Path  #: one with them


@dataclass(frozen=True, slots=True)
class Wrong:
    """A command that cannot be carried out, its exit code, and words of its message."""

    words: Callable[[Places], tuple[Word, ...]]
    code: int
    says: tuple[str, ...]
    settings: dict[str, str] = field(default_factory=dict)  #: ODD stands for the folder of odd files
    with_voices: bool = False  #: in a home that has some; otherwise in an empty one


def ingest(name: str, *flags: str) -> Callable[[Places], tuple[Word, ...]]:
    return lambda places: ("ingest", places.odd / name, *flags)


def said(*words: Word) -> Callable[[Places], tuple[Word, ...]]:
    return lambda _: words


RESEMBLYZER = ("--encoder", "resemblyzer")
WRONG = {
    "a folder that is not there": Wrong(ingest("nowhere"), 2, ("nowhere does not exist",)),
    "a folder without a name": Wrong(said("ingest", ""), 2, ("The path is empty. Write . for the current folder",)),
    "an empty folder": Wrong(ingest("empty"), 2, ("empty holds no audio files and no index.json",)),
    "a file as folder": Wrong(ingest("text.ogg"), 2, ("text.ogg is a file, but not an archive that can be read",)),
    "an index that is not JSON": Wrong(ingest("M_broken", *RESEMBLYZER), 2, ("index.json", "not valid JSON")),
    "an index that is not a list": Wrong(ingest("M_object", *RESEMBLYZER), 2, ("index.json", "not a list of rows")),
    "one title for several games": Wrong(
        said("ingest", VOICES, "--game", "X"), 2, ("holds 4 games, which cannot all be called X",)
    ),
    "a layout nobody knows": Wrong(said("ingest", VOICES, "--layout", "x"), 2, ("--layout",)),
    "an encoder nobody knows": Wrong(
        said("ingest", VOICES, "--encoder", "nobody"), 4, ("There is no encoder 'nobody'", "resemblyzer")
    ),
    "an encoder nobody knows, of a search": Wrong(
        said("cast", "--encoder", "nobody"), 4, ("There is no encoder 'nobody'",), with_voices=True
    ),
    "an encoder without weights here": Wrong(
        said("ingest", VOICES, "--encoder", "anime-va"),
        4,
        ("The weights of anime-va are not on this machine", "SPKSEARCH_CHECKPOINT", "campplus needs no download"),
        {"HF_HUB_OFFLINE": "1"},
    ),
    "a text file as weights": Wrong(
        said("ingest", VOICES, *RESEMBLYZER),
        4,
        ("text.ogg is not a weights file of resemblyzer", "SPKSEARCH_CHECKPOINT"),
        {"SPKSEARCH_CHECKPOINT": "ODD/text.ogg"},
    ),
    "no GPU": Wrong(said("ingest", VOICES, *RESEMBLYZER, "--device", "cuda"), 4, ("no GPU", "--device cpu")),
    "a device nobody knows": Wrong(
        said("catalog", "list"), 2, ("SPKSEARCH_DEVICE", "'gpu'", "auto, cpu or cuda"), {"SPKSEARCH_DEVICE": "gpu"}
    ),
    "a database nobody answers for": Wrong(
        said("catalog", "list"),
        3,
        ("127.0.0.1", "Check that the server runs"),
        {"SPKSEARCH_DATABASE_URL": "postgresql://someone:secret@127.0.0.1:1/voices"},
    ),
    "a database URL that is none": Wrong(
        said("catalog", "list"), 3, ("database URL cannot be read",), {"SPKSEARCH_DATABASE_URL": "voices"}
    ),
    "a database URL with a port of letters": Wrong(
        said("catalog", "list"), 3, ("database URL",), {"SPKSEARCH_DATABASE_URL": "postgresql://u@h:port/voices"}
    ),
    "a database of another kind": Wrong(
        said("catalog", "list"), 3, ("cannot be kept in mysql",), {"SPKSEARCH_DATABASE_URL": "mysql://u@h/voices"}
    ),
    "a search in no voices": Wrong(said("search", CLIP), 3, ("holds no voices yet", "spksearch ingest")),
    "a cast of no voices": Wrong(said("cast"), 3, ("holds no voices yet", "spksearch ingest")),
    "a server of no voices with an encoder nobody knows": Wrong(
        said("serve", "--port", "0", "--encoder", "nobody"), 4, ("There is no encoder 'nobody'",)
    ),
    "a clip without a name": Wrong(said("search", ""), 2, ("The path of a clip is empty",), with_voices=True),
    "a clip without a name to be unlike": Wrong(
        said("search", CLIP, "--unlike", ""), 2, ("The path of a clip is empty",), with_voices=True
    ),
    "a clip that is not there": Wrong(said("search", "gone.ogg"), 2, ("gone.ogg does not exist",), with_voices=True),
    "a clip that is a text": Wrong(
        lambda places: ("search", places.odd / "text.ogg"),
        2,
        ("text.ogg is not a format that can be read", "ffmpeg"),
        with_voices=True,
    ),
    "a clip that is a folder": Wrong(lambda places: ("search", places.odd), 2, ("odd is a folder",), with_voices=True),
    "a character nobody knows": Wrong(
        said("similar", "M/G/nobody"), 2, ("There is no character M/G/nobody", "catalog list"), with_voices=True
    ),
    "a character by a name that is nobody's": Wrong(
        said("catalog", "show", "ミミー"), 2, ("There is no character ミミー. Did you mean ミミ?",), with_voices=True
    ),
    "a character without a name": Wrong(said("similar", " "), 2, ("There is no character ' '",), with_voices=True),
    "a list of a game nobody knows": Wrong(
        said("catalog", "list", "--game", "nothing"), 2, ("There is no game nothing",), with_voices=True
    ),
    "a list of a part of a maker's name": Wrong(
        said("catalog", "list", "--maker", ROLE.maker[:3]), 2, (f"Did you mean {ROLE.maker}?",), with_voices=True
    ),
    "a list of a maker's game that another made": Wrong(
        said("catalog", "list", "--maker", ROLE.maker, "--game", ELSEWHERE.game),
        1,
        ("No character fits",),
        with_voices=True,
    ),
    "fewer clips than none": Wrong(
        said("similar", "1", "--min-clips", "-1"), 2, ("must be 0 or more, not -1",), with_voices=True
    ),
    "a cast of a part of a title": Wrong(
        said("cast", "--game", ROLE.game[:3]), 2, (f"Did you mean {ROLE.game}?",), with_voices=True
    ),
    "a game nobody knows": Wrong(
        said("search", CLIP, "--game", "nothing"), 2, ("There is no game nothing",), with_voices=True
    ),
    "a maker nobody knows": Wrong(
        said("similar", "1", "--exclude-maker", "no one"), 2, ("There is no maker no one",), with_voices=True
    ),
    "a cast of a game nobody knows": Wrong(
        said("cast", "--game", "nothing"), 2, ("There is no game nothing",), with_voices=True
    ),
    "a limit of nothing": Wrong(said("similar", "1", "--limit", "0"), 2, ("limit must be from 1",), with_voices=True),
    "a limit below nothing": Wrong(said("catalog", "show", "1", "--limit", "-1"), 2, ("limit",), with_voices=True),
    "a limit of letters": Wrong(
        said("catalog", "list", "--limit", "x"), 2, ("'--limit': it must be a valid integer\n",), with_voices=True
    ),
    "a kind of match nobody knows": Wrong(
        said("search", CLIP, "--by", "nobody"), 2, ("'--by': 'nobody' is not one of",), with_voices=True
    ),
    "a port over the highest": Wrong(
        said("serve", "--port", "65536"), 2, ("'--port': it must be less than or equal to 65535\n",)
    ),
    "a host that is not text": Wrong(
        said("serve", "--host", b"\xff", "--port", "0"),
        2,
        ("Cannot listen on port 0 of \\udcff",),
        with_voices=True,
        settings={"SPKSEARCH_API_KEYS": "ann:edit:a-key-that-is-long-enough"},
    ),
    "a host with a label too long": Wrong(
        said("serve", "--host", "x" * 70, "--port", "0"),
        2,
        ("Cannot listen on port 0 of xxx",),
        with_voices=True,
        settings={"SPKSEARCH_API_KEYS": "ann:edit:a-key-that-is-long-enough"},
    ),
    "a cursor of letters": Wrong(
        said("catalog", "list", "--cursor", "x"), 2, ("'x' is not a cursor", "`next`"), with_voices=True
    ),
    "a reason nobody knows": Wrong(
        said("catalog", "refused", "--reason", "boring"), 2, ("boring", "not_audio"), with_voices=True
    ),
    "a probability over 1": Wrong(
        said("cast", "--min-probability", "2"), 2, ("above 0 and below 1, not 2",), with_voices=True
    ),
    "a truth that is not there": Wrong(
        said("evaluate", "--truth", "gone.json"), 2, ("gone.json cannot be read", "voice_actor"), with_voices=True
    ),
    "a truth that is not JSON": Wrong(
        lambda places: ("evaluate", "--truth", places.odd / "text.ogg"), 2, ("text.ogg is no",), with_voices=True
    ),
    "a picture of an unknown kind": Wrong(
        said("plot", "map", "--out", "map.pdf"), 2, ("map.pdf does not end in .svg, .png or .html",), with_voices=True
    ),
    "a picture into nowhere": Wrong(
        lambda places: ("plot", "coverage", "--out", places.odd / "no" / "a.svg"),
        2,
        ("There is no folder", "Make it first"),
        with_voices=True,
    ),
    "a picture of a game nobody knows": Wrong(
        said("plot", "confusion", "--game", "nothing", "--out", "a.svg"), 2, ("no game nothing",), with_voices=True
    ),
    "a picture of no voices": Wrong(said("plot", "map", "--out", "a.svg"), 3, ("holds no voices yet",)),
    "a picture in an encoder nobody knows": Wrong(
        said("plot", "scores", "--encoder", "nobody", "--out", "a.svg"), 4, ("no encoder 'nobody'",), with_voices=True
    ),
    "a picture in another encoder than there is": Wrong(
        said("plot", "map", "--encoder", "anime-va", "--out", "a.svg"),
        3,
        ("holds no embeddings of anime-va",),
        with_voices=True,
    ),
    "a picture coloured by nothing there is": Wrong(
        said("plot", "map", "--colour", "mood", "--out", "a.svg"), 2, ("--colour",), with_voices=True
    ),
    "a picture of probabilities that nobody can judge": Wrong(
        said("plot", "reliability", "--out", "a.svg"), 2, ("no credit or verdict", "--truth"), with_voices=True
    ),
    "an export into nowhere": Wrong(
        lambda places: ("cast", "--export", places.odd / "no" / "cast.csv"),
        2,
        ("cast.csv cannot be written",),
        with_voices=True,
    ),
    "an export of an unknown kind": Wrong(
        said("cast", "--export", "cast.txt"), 2, (".csv, .json or .html",), with_voices=True
    ),
    "a name that is not text": Wrong(said("similar", b"M/G/\xff"), 2, ("no character M/G/\\udcff",), with_voices=True),
    "an export under a name that is not text": Wrong(
        lambda places: ("cast", "--export", os.fsencode(places.odd / "no") + b"/\xff.csv"),
        2,
        ("cannot be written",),
        with_voices=True,
    ),
    "a flag nobody knows": Wrong(said("cast", "--nothing"), 2, ("--nothing",)),
    "a limit of a cast without a queue": Wrong(said("cast", "--limit", "3"), 2, ("Give it with --queue",)),
    "a demo kept below a file": Wrong(
        lambda places: ("demo", "--keep", places.odd / "text.ogg" / "demo"), 2, ("cannot be kept", "--keep")
    ),
    "a command nobody knows": Wrong(said("nothing"), 2, ("nothing",)),
}
if GPU:
    del WRONG["no GPU"]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, ingested: Ingested) -> Places:
    odd = tmp_path_factory.mktemp("wrong") / "odd"
    for name in ("empty", "M_broken", "M_object"):
        (odd / name).mkdir(parents=True)
    (odd / "text.ogg").write_text("this is no sound\n")
    (odd / "M_broken" / "index.json").write_text('[{"Speaker": "A", "Voi')
    (odd / "M_object" / "index.json").write_text('{"Speaker": "A"}')
    for name in ("M_broken", "M_object"):
        shutil.copy(CLIP, odd / name)
    return Places(odd, odd.parent / "empty-home", odd.parent / "failed-home", ingested.home)


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_reported_in_a_sentence_with_its_exit_code(places: Places, name: str) -> None:
    wrong = WRONG[name]
    words = wrong.words(places)
    home = places.home if wrong.with_voices else places.failed if words[0] == "ingest" else places.empty
    settings = {name: value.replace("ODD", str(places.odd)) for name, value in wrong.settings.items()}
    done = quickly(*words, home=home, HF_HOME=str(places.odd.parent / "hub"), **settings)
    assert "Traceback" not in done.err
    assert [words for words in wrong.says if words not in done.err] == []
    assert (done.code, done.out) == (wrong.code, "")
    assert "secret" not in done.err


def test_an_unreachable_hub_is_reported(tmp_path: Path) -> None:
    out_of_reach = {"HF_ENDPOINT": "http://127.0.0.1:1", "NO_PROXY": "127.0.0.1", "HF_HOME": str(tmp_path / "hub")}
    done = quickly("ingest", VOICES, "--encoder", "anime-va", home=tmp_path / "home", **out_of_reach)
    assert "The weights of anime-va are not on this machine and the hub cannot be reached" in done.err
    assert "SPKSEARCH_CHECKPOINT" in done.err
    assert "Traceback" not in done.err
    assert (done.code, done.out) == (4, "")


def test_a_text_file_named_ogg_is_refused_and_the_rest_taken_in(places: Places, tmp_path: Path) -> None:
    """Beside it lies a folder named like a sound, with a row of its own, and a text with control characters."""
    game = tmp_path / "M_G"
    (game / "A" / "folder.ogg").mkdir(parents=True)
    shutil.copy(CLIP, game / "A" / "voice.ogg")
    shutil.copy(places.odd / "text.ogg", game / "A")
    written = {"voice.ogg": "I :heart: you [b]x[/b] \x1b[2J", "text.ogg": "", "folder.ogg": ""}
    rows = [{"Speaker": "A", "Voice": name, "Text": text} for name, text in written.items()]
    (game / "index.json").write_text(json.dumps(rows))
    home = tmp_path / "home"
    done = quickly("ingest", game, *RESEMBLYZER, "--json", home=home)
    assert done.code == 1
    assert done.document["refused"] == {"missing": 1, "not_audio": 1}
    assert done.document["embedded"] == 1
    refused = quickly("catalog", "refused", "--json", home=home).document["clips"]
    assert {Path(clip["path"]).name: clip["reason"] for clip in refused} == {
        "text.ogg": "not_audio",
        "folder.ogg": "missing",
    }
    shown = quickly("catalog", "show", "M/G/A", home=home)
    assert "I :heart: you [b]x[/b]" in shown.out
    assert "\x1b" not in shown.out


def test_a_port_in_use_is_reported_and_exits_with_2(ingested: Ingested) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = quickly("serve", "--port", port, home=ingested.home)
    assert f"Cannot listen on port {port} of 127.0.0.1" in done.err
    assert "Traceback" not in done.err
    assert done.code == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_is_not_writable_is_reported_and_exits_with_3(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o500)
    done = quickly("catalog", "list", home=tmp_path / "home" / "deeper")
    assert "SPKSEARCH_HOME" in done.err
    assert "Traceback" not in done.err
    assert done.code == 3
