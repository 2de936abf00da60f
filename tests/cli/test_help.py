"""Every command explains itself, with an example that it understands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from speaker_search.cli.program import app, program

WITHOUT_JSON = {"serve", "mcp"}  # they answer over HTTP and MCP


def commands(command: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command below one, with the words that call it."""
    for name, below in getattr(command, "commands", {}).items():
        if hasattr(below, "commands"):
            yield from commands(below, (*names, name))
        else:
            yield " ".join((*names, name)), below


COMMANDS = dict(commands(typer.main.get_command(app)))


def test_the_commands_are_those_promised_so_far() -> None:
    assert COMMANDS.keys() >= {
        "ingest",
        "search",
        "similar",
        "cast",
        "evaluate",
        "plot map",
        "plot confusion",
        "plot scores",
        "plot reliability",
        "plot coverage",
        "verify",
        "catalog list",
        "catalog show",
        "catalog refused",
        "catalog import",
        "catalog rename",
        "catalog merge",
        "catalog undo",
        "catalog edits",
        "backup",
        "restore",
        "export",
        "index status",
        "index build",
        "index tune",
        "play",
        "serve",
        "mcp",
        "demo",
    }


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_has_help_with_an_example(words: str) -> None:
    given = [*words.split(), "--help"]
    shown = CliRunner().invoke(program(given), given, prog_name="spksearch")
    assert shown.exit_code == 0
    assert f"Usage: spksearch {words} " in shown.output
    assert f"Example: spksearch {words}" in re.sub(r"\s+", " ", shown.output)


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_made_alone_has_the_same_options_as_among_all(words: str) -> None:
    alone = dict(commands(typer.main.get_command(program(words.split()))))
    assert {words} <= alone.keys() <= {words, "export"}  # of "export dataset" the first word is a command too
    made, among_all = ([(each.name, each.opts) for each in one[words].params] for one in (alone, COMMANDS))
    assert made == among_all


@pytest.mark.parametrize("words", ["", "--version", "serch", "--help catalog", "search --help"])
def test_all_commands_are_made_only_where_the_first_word_names_none(words: str) -> None:
    made = program(words.split())
    assert (made is app) == (words != "search --help")


@pytest.mark.parametrize("words", COMMANDS)
def test_every_example_is_understood_by_its_command(words: str) -> None:
    example = re.search(r"Example: (.+)", COMMANDS[words].help)
    assert example
    arguments = shlex.split(example[1])[1 + len(words.split()) :]
    COMMANDS[words].make_context(words, arguments)


@pytest.mark.parametrize("words", sorted(COMMANDS.keys() - WITHOUT_JSON))
def test_every_command_with_an_answer_gives_it_as_json_too(words: str) -> None:
    assert any("--json" in parameter.opts for parameter in COMMANDS[words].params)


def test_every_option_says_what_it_does() -> None:
    silent = [
        f"{words} {parameter.name}"
        for words, command in COMMANDS.items()
        for parameter in command.params
        if not parameter.help
    ]
    assert silent == []
