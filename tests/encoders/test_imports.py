"""Asking for the encoders' names, or for audio, imports nothing that takes seconds."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

# soundfile and soxr, and what they are made of.
AUDIO = {"soundfile", "_soundfile", "_soundfile_data", "_cffi_backend", "cffi", "soxr", "typing_extensions"}
LIGHT = {"speaker_search", "numpy", *AUDIO}


@pytest.mark.parametrize("module", ["speaker_search.encoders", "speaker_search.audio"])
def test_a_package_imports_nothing_heavy(module: str) -> None:
    program = (
        f"import json, sys; before = set(sys.modules); import {module}\n"
        "if hasattr(sys.modules[sys.argv[1]], 'NAMES'): assert sys.modules[sys.argv[1]].NAMES\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)\n"
        "print(json.dumps(sorted(new)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, module], capture_output=True, text=True, timeout=300, check=True
    )
    assert set(json.loads(done.stdout)) <= LIGHT
