"""Which workers a cluster's nodes are to run."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from speaker_search.library.cluster.posts import Node, Post, named, posts, vacant, worth_it

NODES = st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 64), st.integers(0, 8)), max_size=6).map(
    lambda rows: [Node(f"{place:06}", *row) for place, row in enumerate(rows)]
)
DEVICES = st.sampled_from(["auto", "cpu", "cuda"])


def test_each_gpu_has_a_worker_with_its_share_of_the_cpus() -> None:
    with_gpus, without = Node("1", "a", 16, 4), Node("2", "b", 8, 0)
    assert posts([with_gpus, without], device="auto") == [Post(with_gpus, 4, 1)] * 4


def test_where_no_node_has_a_gpu_each_has_one_worker_with_all_its_cpus() -> None:
    nodes = [Node("1", "a", 16, 0), Node("2", "b", 8, 0)]
    assert posts(nodes, device="auto") == [Post(nodes[0], 16, 0), Post(nodes[1], 8, 0)]
    assert posts(nodes, device="cuda") == []
    assert posts([Node("1", "a", 16, 4)], device="cpu") == [Post(Node("1", "a", 16, 4), 16, 0)]


def test_a_head_without_cpus_has_no_worker() -> None:
    assert posts([Node("1", "head", 0, 0), Node("2", "head with a GPU", 0, 1)], device="auto") == []


def test_the_first_gpus_of_all_nodes_come_before_the_second_ones() -> None:
    found = posts([Node("1", "a", 4, 2), Node("2", "b", 4, 2)], device="auto")
    assert [post.node.name for post in found] == ["a", "b", "a", "b"]


def test_a_new_node_gets_no_worker_beyond_the_most() -> None:
    nodes = [Node("1", "new", 4, 0), Node("2", "old", 4, 0)]
    assert vacant(posts(nodes, device="auto"), {"2": 1}, most=1) == []
    assert [post.node.name for post in vacant(posts(nodes, device="auto"), {"2": 1}, most=2)] == ["new"]


def test_a_few_clips_are_worth_one_worker_and_none_none() -> None:
    assert [worth_it(left) for left in (0, 1, 64, 65, 2_000)] == [0, 1, 1, 2, 32]


@given(nodes=NODES, device=DEVICES, decoders=st.none() | st.integers(1, 256))
def test_posts_never_take_more_than_their_node_has(nodes: list[Node], device: str, decoders: int | None) -> None:
    for node in nodes:
        its = [post for post in posts(nodes, device=device, decoders=decoders) if post.node == node]  # type: ignore[arg-type]
        assert sum(post.gpus for post in its) <= node.gpus
        assert all(1 <= post.cpus <= node.cpus for post in its)
        if decoders is None and len(its) <= node.cpus:
            assert sum(post.cpus for post in its) <= node.cpus


@given(nodes=NODES, device=DEVICES, most=st.integers(0, 20), data=st.data())
def test_filling_vacant_posts_fills_all_or_as_many_as_allowed_once(
    nodes: list[Node], device: str, most: int, data: st.DataObject
) -> None:
    wanted = posts(nodes, device=device)  # type: ignore[arg-type]
    held = Counter(post.node.id for post in wanted if data.draw(st.booleans()))
    new = Counter(post.node.id for post in vacant(wanted, held, most=most))
    room = Counter(post.node.id for post in wanted)
    assert all(held[id_] + new[id_] <= room[id_] for id_ in room)
    assert (held + new).total() == max(held.total(), min(most, len(wanted)))
    assert vacant(wanted, held + new, most=most) == []


@given(nodes=NODES)
def test_nodes_on_one_machine_are_told_apart(nodes: list[Node]) -> None:
    names = [node.name for node in named(nodes)]
    assert len(set(names)) == len(nodes)
