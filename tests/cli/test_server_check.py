"""`spksearch doctor --server`: what it says of a real server, and of everything else that may answer at an address."""

from __future__ import annotations

import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from end_to_end.bundled import Ingested
from end_to_end.running import serving
from typer.testing import CliRunner

from speaker_search.cli.program import program
from speaker_search.encoders.weights import resolve
from speaker_search.errors import UsageError
from speaker_search.library.kept_weights import keep_weights
from speaker_search.library.server_check import check_server
from speaker_search.settings import Settings

KEY = "sesame-opens-the-door"
READY = {"status": "ready", "encoder": "campplus@000000000000", "clips": 3, "characters": 2, "games": 1}
STATE = {"encoder": READY["encoder"], "version": "0.0.1", "clips": {"embedded": 5, "pending": 2, "refused": 0}}


def document(found: Any, *headers: str, status: str = "200 OK") -> bytes:
    body = json.dumps(found).encode()
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers))
    return head.encode() + b"\r\n\r\n" + body


@contextmanager
def answering(answer: Callable[[bytes], bytes]) -> Iterator[str]:
    """The address of whoever sends what `answer` makes of a request, and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_all() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.sendall(answer(connection.recv(65536)))
                    except OSError:  # who asked has seen enough
                        continue

        thread = threading.Thread(target=answer_all, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def by_path(answers: dict[str, bytes]) -> Callable[[bytes], bytes]:
    return lambda request: answers.get(request.split()[1].decode(), document({}, status="404 Not Found"))


def test_a_running_server_is_found_well(ingested: Ingested) -> None:
    with serving(ingested.home, SPKSEARCH_API_KEYS=f"someone:read:{KEY}") as server:
        while server.client.get("/readyz").status_code != 200:
            pass
        with_key = check_server(server.url + "/", Settings(api_key=KEY))
        without = check_server(server.url, Settings())
        wrong = check_server(server.url, Settings(api_keys=f"me:edit:sha256:{'0' * 64},you:read:another-key"))
    assert with_key.problems == []
    assert (with_key.ready, with_key.tls, with_key.key, with_key.version) == (
        True,
        False,
        "accepted",
        version("speaker-search"),
    )
    assert with_key.encoder == with_key.own_encoder
    assert (with_key.embedded, with_key.indexed, with_key.pending) == (193, 193, 0)
    assert with_key.index_age_s is not None
    assert with_key.clock_ahead_s is not None
    assert (without.key, without.ready, without.version, len(without.problems)) == ("missing", True, None, 1)
    assert wrong.key == "refused"
    assert "Authorization: Bearer KEY" in wrong.problems[0]


def test_what_differs_from_this_machine_is_a_problem() -> None:
    old = "Date: Sat, 01 Jan 2000 00:00:00 GMT"
    figures = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nspksearch_index_age_seconds 300.5\n"
    answers = {"/readyz": document(READY, old), "/v1/state": document(STATE), "/metrics": figures}
    with answering(by_path(answers)) as address:
        found = check_server(f"http://{address}", Settings())
    begin = ("It runs version 0.0.1", "It searches campplus@", "Its index was last up to date 300", "Its clock is ")
    assert [problem.startswith(words) for problem, words in zip(found.problems, begin, strict=True)] == [True] * 4
    assert found.problems[-1].endswith("s behind this machine's.")
    assert (found.key, found.index_age_s, found.embedded, found.indexed) == ("not needed", 300.5, 5, 3)


def test_a_key_is_not_said_to_be_accepted_where_none_is_needed() -> None:
    asked = []

    def note(request: bytes) -> bytes:
        asked.append(request)
        return by_path({"/readyz": document(READY), "/v1/state": document(STATE)})(request)

    with answering(note) as address:
        assert check_server(f"http://{address}", Settings(api_key=KEY)).key == "not needed"
    assert not any(KEY.encode() in request for request in asked)


def test_weights_that_this_home_keeps_are_those_of_the_server(tmp_path: Path) -> None:
    own = tmp_path / "own.pt"
    own.write_bytes(b"a network")
    kept = resolve("campplus", own)
    keep_weights(tmp_path, kept)
    with answering(by_path({"/readyz": document(READY | {"encoder": kept.space})})) as address:
        assert check_server(f"http://{address}", Settings(home=tmp_path)).own_encoder == kept.space


def test_a_server_that_is_not_ready_says_why() -> None:
    problem = {"type": "urn:spksearch:problem:catalog", "title": "", "status": 503, "detail": "The catalog is empty."}
    with answering(by_path({"/readyz": document(problem, status="503 Service Unavailable")})) as address:
        found = check_server(f"http://{address}", Settings())
    assert not found.ready
    assert found.problems[0] == "It is not ready: The catalog is empty."


def test_the_key_is_sent_only_to_a_speaker_search_server_and_never_shown() -> None:
    asked = []

    def note(request: bytes) -> bytes:
        asked.append(request)
        return document({"status": "ok"})

    with answering(note) as address:
        words = ["doctor", "--server", f"http://{address}"]
        done = CliRunner().invoke(program(words), words, env={"SPKSEARCH_API_KEY": KEY})
        assert isinstance(done.exception, UsageError)
    assert len(asked) == 1
    assert KEY.encode() not in asked[0]
    assert KEY not in done.output + str(done.exception)


@pytest.mark.parametrize("key", ["two\nlines", "鍵"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(UsageError, match="no HTTP header can carry") as refused:
        check_server("http://127.0.0.1:1", Settings(api_key=key))
    assert key not in str(refused.value)


def test_nonsense_in_place_of_counts_is_left_out() -> None:
    state = {"encoder": 5, "version": [], "clips": [1]}
    with answering(by_path({"/readyz": document(READY | {"clips": "many"}), "/v1/state": document(state)})) as address:
        found = check_server(f"http://{address}", Settings())
    assert (found.embedded, found.indexed, found.index_age_s, found.version) == (None, None, None, None)


SENTENCES = {
    "another server": (document({"status": "ok"}), "is not a speaker_search server"),
    "a page": (b"HTTP/1.1 200 OK\r\n\r\n<html>", "is not a speaker_search server"),
    "a list": (document([1]), "is not a speaker_search server"),
    "deep JSON": (b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000, "is not a speaker_search server"),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n", "does not answer in HTTP"),
    "nothing": (b"", "does not answer in HTTP"),
    "half an answer": (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "is not a speaker_search server"),
    "a redirect": (
        document({}, "Location: https://elsewhere/readyz", status="308 Moved"),
        "redirects to https://elsewhere",
    ),
    "an endless answer": (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (5 * 2**20), "is over 4 MiB or took over 30 s"),
    "an endless head": (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000, "does not answer in HTTP"),
}


@pytest.mark.parametrize("who", SENTENCES)
def test_whoever_else_answers_gets_one_sentence(who: str) -> None:
    answer, sentence = SENTENCES[who]
    with answering(lambda _: answer) as address, pytest.raises(UsageError, match=sentence):
        check_server(f"http://{address}", Settings(api_key=KEY))


def test_tls_where_there_is_none_gets_one_sentence() -> None:
    with (
        answering(lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n") as address,
        pytest.raises(UsageError, match="speak TLS"),
    ):
        check_server(f"https://{address}", Settings())


def test_a_server_that_hangs_up_or_is_not_there_gets_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(UsageError, match="cannot be reached: Connection refused"):
        check_server(f"http://127.0.0.1:{port}", Settings())
    with pytest.raises(UsageError, match="cannot be reached"):
        check_server("http://nobody.invalid", Settings())
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(UsageError, match="has not answered for"):
        check_server(f"http://127.0.0.1:{mute.getsockname()[1]}", Settings(), timeout_s=0.1)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "voices",
        "127.0.0.1:8000",
        "ftp://voices",
        "http://",
        "http://:8000",
        "http://a:b",
        "http://a:99999",
        "http://[::1",
    ],
)
def test_an_address_that_cannot_be_read_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(UsageError, match=re.escape("http://127.0.0.1:8000")):
        check_server(address, Settings())


@pytest.mark.parametrize(
    "address", [f"http://me:{KEY}@voices", f"http://voices/?key={KEY}", "http://voices/a b", "http://voices/声"]
)
def test_an_address_holds_no_key_and_its_refusal_does_not_show_it(address: str) -> None:
    with pytest.raises(UsageError, match="SPKSEARCH_API_KEY") as refused:
        check_server(address, Settings())
    assert KEY not in str(refused.value)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_a_certificate_that_nobody_vouches_for_gets_one_sentence(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"]
    subprocess.run([*words, "-out", certificate, "-keyout", key], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):  # who asked hangs up
                context.wrap_socket(connection, server_side=True)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(UsageError, match="cannot be trusted: self-signed certificate") as refused:
            check_server(f"https://localhost:{listener.getsockname()[1]}", Settings())
        thread.join()
    assert "SSL_CERT_FILE" in str(refused.value)
