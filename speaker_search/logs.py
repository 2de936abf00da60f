"""What programs that run for long write to stderr: sentences for people, or a line of JSON for each event.

Lines of JSON may be sent to other machines and kept for long. So they hold nothing that somebody has typed, sent or
stored: of a sentence only its constant words and its numbers, of an error only its class and where it was raised.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from numbers import Number
from pathlib import PurePath
from typing import Any, Literal

from speaker_search.errors import SpeakerSearchError, UsageError

Format = Literal["text", "json"]
Level = Literal["info", "warning", "error"]

FLOOD_S = 10.0  # within which equal lines are counted
FLOOD_LINES = 20
MOST_SENTENCES = 1_000  # that are counted at a time
MOST_FRAMES = 20  # of an error's traceback, the innermost
ASK_TEXT = "Run the same command with --log-format text: that says why."
LEFT_OUT = "…"  # in place of a value that is not a number
#: Whose sentences are constant but for their arguments. Others may have put names and paths into theirs.
TRUSTED = ("speaker_search", "uvicorn")

EVENTS = logging.getLogger("speaker_search.events")  # below the level of warnings, so only lines of JSON have them
REQUEST: ContextVar[str] = ContextVar("REQUEST", default="")  #: the id of the request being answered


def event(name: str, *, level: Level = "info", **fields: float | str | None) -> None:
    """Log an event. `fields` are numbers, and words of the program's own: never what somebody has sent or stored."""
    if EVENTS.isEnabledFor(logging.INFO):
        EVENTS.info(name, extra={"line": {"level": level, "event": name, **fields}})


def ended(error: SpeakerSearchError) -> None:
    """Log the error that ends the program. Sentences about flags and settings are shown; others name what is stored."""
    known = {"message": str(error) if type(error) is UsageError else ASK_TEXT}
    EVENTS.error("ended", extra={"line": {"level": "error", "event": "ended", **known, **of_error(error)}})


def to_stderr(form: Format) -> None:
    """Have all that is logged by this process written to stderr, as text or as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Flood())
    if form == "json":
        handler.setFormatter(Lines())
        EVENTS.setLevel(logging.INFO)
        logging.captureWarnings(True)
        threading.excepthook = _log_death
    else:
        handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logging.getLogger().handlers = [handler]


class Lines(logging.Formatter):
    """Writes a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line: time in UTC, level, event, process, and what else is known."""
        line: dict[str, Any] = {"time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")}
        line |= getattr(record, "line", None) or _of_sentence(record)
        line["pid"] = os.getpid()
        if request := REQUEST.get():
            line["request_id"] = request
        if left_out := getattr(record, "left_out", 0):
            line["left_out"] = left_out
        return json.dumps(line, ensure_ascii=False)


@dataclass(slots=True)
class _Seen:
    since_s: float
    lines: int = 0
    left_out: int = 0


class Flood(logging.Filter):
    """Leaves out equal warnings and errors after the first FLOOD_LINES within FLOOD_S; in JSON the next one has
    `left_out`, their number.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._seen: dict[tuple[object, ...], _Seen] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is written."""
        line: Mapping[str, object] = getattr(record, "line", {})
        if line.get("level", record.levelname.lower()) == "info":
            return True
        now_s = self._clock()
        what = record.msg if isinstance(record.msg, str) else type(record.msg)
        if len(self._seen) > MOST_SENTENCES:  # some programs put values into theirs
            self._seen.clear()
        seen = self._seen.setdefault((record.name, what, line.get("route"), line.get("status")), _Seen(now_s))
        if now_s - seen.since_s >= FLOOD_S:
            record.left_out = seen.left_out
            seen.since_s, seen.lines, seen.left_out = now_s, 0, 0
        seen.lines += 1
        seen.left_out += seen.lines > FLOOD_LINES
        return seen.lines <= FLOOD_LINES


def of_error(error: BaseException) -> dict[str, Any]:
    """What may be said of an error: its class, those of its causes, and where it was raised."""
    causes: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(causes) < MOST_FRAMES:
        causes.append(type(cause).__name__)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    frames = traceback.extract_tb(error.__traceback__)[-MOST_FRAMES:]
    raised = [f"{'/'.join(PurePath(frame.filename).parts[-2:])}:{frame.lineno} {frame.name}" for frame in frames]
    return {"error": causes, "raised": raised}


def _of_sentence(record: logging.LogRecord) -> dict[str, Any]:
    # A sentence of several lines is a traceback, whose last line may name anything.
    words = record.msg.strip() if isinstance(record.msg, str) else ""
    trusted = record.name.partition(".")[0] in TRUSTED and "\n" not in words
    given = record.args if isinstance(record.args, tuple) else ()
    errors = [one for one in (*given, record.msg) if isinstance(one, BaseException)]
    if record.exc_info and record.exc_info[1]:
        errors.insert(0, record.exc_info[1])
    shown = tuple(one if isinstance(one, Number) else LEFT_OUT for one in given)
    return {
        "level": record.levelname.lower(),
        "event": "message",
        "logger": record.name,
        **({"message": words % shown if shown else words} if trusted and words else {}),
        **(of_error(errors[0]) if errors else {}),
    }


def _log_death(died: threading.ExceptHookArgs) -> None:
    if died.exc_value is not None:
        EVENTS.error("A thread ended with an error.", exc_info=died.exc_value)
