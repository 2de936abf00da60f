"""The workers on a cluster: started where there is room, heard, started again when they die, and ended."""

from __future__ import annotations

import functools
import importlib
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from speaker_search.documents import ClusterNode, IngestReport
from speaker_search.entities import counted
from speaker_search.errors import (
    CatalogAwayError,
    CatalogError,
    DecoderError,
    EncoderError,
    SpeakerSearchError,
    UsageError,
)
from speaker_search.ingest.report import Tally
from speaker_search.library.cluster.embedder import Embedder, Orders, Ready, Trouble
from speaker_search.library.cluster.posts import Node, Post, posts, vacant
from speaker_search.library.cluster.ray_cluster import nodes

MAX_FAILURES = 3  # in a row to start on a node, before the node is left out
LINGER_S = 10.0  # that a worker without clips keeps its encoder: more clips often follow


@dataclass(slots=True, eq=False)
class Member:
    """A worker, as the command knows it."""

    post: Post
    actor: Any
    call: Any  #: the reference of what it is doing; None while it does nothing
    state: Literal["beginning", "working", "idle"] = "beginning"
    process: tuple[str, int] | None = None  #: its machine and pid
    since_s: float = 0.0  #: since when it is idle
    asked: Any = None  #: the reference of a report that it was asked for
    report: IngestReport = field(default_factory=IngestReport)  #: of the call under way, as far as it is known


class Crew:
    """All workers of one command."""

    def __init__(self, ray: Any, orders: Orders, *, decoders: int | None, most: int | None) -> None:
        """`decoders` are the processes that each worker decodes with, `most` is how many workers there may be."""
        self._ray = ray
        self._faults = importlib.import_module("ray.exceptions")
        self._placing = importlib.import_module("ray.util.scheduling_strategies")
        self._orders = orders
        self._decoders = decoders
        self._most = most
        self._members: list[Member] = []
        self._dead: set[tuple[str, int]] = set()
        self._failures: Counter[str] = Counter()  # by node id
        self._left_out: dict[str, tuple[str, Trouble]] = {}  # by node id: its name and why
        self._past: dict[str, IngestReport] = {}  # of calls that are over, by the node's name
        self._alive: list[Node] = []
        self._changed = False
        self._wanted = 0
        self._headless = False  # nothing may be asked of the head any more: Ray would wait for it

    @property
    def busy(self) -> bool:
        """Whether a worker is starting or embedding."""
        return any(member.call is not None for member in self._members)

    @property
    def embeds(self) -> bool:
        """Whether a worker is embedding."""
        return any(member.state == "working" for member in self._members)

    def changed(self) -> bool:
        """Look at the nodes; whether any came or went, or a worker died, since the last time."""
        before = self._alive
        try:
            self._alive = nodes(self._ray)
        except UsageError:
            self._headless = True
            raise
        changed, self._changed = self._changed or self._alive != before, False
        return changed

    def is_dead(self, machine: str, pid: int) -> bool:
        """Whether the process was a worker of this crew that Ray says is dead."""
        return (machine, pid) in self._dead

    def staff(self, wanted: int) -> None:
        """Have up to `wanted` workers embed: those that are idle first, then new ones where the cluster has room.

        Idle workers are ended after LINGER_S when there is nothing for them, and those that are still starting at once.
        Raises the error of a node when no node can embed.
        """
        self._wanted = wanted
        for member in [*self._members]:
            if member.state == "beginning" and not wanted:
                self._end(member)
        idle = [member for member in self._members if member.state == "idle"]
        working = len(self._members) - len(idle)
        for member in idle:
            if working < wanted:
                self._work(member)
                working += 1
            elif time.monotonic() - member.since_s > LINGER_S:
                self._end(member)
        usable = [node for node in self._alive if node.id not in self._left_out]
        places = posts(usable, device=self._orders.settings.device, decoders=self._decoders)
        if wanted and not places and not self._members:
            self._give_up()
        held = Counter(member.post.node.id for member in self._members)
        limit = wanted if self._most is None else min(wanted, self._most)
        for post in vacant(places, held, most=limit):
            self._begin(post)

    def hear(self, wait_s: float) -> list[IngestReport | None]:
        """Wait, and take note of what workers say and which have died. For each that has come to an end with something,
        the report if it has embedded.
        """
        calls = {member.call: member for member in self._members if member.call is not None}
        if not calls:
            time.sleep(wait_s)
            return []
        self._ask()
        ready, _ = self._ray.wait(list(calls), num_returns=len(calls), timeout=wait_s)
        return [self._result(calls[call]) for call in ready]

    def stop(self) -> None:
        """Have every worker store the portion in hand and give back the rest, and wait for that."""
        for member in [*self._members]:
            if member.state != "working":
                self._end(member)
            else:
                member.actor.stop.remote()
        while self.busy:
            self.hear(1.0)
        for member in [*self._members]:
            self._end(member)

    def tell(self, tally: Tally) -> None:
        """Set what the workers have done together, and each node's part of it."""
        by_node = dict(self._past)
        for member in self._members:
            name = member.post.node.name
            by_node[name] = summed(by_node.get(name, IngestReport()), member.report)
        whole = functools.reduce(summed, by_node.values(), IngestReport())
        tally.opened, tally.embedded, tally.merged = whole.opened, whole.embedded, whole.merged
        tally.audio_seconds, tally.computed_by = whole.audio_seconds, whole.computed_by
        tally.refused = Counter(whole.refused)
        waiting = {member.report.waiting_for for member in self._members} - {""}
        tally.waiting_for = next(iter(sorted(waiting)), self._waiting_for)
        for name, part in by_node.items():
            for sentence in part.problems:
                tally.problem(f"Node {name}: {sentence}")
        for name, why in self._left_out.values():
            tally.problem(f"Node {name} is left out: {why.detail} {why.mend}".strip())
        workers = Counter(member.post.node.name for member in self._members)
        tally.nodes = [
            ClusterNode(name=name, workers=workers[name], opened=part.opened, audio_seconds=part.audio_seconds)
            for name, part in sorted(by_node.items())
        ]

    @property
    def _waiting_for(self) -> str:
        if not self._members:
            return "a node with CPUs, or with a GPU where one is asked for" if self._wanted else ""
        return "workers to start" if all(member.state == "beginning" for member in self._members) else ""

    def _begin(self, post: Post) -> None:
        there = self._placing.NodeAffinitySchedulingStrategy(post.node.id, soft=False)
        resources = {"num_cpus": post.cpus, "num_gpus": post.gpus, "scheduling_strategy": there}
        # One call for `work`, one for what is asked meanwhile. Never restarted by Ray: only the catalog knows which
        # clips a dead worker had in hand.
        options = {**resources, "max_concurrency": 3, "max_restarts": 0, "max_task_retries": 0}
        actor = self._ray.remote(Embedder).options(**options).remote()
        self._members.append(Member(post, actor, actor.begin.remote(self._orders)))

    def _work(self, member: Member) -> None:
        member.state, member.report = "working", IngestReport()
        member.call = member.actor.work.remote(member.post.cpus)

    def _end(self, member: Member) -> None:
        if not self._headless:
            with suppress(self._faults.RayError, ValueError):  # it may have ended by itself
                self._ray.kill(member.actor)
        self._members.remove(member)
        self._count(member)

    def _count(self, member: Member) -> None:
        """Add what a call that is over has done to what its node has done."""
        name = member.post.node.name
        self._past[name] = summed(self._past.get(name, IngestReport()), member.report)
        member.report = IngestReport()

    def _ask(self) -> None:
        """Ask those that embed how far they are; whoever is slow to answer is asked once."""
        for member in self._members:
            if member.state != "working":
                continue
            if member.asked is not None and self._ray.wait([member.asked], timeout=0)[0]:
                with suppress(self._faults.RayError):  # its call says so too
                    member.report = self._ray.get(member.asked)
                member.asked = None
            if member.asked is None:
                member.asked = member.actor.report.remote()

    def _result(self, member: Member) -> IngestReport | None:
        """Take note of a call that has ended; the report of one that embedded."""
        node, call, member.call, member.asked = member.post.node, member.call, None, None
        try:
            said = self._ray.get(call)
        except self._faults.RayError as error:
            began, self._changed = member.process is not None, True
            if member.process is not None and not isinstance(error, self._faults.ActorUnavailableError):
                self._dead.add(member.process)
            self._end(member)
            if not began:
                self._fail(
                    node, Trouble(UsageError, f"Its worker did not start: {_last_line(error)}", ""), passing=True
                )
            return None
        if isinstance(said, Trouble):
            self._end(member)
            self._fail(node, said, passing=issubclass(said.kind, CatalogAwayError))
            return None
        if isinstance(said, Ready):
            self._failures.pop(node.id, None)
            member.process = (said.machine, said.pid)
            self._dead.discard(member.process)  # of an earlier process with the same pid
            self._work(member)
            return None
        report: IngestReport = said
        member.report = report
        self._count(member)
        member.state, member.since_s = "idle", time.monotonic()
        return report

    def _fail(self, node: Node, why: Trouble, *, passing: bool) -> None:
        """Leave out a node that could not do what it should: one whose trouble may be `passing`, after MAX_FAILURES."""
        self._failures[node.id] += 1
        if not passing or self._failures[node.id] >= MAX_FAILURES:
            self._left_out[node.id] = (node.name, why)

    def _give_up(self) -> None:
        """Raise why no node can embed, unless there is room to wait for."""
        able = {post.node.id for post in posts(self._alive, device=self._orders.settings.device)}
        why = [self._left_out[id_] for id_ in sorted(able & self._left_out.keys())]
        if not why or len(why) < len(able):
            return
        kinds = (EncoderError, CatalogError, UsageError)
        kind: type[SpeakerSearchError] = next(
            (kind for kind in kinds if any(issubclass(trouble.kind, kind) for _, trouble in why)), UsageError
        )
        if any(issubclass(trouble.kind, DecoderError) for _, trouble in why):
            kind = EncoderError
        name, trouble = why[0]
        others = f" ({counted(len(why) - 1, 'other node')} left out, too.)" if len(why) > 1 else ""
        raise kind(f"No node can embed. Node {name}: {trouble.detail}{others}", trouble.mend)


def summed(one: IngestReport, other: IngestReport) -> IngestReport:
    """What two calls have embedded together. Pure."""
    return IngestReport(
        phase="embedding",
        opened=one.opened + other.opened,
        embedded=one.embedded + other.embedded,
        merged=one.merged + other.merged,
        audio_seconds=one.audio_seconds + other.audio_seconds,
        refused=Counter(one.refused) + Counter(other.refused),
        computed_by=" | ".join(dict.fromkeys(filter(None, f"{one.computed_by} | {other.computed_by}".split(" | ")))),
        problems=list(dict.fromkeys([*one.problems, *other.problems])),
    )


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
