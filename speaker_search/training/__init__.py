"""Fine-tuning an encoder on the characters of a catalog. torch is imported here, and in encoders."""

from __future__ import annotations

from speaker_search.errors import UsageError

#: The encoders that can be trained: both families have networks that read whole spectrograms.
TRAINABLE = ("campplus", "anime-va", "anime-char", "ecapa-voxceleb")


def check_trainable(name: str) -> None:
    """Raises UsageError for an encoder that cannot be trained."""
    if name not in TRAINABLE:
        raise UsageError(f"{name} cannot be trained.", f"Choose one of {', '.join(TRAINABLE)} with --encoder.")
