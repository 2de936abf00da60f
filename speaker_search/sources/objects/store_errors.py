"""What a store of objects answers when it does not give what was asked for, as an OSError in our words."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from speaker_search.entities import ObjectPath

_SET = {
    "s3": "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; AWS_ENDPOINT_URL if it is not Amazon's.",
    "gs": "Set GOOGLE_APPLICATION_CREDENTIALS, or log in: `gcloud auth application-default login`.",
    "hf": "Set HF_TOKEN, or log in: `hf auth login`.",
}
#: Codes of S3 for credentials that are wrong as such, whatever they are used for.
_WRONG_CREDENTIALS = {
    *("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired"),
    *("AuthFailure", "InvalidClientTokenId", "RequestTimeTooSkewed", "401"),
}
_DENIED = {"AccessDenied", "AllAccessDisabled", "AccountProblem", "Forbidden", "403"}
#: Codes of a store that has too much to do at the moment, beside those of HTTP from 500.
_BUSY = {
    "SlowDown",
    "ServiceUnavailable",
    "InternalError",
    "RequestTimeout",
    "Throttling",
    "RequestLimitExceeded",
    "429",
}
_NO_CREDENTIALS = {
    *("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "CredentialRetrievalError"),
    *("DefaultCredentialsError", "RefreshError", "TokenRetrievalError", "UnauthorizedSSOTokenError"),
}


class ObjectError(OSError):
    """A store did not give what was asked for. `strerror` says why, to stand after a colon."""

    def __init__(self, number: int, why: str, mend: str, *, away: bool) -> None:
        """`number` is of errno; `away` tells that the whole bucket cannot be reached, not this one object."""
        super().__init__(number, why)
        self.mend = mend
        self.away = away

    def __str__(self) -> str:
        return self.strerror or ""


def missing(place: ObjectPath) -> ObjectError:
    return ObjectError(errno.ENOENT, "there is no such object", f"Check the address {place}.", away=False)


def translated(error: Exception, place: ObjectPath) -> ObjectError:
    """The error of a library as ours. Messages of libraries are not repeated, since they may hold credentials."""
    causes = list(_causes(error))
    names = [type(cause).__name__ for cause in causes]
    codes = [code for cause in causes if (code := _code(cause))]
    code = codes[0] if codes else ""
    mend = _SET[place.scheme]
    if code in _WRONG_CREDENTIALS:
        return ObjectError(errno.EACCES, f"the credentials are refused ({code})", mend, away=True)
    if _NO_CREDENTIALS & set(names):
        return ObjectError(errno.EACCES, "no credentials were found", mend, away=True)
    absent = any(isinstance(cause, FileNotFoundError) for cause in causes)
    no_bucket = code == "NoSuchBucket" or {"RepositoryNotFoundError", "RevisionNotFoundError"} & set(names)
    if no_bucket or (absent and place == place.bucket):
        what = "dataset" if place.scheme == "hf" else "bucket"
        return ObjectError(errno.ENOENT, f"its {what} does not exist", "Check the address and the endpoint.", away=True)
    if code in _DENIED or any(isinstance(cause, PermissionError) for cause in causes):
        return ObjectError(errno.EACCES, f"access is denied{code and f' ({code})'}", mend, away=False)
    if absent:
        return missing(place)
    if code:
        busy = code in _BUSY or code.startswith("5")
        return ObjectError(errno.EIO, f"the store answers {code}", "Try again later.", away=busy)
    mend = "Check the network, and AWS_ENDPOINT_URL." if place.scheme == "s3" else "Check the network."
    return ObjectError(errno.EHOSTUNREACH, f"the store does not answer ({names[0]})", mend, away=True)


def away_at(error: BaseException) -> ObjectError | None:
    """The error by which the whole bucket could not be reached, if that is behind this one."""
    return next((one for one in _causes(error) if isinstance(one, ObjectError) and one.away), None)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _code(error: BaseException) -> str:
    """The store's own code for an error: of S3's answers, or of HTTP; "" without one."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return str(response.get("Error", {}).get("Code", ""))
    status = getattr(error, "status", None) or getattr(error, "code", None) or getattr(response, "status_code", None)
    return str(status) if isinstance(status, int) else ""
