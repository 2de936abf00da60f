"""What can go wrong, one class for each decision a caller can take."""

from __future__ import annotations

from speaker_search.entities import Refusal, shown


class SpeakerSearchError(Exception):
    """Something went wrong."""

    def __init__(self, detail: str, mend: str = "") -> None:
        """`detail` says what is wrong, `mend` how to fix it. Users see both as they are: a sentence or two together."""
        # Every error may name a file, and not every file's name is text: escaped here, it can be printed and sent.
        self.detail = shown(detail)
        self.mend = shown(mend)
        super().__init__(f"{self.detail} {self.mend}".strip())


class UsageError(SpeakerSearchError):
    """The request is invalid."""


class ContradictionError(UsageError):
    """A verdict would contradict the ones that stand."""


class NotFoundError(SpeakerSearchError):
    """Nothing in the catalog has that name or id."""


class TooLargeError(SpeakerSearchError):
    """The upload is over the limit."""


class OverloadedError(SpeakerSearchError):
    """The server has more work than it can do soon: try again later."""

    def __init__(self, detail: str, *, retry_after_s: float) -> None:
        super().__init__(detail, f"Try again in {max(1, round(retry_after_s))} s.")
        self.retry_after_s = retry_after_s


class SourceError(SpeakerSearchError):
    """The path holds no voices that can be ingested."""


class AudioError(SpeakerSearchError):
    """The clip cannot be used."""

    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class DecoderError(SpeakerSearchError):
    """The audio decoder cannot be started."""


class CatalogError(SpeakerSearchError):
    """The catalog cannot be used."""


class EmptyCatalogError(CatalogError):
    """The catalog holds no voices yet."""

    def __init__(self) -> None:
        super().__init__("The catalog holds no voices yet.", "Ingest some first: `spksearch ingest FOLDER`.")


class CatalogAwayError(CatalogError):
    """The catalog's database is unavailable at the moment; a retry may succeed."""


class CatalogConflictError(CatalogAwayError):
    """The transaction lost a conflict with another one and was rolled back; retry it."""


class IndexUnusableError(SpeakerSearchError):
    """The index cannot be used."""


class EncoderError(SpeakerSearchError):
    """The encoder cannot be loaded."""
