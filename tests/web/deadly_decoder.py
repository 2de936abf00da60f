"""A decoding child whose decoder has a flaw: a sound that ends in one of the words below crashes or hangs it.

`python deadly_decoder.py`, started by Decoders in place of the program's own child.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from speaker_search.audio import Limits, child, read
from speaker_search.entities import Waveform

CRASHES, HANGS = b"crash the decoder", b"hang the decoder"


def flawed_read(source: Path | bytes, limits: Limits) -> Waveform:
    content = source if isinstance(source, bytes) else source.read_bytes()
    if content.endswith(CRASHES):
        os.kill(os.getpid(), signal.SIGSEGV)
    if content.endswith(HANGS):
        signal.pause()
    return read(source, limits)


if __name__ == "__main__":
    child.serve(flawed_read)
