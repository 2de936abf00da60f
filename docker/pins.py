"""Print the pinned requirements of a part of the image, a selection of image.txt: `pins.py cpu`, `cuda` or `build`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PINS = HERE.parent / "scripts" / "requirements" / "image.txt"
TORCH_CPU = HERE / "torch-cpu.txt"

#: What builds our package. No image holds them.
BUILDERS = {"editables", "hatchling", "pathspec", "pluggy", "tomlkit", "trove-classifiers"}
#: What only torch's CUDA build needs, and torch itself: its CPU build is pinned in torch-cpu.txt.
CUDA = re.compile(r"nvidia-|cuda-|triton$|faiss-gpu$|torch$|torchaudio$")


def pins(part: str) -> str:
    """The requirements of "cpu", "cuda" or "build", each with its hashes."""
    pinned = re.findall(r"^\w.*\n(?: .*\n)*", PINS.read_text("utf-8"), re.M)
    if part == "build":
        return "".join(pin for pin in pinned if name(pin) in {*BUILDERS, "packaging"})
    kept = [pin for pin in pinned if name(pin) not in BUILDERS]
    if part == "cuda":
        return "".join(kept)
    # On x86-64 Linux, image.txt takes the CUDA build of FAISS instead.
    kept = [re.sub(r" ; .*(?= \\\n)", "", pin) if name(pin) == "faiss-cpu" else pin for pin in kept]
    return "".join(pin for pin in kept if not CUDA.match(name(pin))) + TORCH_CPU.read_text("utf-8")


def name(pin: str) -> str:
    return pin.split("==")[0]


if __name__ == "__main__":
    sys.stdout.write(pins(sys.argv[1]))
