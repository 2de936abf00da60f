"""Google Cloud Storage as fsspec's file system in memory stands for it: what it holds, tests fill."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import fsspec
from fsspec.implementations.memory import MemoryFileSystem

from speaker_search.sources.objects.store import store


class GoogleInMemory(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Answers to gs:// and counts the reads."""

    protocol = "gs"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    reads = 0

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.removeprefix("gs://")))

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any) -> bytes:
        type(self).reads += 1
        return bytes(super().cat_file(path, start, end, **kwargs))


@contextmanager
def google(objects: Mapping[str, bytes]) -> Iterator[type[GoogleInMemory]]:
    """Objects by their key with the bucket in front, below gs://."""
    fsspec.register_implementation("gs", GoogleInMemory, clobber=True)
    store.cache_clear()
    GoogleInMemory.store.clear()
    GoogleInMemory.pseudo_dirs[:] = [""]
    GoogleInMemory.reads = 0
    files = GoogleInMemory(skip_instance_cache=True)
    for key, content in objects.items():
        files.pipe_file(key, content)
    yield GoogleInMemory
    store.cache_clear()
    importlib.import_module("fsspec.registry")._registry.pop("gs")  # what is installed is found again
