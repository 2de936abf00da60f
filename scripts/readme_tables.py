"""The README's tables of encoders, commands, settings, routes and problems, from the program itself."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import typer.main

from speaker_search.cli.program import app
from speaker_search.encoders import PURPOSES
from speaker_search.encoders.weights import SOURCES, InWheel
from speaker_search.library import Library
from speaker_search.settings import Settings
from speaker_search.web.app import create_app
from speaker_search.web.problems import KINDS, PREFIX

README = Path(__file__).resolve().parents[1] / "README.md"


def encoders() -> str:
    """Every encoder with what it is for and where its weights come from."""
    lines = ["| encoder | for | weights |", "|---|---|---|"]
    for name, source in SOURCES.items():
        where = f"in the package {source.package}" if isinstance(source, InWheel) else f"downloaded: {source.repo}"
        lines.append(f"| `{name}` | {PURPOSES[name]} | {where} |")
    return "\n".join(lines)


def commands() -> str:
    """Every command with the first line of its help, and its flags."""
    lines = ["| command | does | flags |", "|---|---|---|"]
    for name, command in _walk(typer.main.get_command(app)):
        flags = " ".join(f"`{o}`" for p in command.params for o in p.opts if o.startswith("--") and o != "--help")
        first = (command.help or "").strip().split("\n\n")[0].replace("\n", " ")
        arguments = "".join(f" {p.metavar}" for p in command.params if p.param_type_name == "argument")
        lines.append(f"| `{name}{arguments}` | {first} | {flags} |")
    return "\n".join(lines)


def _walk(command, prefix=""):  # type: ignore[no-untyped-def]
    """Names and commands below a group, depth first."""
    for name, inner in command.commands.items():
        if hasattr(inner, "commands"):
            yield from _walk(inner, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", inner


def settings() -> str:
    """Every setting with its meaning."""
    lines = ["| setting | meaning |", "|---|---|"]
    for name, field in Settings.model_fields.items():
        lines.append(f"| `SPKSEARCH_{name.upper()}` | {field.description} |")
    return "\n".join(lines)


def routes() -> str:
    """Every route with the first sentence of its description."""
    lines = ["| request | does |", "|---|---|"]
    with tempfile.TemporaryDirectory() as home, Library(Settings(home=Path(home))) as library:
        paths = create_app(library).openapi()["paths"]
    for path, methods in paths.items():
        for method, operation in methods.items():
            does = operation["description"].split("\n\n")[0].replace("\n", " ")
            lines.append(f"| `{method.upper()} {path}` | {does} |")
    return "\n".join(lines)


def problems() -> str:
    """Every type of problem with its status and what it means."""
    lines = ["| type | status | when |", "|---|---|---|"]
    lines += [f"| `{PREFIX}{name}` | {kind.status} | {kind.means} |" for name, kind in KINDS.items()]
    return "\n".join(lines)


def renewed(text: str) -> str:
    """The README's text with all tables up to date."""
    for name, table in {
        "encoders": encoders(),
        "commands": commands(),
        "settings": settings(),
        "routes": routes(),
        "problems": problems(),
    }.items():
        begin, end = f"<!-- {name}: written by scripts/readme -->", f"<!-- /{name} -->"
        text = re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: f"{begin}\n{table}\n{end}", text, flags=re.S)  # noqa: B023
    return text


if __name__ == "__main__":
    README.write_text(renewed(README.read_text(encoding="utf-8")), encoding="utf-8")
