"""Which workers the nodes of a cluster are to run. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

CLIPS_PER_WORKER = 64  # a worker takes seconds to start: fewer pending clips are not worth another


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the cluster that is alive."""

    id: str
    name: str  #: for people
    cpus: int
    gpus: int


@dataclass(frozen=True, slots=True)
class Post:
    """What one worker has for itself."""

    node: Node
    cpus: int  #: it decodes with as many processes
    gpus: int  #: 0 or 1


def posts(nodes: Sequence[Node], *, device: Literal["auto", "cpu", "cuda"], decoders: int | None = None) -> list[Post]:
    """A post for each GPU of the cluster, or for each node that has CPUs where no node has a GPU or `device` is "cpu".

    The CPUs of a node are shared out among its posts, unless `decoders` says how many each takes. A node without CPUs
    has no post: that is how a head is kept free of work. The first posts of all nodes come before the second ones.
    """
    able = [node for node in nodes if node.cpus]
    with_gpus = device == "cuda" or (device == "auto" and any(node.gpus for node in able))
    found: list[tuple[int, Post]] = []
    for node in able:
        count = node.gpus if with_gpus else 1
        for place in range(count):
            cpus = min(node.cpus, decoders or max(1, node.cpus // count))
            found.append((place, Post(node, cpus, int(with_gpus))))
    return [post for _, post in sorted(found, key=lambda one: one[0])]


def vacant(wanted: Sequence[Post], held: Mapping[str, int], *, most: int) -> list[Post]:
    """The posts to fill now: those that no worker holds, so that there are at most `most` workers.

    `held` counts the workers of each node, by its id.
    """
    seen: Counter[str] = Counter()
    free = []
    for post in wanted:
        seen[post.node.id] += 1
        if seen[post.node.id] > held.get(post.node.id, 0):
            free.append(post)
    return free[: max(0, most - sum(held.values()))]


def worth_it(left: int) -> int:
    """How many workers that many clips are worth."""
    return -(-left // CLIPS_PER_WORKER)


def named(nodes: Sequence[Node]) -> list[Node]:
    """The same with names that are unique: those of several nodes on one machine get a part of their id."""
    count = Counter(node.name for node in nodes)
    return [
        Node(node.id, f"{node.name}#{node.id[:6]}" if count[node.name] > 1 else node.name, node.cpus, node.gpus)
        for node in nodes
    ]
