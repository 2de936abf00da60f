"""The sentences that the server may say, read from its sources: an f-string's values are {1}, {2} and so on."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import speaker_search

PACKAGE = Path(speaker_search.__file__).parent
#: Commands, and what only they reach.
NOT_SERVED = {"assistants.py", "cli", "demo", "evaluation", "training", "transfer"}


def said(name: str) -> frozenset[str]:
    """Every text that is given to calls of this name: sentences, and what is to do about them."""
    return _read()[0][name]


def texts() -> frozenset[str]:
    """Every text in the sources."""
    return _read()[1]


@cache
def _read() -> tuple[dict[str, frozenset[str]], frozenset[str]]:
    given: dict[str, set[str]] = {}
    every: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] in NOT_SERVED:
            continue
        nodes = [*ast.walk(ast.parse(path.read_text("utf-8")))]
        known = {
            target.id: text
            for node in nodes
            if isinstance(node, ast.Assign) and (text := _text(node.value))
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        every.update(text for node in nodes if isinstance(node, ast.expr) and (text := _text(node)))
        for node in nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                found = (known.get(one.id) if isinstance(one, ast.Name) else _text(one) for one in node.args)
                given.setdefault(node.func.id, set()).update(text for text in found if text)
    return {name: frozenset(found) for name, found in given.items()}, frozenset(every)


def _text(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return None
    text, values = "", 0
    for part in node.values:
        if isinstance(part, ast.Constant):
            text += str(part.value)
        else:
            values += 1
            text += f"{{{values}}}"
    return text
