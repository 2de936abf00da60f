"""The command line: parses and prints, nothing else."""

from __future__ import annotations

import errno
import io
import os
import sys

#: Exit codes: 0 done; 1 done with refusals, or nothing found where something is promised; 130 stopped by Ctrl-C.
USAGE, CATALOG, ENCODER, STOPPED = 2, 3, 4, 130


def main() -> None:
    """Run the command given, and turn every error of ours into one sentence and an exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that lacks a letter shows its number
    try:
        sys.exit(_run())
    except KeyboardInterrupt:  # commands that have something to say about it catch it themselves
        sys.exit(STOPPED)


def _run() -> int:
    """The exit code; commands that end well leave by SystemExit themselves."""
    from speaker_search import errors
    from speaker_search.cli import output
    from speaker_search.cli.app import app
    from speaker_search.entities import shown

    codes: dict[type[errors.SpeakerSearchError], int] = {
        errors.CatalogError: CATALOG,
        errors.IndexUnusableError: CATALOG,
        errors.EncoderError: ENCODER,
        errors.DecoderError: ENCODER,  # likewise a part of this installation that does not start
        errors.SpeakerSearchError: USAGE,
    }
    try:
        try:
            app(prog_name="spksearch")
        finally:
            sys.stdout.flush()
    except errors.SpeakerSearchError as error:
        output.note(f"spksearch: {error}")
        return next(code for cls, code in codes.items() if isinstance(error, cls))
    except UnicodeEncodeError as error:  # bytes on the command line that no database takes as a name
        output.note(f"spksearch: {shown(str(error.object))} is no UTF-8. Check the names given.")
        return USAGE
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC):
            raise
        # What is left in the buffer goes nowhere, also at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            return 0  # whoever read our output has enough
        output.note(f"spksearch: The answer cannot be written: {error.strerror}.")
        return USAGE
    return 0
