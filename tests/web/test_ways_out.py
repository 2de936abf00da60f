"""Errors advise a client of the server, not a reader of the command line."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import speaker_search
from speaker_search.errors import CatalogError, NotFoundError, SourceError, SpeakerSearchError, UsageError
from speaker_search.web.ways_out import over_http

PACKAGE = Path(speaker_search.__file__).parent
SAID: list[tuple[SpeakerSearchError, str]] = [
    (
        NotFoundError("There is no verdict 9.", "`spksearch verdict list --history` lists all."),
        "There is no verdict 9. `GET /v1/verdicts?history=true` lists all.",
    ),
    (
        NotFoundError("There is no game x.", "Did you mean y? `spksearch catalog list` lists all."),
        "There is no game x. Did you mean y? `GET /v1/games` lists all.",
    ),
    (
        NotFoundError("There is no character x.", "See `spksearch catalog list`."),
        "There is no character x. See `GET /v1/characters`.",
    ),
    (
        UsageError("Edit 7 builds on edit 3.", "Run `spksearch catalog undo 7` first."),
        "Edit 7 builds on edit 3. Undo that one first: `DELETE /v1/edits/7`.",
    ),
    (
        UsageError("A ≠ B.", "If one of them is wrong, undo it first: `spksearch verdict undo 3` (or 4)."),
        "A ≠ B. If one of them is wrong, undo it first: `DELETE /v1/verdicts/3` (or 4).",
    ),
    (
        UsageError("There is a game x already (id 3).", "`spksearch catalog merge game` merges them."),
        'There is a game x already (id 3). To merge them, `POST /v1/edits` with `"kind": "merge"`.',
    ),
    (
        SourceError("x is a list of files.", "Use --layout manifest."),
        'x is a list of files. Use `"layout": "manifest"`.',
    ),
    (
        CatalogError("The schema is old.", "Back it up, then run `spksearch catalog upgrade`."),
        "The schema is old. For whoever runs the server: back it up, then run `spksearch catalog upgrade`.",
    ),
    (UsageError("The limit must be from 1 to 1,000."), "The limit must be from 1 to 1,000."),
]
#: Commands that only whoever runs the server can give, and those that no route ever advises.
OF_THE_SERVER = {
    "adopt",
    "catalog upgrade",
    "index build",
    "ingest --again --encoder",
    "ingest --again --encoder NAME",
    "ingest --encoder",
    "verify",
    "worker --drain",
}
OF_THE_COMMAND_LINE = {
    *("backup", "credits import", "evaluate", "export", "ingest PATH --dry-run --list malformed", "mcp", "train"),
    *("restore", "train --resume", "verdict", "worker --ray"),
}
#: What sentences add to a command.
FOLLOWED_BY = {"catalog undo": " 3", "verdict undo": " 3", "catalog merge": " game"}


@pytest.mark.parametrize(("error", "said"), SAID, ids=lambda value: str(value)[:30])
def test_an_error_names_the_request_that_mends_it(error: SpeakerSearchError, said: str) -> None:
    assert over_http(error) == said


def commands() -> set[str]:
    """Every command that a sentence of the package names, the command line itself and the demo aside."""
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] in ("cli", "demo", "web"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.update(match.strip() for match in re.findall(r"`spksearch ([^`]+)", node.value))
    return found


def test_every_command_that_an_error_advises_has_its_request_or_is_the_servers() -> None:
    unknown = []
    for command in commands() - OF_THE_SERVER - OF_THE_COMMAND_LINE:
        said = over_http(UsageError("No.", f"Run `spksearch {command}{FOLLOWED_BY.get(command, '')}` first."))
        if "spksearch" in said:
            unknown.append(command)
    assert unknown == []
    assert commands() >= OF_THE_SERVER | OF_THE_COMMAND_LINE
