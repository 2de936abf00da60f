"""What may import what: read from the sources with ast, imports inside functions included."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from standin import StandInEncoder, write_dump

from speaker_search.library import Library
from speaker_search.settings import Settings

PACKAGE = Path(__file__).resolve().parents[1] / "speaker_search"
NAME = "speaker_search"
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")  # it imports lazily

#: Lower layers first.
LAYERS = (
    "entities",
    "errors",
    "new_file",
    "documents",
    "settings",
    "logs",
    "audio",
    "sources",
    "encoders",
    "catalog",
    "views",
    "ingest",
    "search",
    "cast",
    "evaluation",
    "pictures",
    "training",
    "transfer",
    "library",
    "web",
    "assistants",
    "demo",
    "cli",
    "__main__",
)
#: What the layers that talk to people and programs are made of: all they ask, they ask the library.
BELOW_THE_DOOR = {"entities", "errors", "settings", "logs", "documents", "library"}

#: Folders within a layer.
INNER_FOLDERS = {
    "cast/confusions",
    "cast/credits",
    "cast/roles",
    "cast/sheets",
    "cast/suspects",
    "cast/unknown_speakers",
    "catalog/checks",
    "catalog/knowledge",
    "catalog/mending",
    "catalog/scans",
    "catalog/tables",
    "cli/commands",
    "cli/commands/models",
    "documents/casts",
    "documents/models",
    "documents/searches",
    "encoders/backends",
    "encoders/networks",
    "evaluation/spaces",
    "library/cluster",
    "library/models",
    "library/questions",
    "library/under_load",
    "library/voices",
    "search/profiles",
    "search/suspects",
    "sources/archives",
    "sources/layouts",
    "sources/objects",
    "sources/trees",
    "transfer/datasets",
    "views/clip_index",
    "views/milvus",
    "web/pages",
    "web/routes",
    "web/serving",
}
MAX_LINES = 300
MAX_FILES = 12  # of a folder, its __init__ aside
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


def test_every_folder_is_known_here() -> None:
    folders = {path.parent.relative_to(PACKAGE).as_posix() for path in SOURCES} - {"."}
    assert folders == {layer for layer in LAYERS if (PACKAGE / layer).is_dir()} | INNER_FOLDERS


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


@pytest.mark.parametrize("layer", ["web", "assistants", "demo", "cli"])
def test_people_and_programs_come_in_by_one_door(layer: str) -> None:
    passed_by = []
    for path in (path for path in SOURCES if layer_of(path) == layer):
        for line, name in imports(path):
            parts = name.split(".")
            if parts[0] != NAME or len(parts) < 2:
                continue
            allowed = BELOW_THE_DOOR | {layer}
            if layer == "cli":
                allowed |= {"web", "assistants", "demo"}  # the commands that start them
            if parts[1] not in allowed:
                passed_by.append(f"{path.relative_to(PACKAGE)}:{line} imports {name}")
    assert passed_by == []


def test_the_command_line_imports_of_the_web_only_its_app_and_its_server() -> None:
    imported = {name for path in SOURCES if layer_of(path) == "cli" for _, name in imports(path)}
    assert {name for name in imported if name.startswith(f"{NAME}.web.")} == {
        f"{NAME}.web.app.create_app",
        f"{NAME}.web.app.serve_one_of_several",
        f"{NAME}.web.serving.connections.Patience",
        f"{NAME}.web.serving.front.check_exposure",
        f"{NAME}.web.serving.server.end_at_sigterm",
        f"{NAME}.web.serving.server.listen",
        f"{NAME}.web.serving.server.run",
        f"{NAME}.web.serving.several.Processes",
        f"{NAME}.web.serving.several.check_possible",
    }


def test_ingest_and_search_know_nothing_of_each_other() -> None:
    assert "search" not in importers_of(f"{NAME}.ingest")
    assert "ingest" not in importers_of(f"{NAME}.search")


def test_documents_know_nothing_of_how_answers_are_found() -> None:
    ours = {
        name.split(".")[1]
        for path in SOURCES
        if layer_of(path) == "documents"
        for _, name in imports(path)
        if name.startswith(f"{NAME}.")
    }
    assert ours <= {"entities", "errors", "documents"}


def test_entities_import_nothing_of_ours() -> None:
    assert [name for _, name in imports(PACKAGE / "entities.py") if name.startswith(NAME)] == []


@pytest.mark.parametrize(
    ("module", "layers"),
    [
        ("faiss", {"views"}),
        ("torch", {"encoders", "training"}),
        ("torchaudio", {"encoders", "training"}),
        ("speechbrain", {"encoders", "training"}),
        ("pydantic_settings", {"settings"}),
        ("typer", {"cli"}),
        ("fastapi", {"web"}),
        ("mcp", {"assistants"}),
        ("ray", {"library"}),
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


#: What takes long to import, and which few commands need.
HEAVY = (
    "torch",
    "torchaudio",
    "speechbrain",
    "faiss",
    "fastapi",
    "uvicorn",
    "pyarrow",
    "huggingface_hub",
    "mcp",
    "ray",
)


def imported(program: str, names: tuple[str, ...], home: Path) -> list[str]:
    """Which of some modules a program has imported by its end."""
    at_exit = f"atexit.register(lambda: print('\\nIMPORTED', *sorted({{*{names}}} & set(sys.modules))))"
    done = subprocess.run(
        [sys.executable, "-c", f"import atexit, sys\n{at_exit}\n{program}"],
        env={**os.environ, "SPKSEARCH_HOME": str(home)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )
    last = done.stdout.splitlines()[-1].split()
    assert (done.returncode, last[0]) == (0, "IMPORTED"), done.stderr
    return last[1:]


def command(*words: str) -> str:
    return f"from speaker_search import cli; sys.argv = ['spksearch', *{words}]; cli.main()"


class KnownEncoder(StandInEncoder):
    """A stand-in under a name that the program knows, so that its commands answer."""

    name = "resemblyzer"
    space = "resemblyzer@000000000000"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a game in it."""
    home = tmp_path_factory.mktemp("home")
    dump = write_dump(home / "voices", {"Kumo/Hare": {"Aoi": 1, "Beni": 2}})
    (dump / "Kumo/Hare/Aoi/broken.wav").write_text("no sound")
    with Library(Settings(home=home, encoder=KnownEncoder.name), encoder=KnownEncoder()) as library:
        library.ingest([dump])
    return home


#: What the catalog needs, and help does not.
TABLES = ("sqlalchemy", "alembic", "numpy")
PROGRAMS = {
    "package": ("import speaker_search", (*HEAVY, *TABLES, "pydantic", "typer")),
    "library": ("import speaker_search.library", (*HEAVY, "soundfile", "typer")),
    "program and server": ("import speaker_search.cli.program, speaker_search.web.app", HEAVY[:4]),
    "--help": (command("--help"), (*HEAVY, *TABLES)),
    "search --help": (command("search", "--help"), (*HEAVY, *TABLES)),
    "--version": (command("--version"), (*HEAVY, *TABLES)),
    "catalog list": (command("catalog", "list"), (*HEAVY, "soundfile", "soxr")),
    "catalog show": (command("catalog", "show", "1"), (*HEAVY, "soundfile", "soxr")),
    "catalog refused": (command("catalog", "refused"), (*HEAVY, "soundfile", "soxr")),
    # What reads the index's folder is what reads the index, by FAISS.
    "index status": (command("index", "status"), tuple(name for name in HEAVY if name != "faiss")),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_takes_long_to_import_waits_until_it_is_needed(name: str, home: Path) -> None:
    program, slow = PROGRAMS[name]
    assert imported(program, slow, home) == []


def test_no_process_is_asked_by_a_signal_whether_it_lives() -> None:
    """On Windows os.kill(pid, 0) sends Ctrl-C: psutil asks the system."""
    assert [str(path) for path in SOURCES if "os.kill(" in path.read_text(encoding="utf-8")] == []


def test_no_file_of_the_package_is_over_300_lines() -> None:
    lines = {str(path.relative_to(PACKAGE)): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {name: count for name, count in lines.items() if count > MAX_LINES} == {}


def test_no_folder_of_the_package_holds_over_a_dozen_files() -> None:
    files = Counter(path.parent for path in SOURCES if not path.name.startswith("__"))
    assert {str(folder): count for folder, count in files.items() if count > MAX_FILES} == {}


def test_no_two_files_of_the_package_have_one_name() -> None:
    files = Counter(path.name for path in SOURCES if not path.name.startswith("__"))
    assert {name for name, count in files.items() if count > 1} == set()


def test_no_module_has_a_name_that_says_nothing() -> None:
    names = {part.removesuffix(".py") for path in SOURCES for part in path.relative_to(PACKAGE).parts}
    assert names & FORBIDDEN_NAMES == set()
