"""Asks a running server how it is, as a client elsewhere sees it."""

from __future__ import annotations

import http.client
import ipaddress
import json
import re
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Any
from urllib.parse import SplitResult, urlsplit

from speaker_search.documents.installation import KeyState, ServerDiagnosis
from speaker_search.encoders import NAMES, weights
from speaker_search.entities import shown
from speaker_search.errors import EncoderError, UsageError
from speaker_search.library.encoder_choice import encoder_of
from speaker_search.library.kept_weights import find_weights
from speaker_search.settings import Settings

TIMEOUT_S = 10.0  # without a byte from the server
WHOLE_S = 30.0  # for one answer
MAX_ANSWER = 4 * 2**20  # bytes; the longest that is asked for has a few KiB
CLOCKS_S = 5.0  # by how much two clocks may differ before somebody should look
OLD_S = 60.0  # since the index was last up to date
PROBLEM = "urn:spksearch:problem:"
SPACE = re.compile(r"[a-z0-9-]+@[0-9a-f]{12}")
EXAMPLE = "Give an address such as https://voices.example or http://127.0.0.1:8000."


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes
    middle_s: float  #: when it was asked, by this machine's clock

    @property
    def document(self) -> dict[str, Any]:
        """Its JSON object; {} for anything else."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def problem(self) -> str | None:
        """The detail of one of our problems."""
        found = self.document
        return shown(str(found.get("detail"))) if str(found.get("type", "")).startswith(PROBLEM) else None


@dataclass(slots=True)
class _Server:
    """Asks one address. Goes through no proxy, and follows no redirect: the key is for the address given alone."""

    address: SplitResult
    timeout_s: float
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    @property
    def name(self) -> str:
        return self.address.geturl()

    def ask(self, path: str, key: str | None = None) -> _Answer:
        """The answer to a GET. Raises UsageError when there is none, or when it cannot be one of our servers'."""
        began_s, began = time.time(), time.monotonic()
        host, port = self.address.hostname or "", self.address.port
        connection: http.client.HTTPConnection
        if self.address.scheme == "https":
            connection = http.client.HTTPSConnection(host, port, timeout=self.timeout_s, context=self.tls)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=self.timeout_s)
        try:
            headers = {"Accept": "*/*", **({"X-API-Key": key} if key else {})}
            connection.request("GET", self.address.path + path, headers=headers)
            response = connection.getresponse()
            middle_s = (began_s + time.time()) / 2
            body = bytearray()
            while part := response.read1(1 << 16):
                body += part
                if len(body) > MAX_ANSWER or time.monotonic() - began > WHOLE_S:
                    raise UsageError(
                        f"The answer of {self.name} is over {MAX_ANSWER // 2**20} MiB or took over {WHOLE_S:g} s.",
                        "Check the address and the connection.",
                    )
        except TimeoutError as error:
            raise UsageError(
                f"{self.name} has not answered for {self.timeout_s:g} s.",
                "Check the address, firewalls, and the server's log.",
            ) from error
        except ssl.SSLCertVerificationError as error:
            raise UsageError(
                f"The certificate of {self.name} cannot be trusted: {error.verify_message}.",
                "Use the name that the certificate is for, or name its authority in SSL_CERT_FILE.",
            ) from error
        except ssl.SSLError as error:
            raise UsageError(f"{self.name} does not speak TLS.", "Try it with http:// in front.") from error
        except (http.client.HTTPException, UnicodeError, ValueError) as error:
            raise UsageError(f"{self.name} does not answer in HTTP.", EXAMPLE) from error
        except OSError as error:
            raise UsageError(
                f"{self.name} cannot be reached: {error.strerror or error}.",
                "Check the address, and that the server runs.",
            ) from error
        finally:
            connection.close()
        if 300 <= response.status < 400:
            to = shown(response.headers.get("Location", "another address"))
            raise UsageError(f"{self.name} redirects to {to}.", "Give the address where the server itself answers.")
        return _Answer(response.status, response.headers, bytes(body), middle_s)


def check_server(address: str, chosen: Settings, *, timeout_s: float = TIMEOUT_S) -> ServerDiagnosis:
    """Ask the server at an address how it is. Raises UsageError when no speaker_search server answers there."""
    key = chosen.client_key
    if key is not None and not (key.isascii() and key.isprintable()):
        raise UsageError("The key holds characters that no HTTP header can carry.", "Check SPKSEARCH_API_KEY.")
    server = _Server(_parsed(address), timeout_s)
    ready = server.ask("/readyz")  # without the key: nobody knows yet who answers
    is_ready = ready.status == 200 and {"encoder", "clips", "characters"} <= ready.document.keys()
    if not is_ready and ready.problem is None:
        raise UsageError(f"What answers at {server.name} is not a speaker_search server.", EXAMPLE)
    tls = server.address.scheme == "https"
    state, sent = server.ask("/v1/state"), None
    if key and state.status != 200:  # a key is sent only where one is asked for
        state, sent = server.ask("/v1/state", key), key
    holds = state.document if state.status == 200 else {}
    counts = holds.get("clips")
    clips = counts if isinstance(counts, dict) else {}
    space, running = ready.document.get("encoder") or holds.get("encoder"), holds.get("version")
    found = ServerDiagnosis(
        address=server.name,
        tls=tls,
        ready=is_ready,
        key=_key_state(state.status, sent),
        version=shown(str(running)) if running else None,
        own_version=version("speaker-search"),
        encoder=shown(str(space)) if space else None,
        own_encoder=_own_space(str(space), chosen) if space else None,
        embedded=_count(clips.get("embedded")),
        indexed=_count(ready.document.get("clips")),
        pending=_count(clips.get("pending")),
        index_age_s=_index_age_s(server.ask("/metrics", sent)) if holds else None,
        clock_ahead_s=_clock_ahead_s(ready),
    )
    readable = bool(sent) and not tls and not _is_loopback(server.address.hostname or "")
    return found.model_copy(update={"problems": _problems(found, ready, state, readable=readable)})


def _problems(found: ServerDiagnosis, ready: _Answer, state: _Answer, *, readable: bool) -> list[str]:
    """What somebody should look at, a sentence each."""
    problems = [] if found.ready else [f"It is not ready: {ready.problem}"]
    if state.status != 200:
        problems.append(f"It does not tell what it holds: {state.problem or f'its status is {state.status}.'}")
    if readable:
        problems.append("The key was sent without TLS, so anyone on the way can read it: give the https address.")
    if found.version not in (None, found.own_version):
        problems.append(f"It runs version {found.version}, and this program is {found.own_version}.")
    if found.own_encoder not in (None, found.encoder):
        problems.append(
            f"It searches {found.encoder}, and the weights here are {found.own_encoder}: vectors do not mix."
        )
    if found.index_age_s is not None and found.index_age_s > OLD_S:
        problems.append(f"Its index was last up to date {found.index_age_s:.0f} s ago.")
    if found.clock_ahead_s is not None and abs(found.clock_ahead_s) > CLOCKS_S:
        way = "ahead of" if found.clock_ahead_s > 0 else "behind"
        problems.append(f"Its clock is {abs(found.clock_ahead_s):.0f} s {way} this machine's.")
    return problems


def _parsed(address: str) -> SplitResult:
    """The parts of an address. Raises UsageError; an address with a name and a password in it is not shown."""
    try:
        found = urlsplit(address.strip().rstrip("/"))
        host, _ = found.hostname, found.port
    except ValueError:
        host, found = None, urlsplit("")
    if found.scheme not in ("http", "https") or not host or not host.isprintable() or " " in host:
        raise UsageError("The server's address cannot be read.", EXAMPLE)
    if "@" in found.netloc or found.query or found.fragment or not found.path.isascii() or " " in found.path:
        raise UsageError(
            "The server's address may have a host, a port and a path, and nothing else.",
            "Set the key in SPKSEARCH_API_KEY.",
        )
    return found


def _key_state(status: int, key: str | None) -> KeyState:
    if status == 200:
        return "accepted" if key else "not needed"
    if status == 401:
        return "refused" if key else "missing"
    return "unknown"


def _own_space(space: str, chosen: Settings) -> str | None:
    """The server's space where its weights are here, too, else that of those of its encoder; None without any."""
    name = encoder_of(space)
    mine = chosen.encoder is not None and encoder_of(chosen.encoder) == name
    checkpoint = chosen.checkpoint if mine else None
    if name not in NAMES:
        return None
    if SPACE.fullmatch(space):  # a server's word becomes a file's name
        with suppress(EncoderError):
            return find_weights(chosen.home, space, checkpoint).space
    with suppress(EncoderError):
        return weights.resolve(name, checkpoint, download=False).space
    return None


def _index_age_s(figures: _Answer) -> float | None:
    """How long ago the server's index was last up to date, in seconds."""
    for line in figures.body.decode("utf-8", "replace").splitlines():
        name, _, value = line.partition(" ")
        if name == "spksearch_index_age_seconds":
            with suppress(ValueError):
                return round(float(value), 1)
    return None


def _clock_ahead_s(answer: _Answer) -> float | None:
    """By how much the server's clock is ahead of this machine's, to about a second."""
    with suppress(ValueError, TypeError, OverflowError):
        # The header is cut to whole seconds.
        return round(parsedate_to_datetime(answer.headers["Date"]).timestamp() + 0.5 - answer.middle_s, 1)
    return None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
