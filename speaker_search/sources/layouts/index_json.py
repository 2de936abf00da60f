"""The rows of an index.json, one after the other: a list of a million rows must not be in memory as a whole.

This does not use ijson (3.6 with yajl2_c was tried), because ijson reads less of what dumps contain:

- It turns the lone surrogate `\\ud800` into `?`, which means an unknown speaker, and ends the list at `\\udfff`. Here
  both make their own row malformed and no other.
- It ends the list at NaN and Infinity, as Python's json writes them, and at integers over 64 bits.
- Its memory grows with the square of the nesting: 969 MiB for 20,000 brackets, and a file of 200,000 got the process
  killed. Building the rows from its `basic_parse`, with a limit on the depth, takes 3.0 s for a million rows.
- It reads a string without an end to the end of the file, however long that is.

A million rows of Speaker, Voice and Text (112 MB) take 2.8 s of CPU time here and 1.4 s with `ijson.items`, measured
with Python 3.11 on a machine with two cores.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import IO, TextIO

from speaker_search.errors import SourceError

_CHUNK = 2**20  # characters read at a time
_LONGEST_ROW = 2**24  # characters; a longer row is not a row, but a file that would be read whole
_SPACE = re.compile(r"[ \t\n\r]*")
_DECODE = json.JSONDecoder().raw_decode
_MEND = "Unpack the archive again, or use --layout folders for this game."


def rows(file: IO[bytes], name: str) -> Iterator[object]:
    """Stream the JSON values in a UTF-8 JSON list, with or without a byte order mark.

    Raises SourceError when the file is not UTF-8, not JSON or not a list, after giving the rows before the fault.
    """
    text = io.TextIOWrapper(file, encoding="utf-8-sig")
    try:
        yield from _elements(_Text(text), name)
    except UnicodeDecodeError as error:
        raise SourceError(f"{name} is not UTF-8.", "Convert it to UTF-8.") from error
    finally:
        text.detach()  # otherwise it would close the file, which belongs to the caller


class _Text:
    """A JSON text read in chunks."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text = ""
        self._at = 0

    def next_sign(self) -> str:
        """The next character that is not a space, without going past it; "" at the end."""
        while True:
            space = _SPACE.match(self._text, self._at)
            self._at = space.end() if space else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read_on():
                return ""

    def skip(self) -> None:
        """Go past the character that next_sign() gave."""
        self._at += 1

    def value(self) -> object:
        """The JSON value that begins where next_sign() stopped. Raises ValueError when there is none."""
        while True:
            try:
                value, end = _DECODE(self._text, self._at)
            except ValueError:
                if len(self._text) - self._at > _LONGEST_ROW or not self._read_on():
                    raise
                continue
            if end < len(self._text) or not self._read_on():  # at the end of a chunk `12` may be the start of `123`
                self._at = end
                return value

    def _read_on(self) -> bool:
        rest = len(self._text) - self._at
        piece = self._file.read(max(_CHUNK, rest))  # doubling keeps a long value linear, though it is parsed again
        if piece:
            self._text = self._text[self._at :] + piece
            self._at = 0
        return bool(piece)


def _elements(text: _Text, name: str) -> Iterator[object]:
    number = 0
    try:
        if text.next_sign() == "{":
            raise SourceError(f"{name} holds one JSON object, not a list of rows.", _MEND)
        if text.next_sign() != "[":
            text.value()
            raise SourceError(f"{name} holds JSON, but not a list of rows.", _MEND)
        text.skip()
        if text.next_sign() != "]":
            while True:
                text.next_sign()
                yield text.value()
                number += 1
                if text.next_sign() != ",":
                    break
                text.skip()
        if text.next_sign() != "]":
            raise _invalid(name, number)
        text.skip()
        if text.next_sign():
            raise SourceError(f"{name} continues after its list of rows.", _MEND)
    except UnicodeDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise _invalid(name, number) from error


def _invalid(name: str, number: int) -> SourceError:
    return SourceError(f"{name} is truncated or not valid JSON after row {number:,}.", _MEND)
