"""Voices in a data set on Hugging Face: a small server answers here as the hub does."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from end_to_end.running import LIMIT_S, environment
from standin import write_voice

SET = "datasets/owner/voices"
SOUND = "lines/Key/空/琴子/1.wav"


class _Hub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    files: Mapping[str, bytes] = {}
    asked: list[str]

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path).lstrip("/")
        self.asked.append(path)
        if path.startswith(f"api/{SET}/tree/"):
            below, everything = path.removeprefix(f"api/{SET}/tree/").partition("/")[2], "recursive=true" in url.query
            found = [one for one in self._entries() if str(one["path"]).startswith(f"{below}/" if below else "")]
            flat = [one for one in found if everything or str(one["path"]).rpartition("/")[0] == below]
            self._answer(json.dumps(flat).encode())
        elif path in (f"api/{SET}", f"api/{SET}/revision/main"):
            self._answer(json.dumps({"id": "owner/voices", "sha": "c" * 40, "siblings": []}).encode())
        elif path.startswith(f"{SET}/resolve/"):
            data = self.files[path.removeprefix(f"{SET}/resolve/").partition("/")[2]]
            part = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or "")
            self._answer(data[int(part[1]) : int(part[2]) + 1] if part else data, 206 if part else 200)
        else:
            self._answer(b"{}", 404)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass

    def _entries(self) -> list[dict[str, object]]:
        folders = {path.rsplit("/", up)[0] for path in self.files for up in range(1, path.count("/") + 1)}
        listed: list[dict[str, object]] = [
            {"type": "file", "path": path, "size": len(data), "oid": hashlib.sha256(data).hexdigest()[:40]}
            for path, data in self.files.items()
        ]
        return listed + [{"type": "directory", "path": path, "size": 0, "oid": "0" * 40} for path in folders]

    def _answer(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("ETag", '"one"')
        if status == 404:
            self.send_header("X-Error-Code", "RepoNotFound")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[type[_Hub]]:
    class Hub(_Hub):
        files: Mapping[str, bytes] = {
            SOUND: write_voice(tmp_path / "1.wav", 1).read_bytes(),
            "lines/Key/空/琴子/2.wav": write_voice(tmp_path / "2.wav", 1, 2).read_bytes(),
            "README.md": b"voices",
        }
        asked: list[str] = []  # noqa: RUF012

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        environment.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
        yield Hub
    server.shutdown()
    thread.join()
    server.server_close()


#: huggingface-hub reads HF_ENDPOINT when it is imported, so a process of its own takes the voices in.
TAKES_IN = """
import json, sys
from speaker_search.errors import SourceError
from speaker_search.library import Library
from speaker_search.settings import Settings
from standin import StandInEncoder

with Library(Settings(home=sys.argv[1], encoder="stand-in"), encoder=StandInEncoder()) as library:
    report = library.ingest([sys.argv[2]], processes=1)
    clip = library.show("琴子").clips[0]
    try:
        library.ingest([sys.argv[3]])
    except SourceError as error:
        said = str(error)
    print(json.dumps([report.embedded, str(clip.path), library.sound(clip.id).source.hex(), said]))
"""


def test_a_data_set_is_taken_in_and_played(hub: type[_Hub], tmp_path: Path) -> None:
    words = [sys.executable, "-c", TAKES_IN, tmp_path / "home", f"hf://{SET}/lines", "hf://datasets/owner/other"]
    tests = Path(__file__).parents[1]
    environ = environment(tmp_path / "home", PYTHONPATH=os.pathsep.join([str(tests), str(tests.parent)]))
    done = subprocess.run(words, env=environ, capture_output=True, text=True, encoding="utf-8", timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr
    embedded, path, content, said = json.loads(done.stdout)
    assert (embedded, path, bytes.fromhex(content)) == (2, f"hf://{SET}/{SOUND}", hub.files[SOUND])
    assert said.startswith("hf://datasets/owner/other cannot be read: its dataset does not exist.")
