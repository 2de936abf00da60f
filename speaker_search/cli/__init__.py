"""The command line: parses and prints, nothing else."""

from __future__ import annotations

import os
import sys

#: Exit codes: 0 done; 1 done with refusals, or nothing found where something is promised; 130 stopped by Ctrl-C.
USAGE, CATALOG, ENCODER, STOPPED = 2, 3, 4, 130


def main() -> None:
    """Run the command given, and turn every error of ours into one sentence and an exit code."""
    from speaker_search import errors
    from speaker_search.cli.app import app

    codes: dict[type[errors.SpeakerSearchError], int] = {
        errors.CatalogError: CATALOG,
        errors.IndexUnusableError: CATALOG,
        errors.EncoderError: ENCODER,
        errors.SpeakerSearchError: USAGE,
    }
    try:
        app(prog_name="spksearch")
    except errors.SpeakerSearchError as error:
        print(f"spksearch: {error}", file=sys.stderr)
        sys.exit(next(code for cls, code in codes.items() if isinstance(error, cls)))
    except BrokenPipeError:
        # Whoever read our output has enough; what is left in the buffer goes nowhere, also at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
