"""A real S3 server in this process that counts what it is asked for, and whose buckets tests fill."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import settings as moto_settings
from moto.core.responses import ActionAuthenticatorMixin
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from speaker_search.sources.objects.store import store

BUCKET = "voices"
DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
BUSY = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that the server has answered."""

    method: str
    path: str  #: with the bucket in front
    query: str
    range: str | None
    sent: int  #: bytes of the answer's body


@dataclass(slots=True)
class Bucket:
    """The bucket BUCKET of a running server."""

    client: Any  # boto3 has no types
    endpoint: str
    asked: list[Asked] = field(default_factory=list)
    denied: set[str] = field(default_factory=set)  #: keys that nobody may read
    busy: set[str] = field(default_factory=set)  #: keys for which the server is too busy

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def fill(self, folder: Path, below: str = "") -> str:
        """Put all files of a folder into the bucket, below a prefix; returns the address."""
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            self.put(f"{below}{path.relative_to(folder).as_posix()}", path.read_bytes())
        return f"s3://{BUCKET}/{below}".rstrip("/")

    def empty(self) -> None:
        for one in self.client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
            self.client.delete_object(Bucket=BUCKET, Key=one["Key"])

    def vanish(self) -> None:
        """Delete the bucket with all that is in it."""
        self.empty()
        self.client.delete_bucket(Bucket=BUCKET)

    def gets(self, key: str = "") -> list[Asked]:
        """The answered GETs of objects whose key contains this."""
        return [one for one in self.asked if one.method == "GET" and "list-type" not in one.query and key in one.path]

    def lists(self) -> list[Asked]:
        return [one for one in self.asked if "list-type" in one.query]


class _Front:
    """Counts requests in front of the server, and denies some."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.bucket: Bucket | None = None

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace").lstrip("/")
        head = environ["REQUEST_METHOD"] == "HEAD"  # a body would be taken for the next answer
        if self.bucket is not None and any(key in path for key in self.bucket.denied):
            start("403 Forbidden", [("Content-Type", "application/xml"), ("Content-Length", str(len(DENIED)))])
            return [] if head else [DENIED]
        if self.bucket is not None and any(key in path for key in self.bucket.busy):
            start("503 Slow Down", [("Content-Type", "application/xml"), ("Content-Length", str(len(BUSY)))])
            return [] if head else [BUSY]
        body = b"".join(self._app(environ, start))
        if self.bucket is not None:
            query, part = environ.get("QUERY_STRING", ""), environ.get("HTTP_RANGE")
            self.bucket.asked.append(Asked(environ["REQUEST_METHOD"], path, query, part, len(body)))
        return [body]


@contextmanager
def served() -> Iterator[Bucket]:
    """A server with an empty bucket, and the environment that leads to it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    front = _Front(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, front, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            environment.delenv(name)
        for name, value in environment_of(endpoint).items():
            environment.setenv(name, value)
        store.cache_clear()
        client = boto3.client("s3")
        bucket = front.bucket = Bucket(client, endpoint)
        client.create_bucket(Bucket=BUCKET)
        yield bucket
        client.close()
        store.cache_clear()
    server.shutdown()
    thread.join()
    server.server_close()


def environment_of(endpoint: str) -> dict[str, str]:
    """What a process needs to find the server."""
    return {
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "the/very+secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


@contextmanager
def credentials_wrong() -> Iterator[None]:
    """The server knows nobody."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(moto_settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0.0)
        patched.setattr(ActionAuthenticatorMixin, "request_count", 0)
        yield
