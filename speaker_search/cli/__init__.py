"""The command line: parses and prints, nothing else."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from speaker_search.errors import SpeakerSearchError

#: Exit codes: 0 done; 1 done with refusals, or nothing found where something is promised; 130 stopped by Ctrl-C.
USAGE, CATALOG, ENCODER, STOPPED = 2, 3, 4, 130


def main() -> None:
    """Run the command given; every error of ours becomes a sentence and an exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # letters that the terminal lacks are escaped
    try:
        sys.exit(_run())
    except KeyboardInterrupt:  # commands that have something to say about it catch it themselves
        sys.exit(STOPPED)


def _run() -> int:
    """Run the command; the exit code of an error. Commands that succeed raise SystemExit themselves."""
    from speaker_search import errors
    from speaker_search.cli import output
    from speaker_search.cli.program import program
    from speaker_search.entities import shown

    try:
        try:
            program(sys.argv[1:])(prog_name="spksearch")
        finally:
            output.waiting("")
            sys.stdout.flush()
    except errors.SpeakerSearchError as error:
        output.note(f"spksearch: {error}")
        return exit_code(error)
    except UnicodeEncodeError as error:  # bytes on the command line that are not text
        output.note(f"spksearch: {shown(str(error.object))} is not UTF-8. Check the names given.")
        return USAGE
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC):
            raise
        # What is left in the buffer is dropped, or Python would try to write it again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            return 0  # the reader of a pipe has seen enough
        output.note(f"spksearch: The answer cannot be written: {error.strerror}.")
        return USAGE
    return 0


def exit_code(error: SpeakerSearchError) -> int:
    """With what the program ends after one of our errors."""
    from speaker_search import errors

    codes: dict[type[SpeakerSearchError], int] = {
        errors.CatalogError: CATALOG,
        errors.IndexUnusableError: CATALOG,
        errors.EncoderError: ENCODER,
        errors.DecoderError: ENCODER,  # also a part of this installation that does not start
        errors.SpeakerSearchError: USAGE,
    }
    return next(code for cls, code in codes.items() if isinstance(error, cls))
