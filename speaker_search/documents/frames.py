"""Answers that are tables: printed in one line, as rows, and as data frames."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any, ClassVar

from speaker_search.documents import notebooks
from speaker_search.errors import UsageError


def frame(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> Any:
    """A pandas DataFrame. Raises UsageError where pandas is not installed."""
    try:
        pandas = importlib.import_module("pandas")
    except ImportError as error:
        mend = "`pip install pandas`, or use `rows()`, which gives a list of dicts."
        raise UsageError("to_frame() needs pandas, which is not installed.", mend) from error
    return pandas.DataFrame(list(rows), columns=list(columns))


class Tabular:
    """An answer made of rows. It prints briefly, and becomes a pandas DataFrame where pandas is installed."""

    __slots__ = ()

    columns: ClassVar[tuple[str, ...]]  #: of its rows

    def cells(self) -> Iterable[tuple[object, ...]]:
        """Its rows, a value for each column."""
        raise NotImplementedError

    def brief(self) -> dict[str, object]:
        """What its repr shows."""
        raise NotImplementedError

    def rows(self) -> list[dict[str, Any]]:
        """Its rows as dicts, by column."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.cells()]

    def to_frame(self) -> Any:
        """Its rows as a pandas DataFrame. Raises UsageError where pandas is not installed."""
        return frame(self.columns, self.cells())

    def sounds(self) -> Iterable[tuple[str, bytes] | None]:
        """A sound for each row as its media type and content, for players in notebooks; None where it has none."""
        return ()

    def _repr_html_(self) -> str:
        """What notebooks show."""
        return notebooks.table(str(self), self.columns, self.cells(), self.sounds())

    def __repr__(self) -> str:
        shown = (
            f"{name}={value:.3f}" if isinstance(value, float) else f"{name}={value!r}"
            for name, value in self.brief().items()
        )
        return f"{type(self).__name__}({', '.join(shown)})"

    __str__ = __repr__


class WithDocument(Tabular):
    """An answer for Python programs, with the rows of the document that other programs get."""

    __slots__ = ()

    def cells(self) -> Iterable[tuple[object, ...]]:
        return self.document().cells()

    def brief(self) -> dict[str, object]:
        return self.document().brief()

    def document(self) -> Tabular:
        """The answer as the JSON document that the command line prints and the server sends."""
        raise NotImplementedError
