"""Several processes that train one network, started by torchrun; one alone is the usual case."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
from torch import distributed

from speaker_search.errors import EncoderError

T = TypeVar("T")
PATIENCE = timedelta(minutes=30)  # while the first process measures, the others wait


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among all."""

    rank: int
    count: int
    device: torch.device

    @property
    def first(self) -> bool:
        return self.rank == 0

    def share(self, batch: int) -> slice:
        """This process's places of a batch: a run of whole pairs, so that both clips of a speaker are together."""
        size = batch // self.count
        return slice(self.rank * size, (self.rank + 1) * size)

    def told(self, value: T | None) -> T:
        """What the first process has, in all of them."""
        if self.count == 1:
            return cast(T, value)
        box: list[Any] = [value]
        distributed.broadcast_object_list(box, src=0, device=self.device)
        return cast(T, box[0])

    def any(self, mine: bool) -> bool:
        """Whether it is true in any process."""
        return self.largest(float(mine)) > 0

    def largest(self, mine: float) -> float:
        if self.count == 1:
            return mine
        value = torch.tensor(mine, device=self.device)
        distributed.all_reduce(value, distributed.ReduceOp.MAX)
        return float(value)

    def added(self, values: torch.Tensor) -> torch.Tensor:
        """The sum over all processes."""
        if self.count > 1:
            distributed.all_reduce(values)
        return values


@contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """This process, joined with those that torchrun started beside it. `device` is "auto", "cpu" or "cuda".

    Raises EncoderError when there is no such device.
    """
    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise EncoderError("There is no GPU that torch can use on this machine.", "Use --device cpu or auto.")
    kind = "cuda" if there and device != "cpu" else "cpu"
    if not distributed.is_available() or not distributed.is_torchelastic_launched():
        yield Ranks(0, 1, torch.device(kind))
        return
    own = torch.device("cpu")
    if kind == "cuda":
        own = torch.device("cuda", distributed.get_node_local_rank())
        torch.cuda.set_device(own)
    distributed.init_process_group("nccl" if kind == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Ranks(distributed.get_rank(), distributed.get_world_size(), own)
    finally:
        distributed.destroy_process_group()
