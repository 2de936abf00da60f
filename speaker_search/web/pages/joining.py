"""The modules of a page joined into one, and its styles, so that a browser asks for one file of each.

The modules are plain ES modules, and work as they are. Joined, each becomes a function that returns what it exports.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence

_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.[^"]+\.js)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async function|function|class|const) (\w+))", re.MULTILINE)
_EXPORTED_AGAIN = re.compile(r"^export \{([^}]*)\};$", re.MULTILINE)


def imported(sources: Mapping[str, str], entries: Sequence[str]) -> list[str]:
    """The modules and all that they import, each after those that it imports. Raises ValueError for a circle."""
    found: dict[str, bool] = {}  # path -> whether all that it imports is there

    def add(path: str) -> None:
        if not found.setdefault(path, False):
            for _, name in _IMPORT.findall(sources[path]):
                needed = _resolved(path, name)
                if not found.get(needed, True):
                    raise ValueError(f"{path} and {needed} import each other.")
                add(needed)
            found.pop(path)
            found[path] = True

    for entry in entries:
        add(entry)
    return list(found)


def joined_modules(sources: Mapping[str, str], entries: Sequence[str]) -> str:
    """One module that does what the entries do, for a folder beside theirs. Raises ValueError for an unknown export."""
    names = {path: f"$module{place}" for place, path in enumerate(imported(sources, entries))}
    return "".join(f"const {name} = {_as_function(path, sources[path], names)};\n" for path, name in names.items())


def _as_function(path: str, text: str, names: Mapping[str, str]) -> str:
    exports = [name for _, name in _EXPORT.findall(text)]
    exports += [name for listed in _EXPORTED_AGAIN.findall(text) for name in listed.split(",")]
    text = _EXPORTED_AGAIN.sub("", _EXPORT.sub(r"\1", text))
    text = _IMPORT.sub(
        lambda found: f"const {{{found[1].replace(' as ', ': ')}}} = {names[_resolved(path, found[2])]};", text
    )
    if re.search(r"^(?:im|ex)port\b", text, re.MULTILINE):
        raise ValueError(f"{path} imports or exports in a way that cannot be joined.")
    text = text.replace("import.meta.url", f'new URL("../{path}", import.meta.url)')
    return f"await (async () => {{\n{text}\nreturn {{{', '.join(exports)}}};\n}})()"


def folders(paths: Sequence[str]) -> list[str]:
    """The folders of modules, those of the page itself, which come last, first."""
    return list(dict.fromkeys(path.partition("/")[0] for path in reversed(paths)))


def _resolved(importer: str, name: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), name))
