"""The rows of a preview, printed as they are found: there may be millions, too many for a table or for memory."""

from __future__ import annotations

import sys

from speaker_search.cli import output
from speaker_search.cli.fitting import plain
from speaker_search.documents import Listed, Preview

OPENING = b'{"rows": [\n'


class Listing:
    """A line for each row; as JSON, the preview's document with the rows in it, in front of all else."""

    def __init__(self, *, json: bool) -> None:
        self._json = json
        self._first = True

    def row(self, one: Listed) -> None:
        """Print one row."""
        output.waiting("")
        if self._json:
            sys.stdout.buffer.write((OPENING if self._first else b",\n") + one.model_dump_json().encode())
            self._first = False
        else:
            place = f"{one.root}/{one.path}" if one.path else one.root
            print(plain(f"{place}: {one.why}" if one.why else place))

    def end(self, found: Preview) -> None:
        """Print the rest."""
        output.waiting("")
        if self._json:
            opened = OPENING if self._first else b""
            sys.stdout.buffer.write(opened + b"\n],\n" + found.model_dump_json(by_alias=True).encode()[1:] + b"\n")
        else:
            output.preview(found)
