"""Joining a Ray cluster: the one place that imports Ray."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO, Any

from speaker_search.errors import UsageError
from speaker_search.library.cluster.posts import Node, named

ANSWERS_WITHIN_S = 10.0  # the head, when a connection is opened


@contextmanager
def joined(address: str) -> Iterator[Any]:
    """The module ray, connected to the running cluster at `address`: "auto" or "HOST:PORT".

    At the end, all actors started through the connection are ended. Raises UsageError when there is no such cluster.
    """
    ray = check(address)
    in_main_thread = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    with TemporaryFile() as said:
        try:
            with _stderr_into(said):
                ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL, configure_logging=False)
        except (OSError, RuntimeError, ValueError) as error:
            said.seek(0)
            if b"InvalidAuthToken" in said.read():
                raise UsageError(
                    f"The Ray cluster at {address} takes another token, or one where none was given.",
                    "Set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH to the cluster's.",
                ) from error
            raise UsageError(f"No Ray cluster was joined at {address}: {_first_line(error)}", _MEND) from error
    try:
        if in_main_thread:
            signal.signal(signal.SIGTERM, before)  # Ray has set one of its own, which exits at once
        # Ray also prints what its nodes report, such as each death of a worker, which the progress says already.
        importlib.import_module("ray._private.worker")._worker_logs_enabled = False  # type: ignore[attr-defined]
        yield ray
    finally:
        ray.shutdown()


def nodes(ray: Any) -> list[Node]:
    """The nodes that are alive, always in one order.

    Raises UsageError when the cluster's head is gone: Ray itself would end the program after a minute.
    """
    head = ray.get_runtime_context().gcs_address
    if (why := _silence(head)) is not None:
        raise UsageError(
            f"The Ray cluster no longer answers at {head}: {why}",
            "Start its head, then the same command again: what is embedded is kept.",
        )
    alive = [node for node in ray.nodes() if node["Alive"]]
    found = [
        Node(
            node["NodeID"],
            node["NodeManagerHostname"],
            int(node["Resources"].get("CPU", 0)),
            int(node["Resources"].get("GPU", 0)),
        )
        for node in alive
    ]
    return named(sorted(found, key=lambda node: node.id))


@contextmanager
def _stderr_into(file: IO[bytes]) -> Iterator[None]:
    """Within the block, what is written to stderr goes to a file: Ray repeats there each second what it will raise."""
    sys.stderr.flush()
    own = os.dup(2)
    os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(own, 2)
        os.close(own)


def _ray() -> Any:
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise UsageError(
            "`spksearch worker --ray` needs the package ray, which is not installed.",
            "Install it with `pip install 'speaker-search[cluster]'`.",
        ) from error


_MEND = (
    "Give the address of a running cluster, HOST:PORT of its head, or `auto` on one of its nodes; "
    "`ray status` says whether there is one."
)


def check(address: str) -> Any:
    """The module ray. Raises UsageError at once where it is not installed, and for what it would wait minutes for."""
    ray = _ray()
    if address == "auto":
        return ray
    host, separator, port = address.rpartition(":")
    if "/" in address or not (separator and host and port.isdecimal()):
        raise UsageError(f"{address!r} is not the address of a Ray cluster.", _MEND)
    if (why := _silence(address)) is not None:
        raise UsageError(f"No Ray cluster answers at {address}: {why}", _MEND)
    return ray


def _silence(address: str) -> str | None:
    """Why nothing answers there; None where something does."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWERS_WITHIN_S).close()
    except (OSError, OverflowError) as error:
        return _first_line(error)
    return None


def _first_line(error: Exception) -> str:
    return f"{(str(error).strip() or type(error).__name__).splitlines()[0].removesuffix('.')}."
