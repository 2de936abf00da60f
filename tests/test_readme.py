"""The README is true: its tables match the program, its folders exist, its commands run."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RUN_LIMIT_S = 120


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def test_the_tables_are_those_of_the_program() -> None:
    code = "import readme_tables as t; assert t.renewed(t.README.read_text('utf-8')) == t.README.read_text('utf-8')"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT / "scripts", check=True, timeout=RUN_LIMIT_S)


def test_every_folder_of_the_package_is_in_the_layout() -> None:
    folders = [path.name for path in (ROOT / "speaker_search").iterdir() if (path / "__init__.py").is_file()]
    assert [name for name in folders if f"`speaker_search/{name}/`" not in README] == []


def test_every_path_in_the_layout_exists() -> None:
    table = README.split("## Layout")[1].split("## How a clip travels")[0]
    named = re.findall(r"^\| `([^`]+)`", table, re.M)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_nothing_but_what_the_layout_names_lies_at_the_top() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, timeout=RUN_LIMIT_S)
    if tracked.returncode:
        pytest.skip("this is not a git checkout")
    top = {path.split("/")[0].strip('"') for path in tracked.stdout.splitlines()}
    known = {"pyproject.toml", "README.md", "LICENSE", "speaker_search", "migrations", "tests", "scripts", "docker"}
    assert {name for name in top if not name.startswith(".")} <= known


def test_the_demo_prints_what_the_readme_shows(tmp_path: Path) -> None:
    shown = blocks("text")[0].strip().splitlines()
    demo = subprocess.run(
        [ROOT / "scripts" / "demo"], cwd=tmp_path, capture_output=True, text=True, timeout=RUN_LIMIT_S, check=False
    )
    assert demo.returncode == 0, demo.stderr
    printed = demo.stdout.splitlines()
    assert [line for line in shown if line not in printed] == []


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README's HTTP examples are curl's")
def test_the_commands_in_the_readme_run_in_their_order(tmp_path: Path) -> None:
    """Each on the catalog the ones before it made, as a reader would."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = {
        **os.environ,
        "SPKSEARCH_HOME": str(tmp_path / "home"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    lines = [line for block in blocks("sh") for line in block.replace("8000", port).splitlines()]
    server = None
    try:
        for line in lines:
            if line.startswith("spksearch serve"):
                server = subprocess.Popen(
                    line.split(), cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True, encoding="utf-8"
                )
                assert server.stderr is not None
                assert port in server.stderr.readline()
                continue
            line = line.replace("cast.html", str(tmp_path / "cast.html"))
            done = subprocess.run(
                ["bash", "-c", line], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=RUN_LIMIT_S
            )
            # The bundled voices hold a broken file and lack one, which ingest says by its exit code.
            refusing = line.startswith("spksearch ingest") and not {"--dry-run", "--enqueue"} & set(line.split())
            expected = 1 if refusing else 0
            assert done.returncode == expected, (line, done.stdout, done.stderr)
            assert done.stdout.strip() or "--export" in line, line
            if line.startswith("curl"):
                assert "type" not in json.loads(done.stdout), (line, done.stdout)
        code = blocks("python")[0]
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=RUN_LIMIT_S
        )
        assert done.returncode == 0, done.stderr
        assert "こもれび工房/潮風カレンダー/渚 ゆら" in done.stdout
    finally:
        if server:
            server.terminate()
            server.wait(RUN_LIMIT_S)
            assert server.stderr is not None
            server.stderr.close()
