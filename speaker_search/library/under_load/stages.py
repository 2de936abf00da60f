"""How long the stages of a search take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stages:
    """Tells a listener the name of each stage and the seconds that it took: decode, embed, compare."""

    def __init__(self) -> None:
        self.listener: Callable[[str, float], None] = lambda _stage, _seconds: None

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Time a block as this stage; a block that fails is not reported."""
        began = time.perf_counter()
        yield
        self.listener(stage, time.perf_counter() - began)
