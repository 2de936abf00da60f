"""The rows of an index.json, one after the other: a list of a million must not lie in memory whole."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import IO, TextIO

from speaker_search.errors import SourceError

_CHUNK = 2**20  # characters read at a time
_LONGEST_ROW = 2**24  # characters; more without an end is no row, but a file that would be read whole
_SPACE = re.compile(r"[ \t\n\r]*")
_DECODE = json.JSONDecoder().raw_decode
_MEND = "Unpack the archive again, or take the game in with --layout folders."


def rows(file: IO[bytes], name: str) -> Iterator[object]:
    """Stream a UTF-8 JSON list, with or without a byte order mark, as JSON values of any kind.

    Raises SourceError when it is not UTF-8, no JSON or no list; the rows before the fault come first.
    """
    text = io.TextIOWrapper(file, encoding="utf-8-sig")
    try:
        yield from _elements(_Text(text), name)
    except UnicodeDecodeError as error:
        raise SourceError(f"{name} is not UTF-8.", "Convert it to UTF-8.") from error
    finally:
        text.detach()  # or it would close the file, which is the caller's


class _Text:
    """A JSON text read in chunks."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text = ""
        self._at = 0

    def _read_on(self) -> bool:
        rest = len(self._text) - self._at
        piece = self._file.read(max(_CHUNK, rest))  # doubling keeps a long value linear although it is tried again
        if piece:
            self._text = self._text[self._at :] + piece
            self._at = 0
        return bool(piece)

    def sign(self) -> str:
        """The next character that is no space, which stays; "" at the end."""
        while True:
            space = _SPACE.match(self._text, self._at)
            self._at = space.end() if space else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read_on():
                return ""

    def skip(self) -> None:
        """Go past the character that sign() gave."""
        self._at += 1

    def value(self) -> object:
        """The JSON value that begins at sign(). Raises ValueError when there is none."""
        while True:
            try:
                value, end = _DECODE(self._text, self._at)
            except ValueError:
                if len(self._text) - self._at > _LONGEST_ROW or not self._read_on():
                    raise
                continue
            if end < len(self._text) or not self._read_on():  # at a chunk's end `12` may be the start of `123`
                self._at = end
                return value


def _elements(text: _Text, name: str) -> Iterator[object]:
    number = 0
    try:
        if text.sign() == "{":
            raise SourceError(f"{name} holds one JSON object, not a list of rows.", _MEND)
        if text.sign() != "[":
            text.value()
            raise SourceError(f"{name} holds JSON, but no list of rows.", _MEND)
        text.skip()
        if text.sign() != "]":
            while True:
                text.sign()
                yield text.value()
                number += 1
                if text.sign() != ",":
                    break
                text.skip()
        if text.sign() != "]":
            raise SourceError(f"{name} breaks off or is no JSON after row {number:,}.", _MEND)
        text.skip()
        if text.sign():
            raise SourceError(f"{name} goes on after its list of rows.", _MEND)
    except UnicodeDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{name} breaks off or is no JSON after row {number:,}.", _MEND) from error
