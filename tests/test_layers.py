"""What may import what: read from the sources with ast, imports inside functions included."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "speaker_search"
NAME = "speaker_search"
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")  # it imports lazily

#: Lower layers first.
LAYERS = (
    "entities",
    "errors",
    "settings",
    "audio",
    "sources",
    "encoders",
    "catalog",
    "index",
    "ingest",
    "search",
    "cast",
    "evaluation",
    "library",
    "web",
    "demo",
    "cli",
    "__main__",
)
MAX_LINES = 300
FORBIDDEN_NAMES = {"utils", "util", "common", "base", "helpers", "helper", "misc", "manager", "service", "factory"}


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported anywhere in a file."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def importers_of(module: str) -> set[str]:
    """The layers that import a module."""
    return {
        layer_of(path)
        for path in SOURCES
        for _, name in imports(path)
        if name == module or name.startswith(module + ".")
    }


def test_every_part_of_the_package_has_its_layer() -> None:
    assert {layer_of(path) for path in SOURCES} == set(LAYERS)


def test_imports_point_down_only() -> None:
    upward = []
    for path in SOURCES:
        own = LAYERS.index(layer_of(path))
        for line, name in imports(path):
            parts = name.split(".")
            if parts[0] != NAME or len(parts) < 2 or parts[1] == layer_of(path):
                continue
            if parts[1] not in LAYERS or LAYERS.index(parts[1]) > own:
                upward.append(f"{path.relative_to(PACKAGE)}:{line} imports {name}")
    assert upward == []


def test_ingest_and_search_know_nothing_of_each_other() -> None:
    assert "search" not in importers_of(f"{NAME}.ingest")
    assert "ingest" not in importers_of(f"{NAME}.search")


def test_entities_import_nothing_of_ours() -> None:
    assert [name for _, name in imports(PACKAGE / "entities.py") if name.startswith(NAME)] == []


@pytest.mark.parametrize(
    ("module", "layers"),
    [
        ("faiss", {"index"}),
        ("torch", {"encoders"}),
        ("torchaudio", {"encoders"}),
        ("speechbrain", {"encoders"}),
        ("pydantic_settings", {"settings"}),
        ("typer", {"cli"}),
        ("fastapi", {"web"}),
    ],
)
def test_a_library_is_imported_in_its_one_layer(module: str, layers: set[str]) -> None:
    assert importers_of(module) <= layers


def test_only_settings_read_the_environment() -> None:
    readers = []
    for path in SOURCES:
        for node in nodes(path):
            read = isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"}
            named = isinstance(node, ast.ImportFrom) and {a.name for a in node.names} & {"environ", "getenv"}
            if (read or named) and layer_of(path) != "settings":
                readers.append(f"{path.relative_to(PACKAGE)}:{node.lineno}")
    assert readers == []


@pytest.mark.parametrize(
    ("program", "heavy"),
    [
        ("import speaker_search", ("torch", "numpy", "sqlalchemy", "faiss")),
        ("import speaker_search.cli.app, speaker_search.web.app", ("torch", "torchaudio", "speechbrain")),
        (
            "from speaker_search import cli; sys.argv = ['spksearch', '--help']; cli.main()",
            ("torch", "torchaudio", "speechbrain"),
        ),
    ],
)
def test_what_takes_seconds_to_import_waits_until_it_is_needed(program: str, heavy: tuple[str, ...]) -> None:
    at_exit = f"atexit.register(lambda: print('HEAVY', sorted({{*{heavy}}} & set(sys.modules))))"
    done = subprocess.run(
        [sys.executable, "-c", f"import atexit, sys\n{at_exit}\n{program}"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "HEAVY []"), done.stderr


def test_no_file_of_the_package_is_over_300_lines() -> None:
    lines = {str(path.relative_to(PACKAGE)): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {name: count for name, count in lines.items() if count > MAX_LINES} == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    names = {part.removesuffix(".py") for path in SOURCES for part in path.relative_to(PACKAGE).parts}
    assert names & FORBIDDEN_NAMES == set()
