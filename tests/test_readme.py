"""The README is true: its tables match the program, its folders exist, its commands run."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from end_to_end.bundled import Ingested
from end_to_end.running import LIMIT_S, Ran, quickly, serving

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


#: What the commands of the README write, which in a test goes elsewhere.
WRITTEN = (
    *("cast.html", "line.ogg", "voices.backup", "voices.parquet", "voices.dataset"),
    *("map.html", "clips.png", "confusion.png", "scores.svg", "reliability.png", "coverage.html"),
)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def test_the_tables_are_those_of_the_program() -> None:
    code = "import readme_tables as t; assert t.renewed(t.README.read_text('utf-8')) == t.README.read_text('utf-8')"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT / "scripts", check=True, timeout=LIMIT_S)


def test_every_folder_of_the_package_is_in_the_layout() -> None:
    folders = [path.name for path in (ROOT / "speaker_search").iterdir() if (path / "__init__.py").is_file()]
    assert [name for name in folders if f"`speaker_search/{name}/`" not in README] == []


def test_every_path_in_the_layout_exists() -> None:
    table = README.split("## Layout")[1].split("## How a clip travels")[0]
    named = re.findall(r"^\| `([^`]+)`", table, re.M)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_nothing_but_what_the_layout_names_lies_at_the_top() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S)
    if tracked.returncode:
        pytest.skip("this is not a git checkout")
    top = {path.split("/")[0].strip('"') for path in tracked.stdout.splitlines()}
    known = {"pyproject.toml", "README.md", "LICENSE", "speaker_search", "migrations", "tests", "scripts", "docker"}
    assert {name for name in top if not name.startswith(".")} <= known


def test_the_demo_prints_what_the_readme_shows_and_leaves_only_the_catalog_that_it_names(toured: Ingested) -> None:
    shown = blocks("text")[0].strip().splitlines()
    printed = toured.first.out.splitlines()
    assert [line for line in shown if line not in printed] == []
    assert [*toured.home.parent.iterdir()] == [toured.home]
    assert f"The catalog is kept in {toured.home}." in toured.first.out


def ran(line: str, home: Path) -> Ran:
    """What a command of the README did, at the top of the checkout."""
    words = shlex.split(line)
    if words[0] == "spksearch":
        return quickly(*words[1:], home=home, folder=ROOT)
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S)
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README's HTTP examples are curl's")
def test_the_commands_in_the_readme_run_in_their_order(toured: Ingested, tmp_path: Path) -> None:
    """Each on the catalog the ones before it left, the first on the demo's, which holds all that the first adds."""
    home = toured.copy(tmp_path / "home")
    with ExitStack() as servers:
        address = "http://127.0.0.1:8000"
        for line in (line for block in blocks("sh") for line in block.splitlines()):
            if line.startswith("spksearch serve"):
                server = servers.enter_context(serving(home))
                continue
            if line.startswith("curl"):
                assert address in line
                line = line.replace(address, server.url)
            for file in WRITTEN:
                line = line.replace(f" {file}", f" {tmp_path / file}")
            done = ran(line, home)
            assert done.code == 0, (line, done)
            assert done.out.strip() or "--export" in line, line
            if line.startswith("curl"):
                assert "type" not in done.document, (line, done)
        environment = {**os.environ, "SPKSEARCH_HOME": str(home)}
        done = subprocess.run(
            [sys.executable, "-c", blocks("python")[0]],
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
        assert done.returncode == 0, done.stderr
        assert "こもれび工房/潮風カレンダー/渚 ゆら" in done.stdout
