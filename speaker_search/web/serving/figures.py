"""GET /metrics: what the server has done and holds, in Prometheus' text format."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from speaker_search import logs
from speaker_search.library import Library
from speaker_search.settings import figures_folder
from speaker_search.web.serving.connections import Patience
from speaker_search.web.serving.side_by_side import Turns

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
METHODS = ("GET", "POST", "DELETE", "OPTIONS")  # a client may send any word
TYPE_PREFIX = "urn:spksearch:problem:"
PROBES = ("/healthz", "/readyz", "/metrics")  # asked every few seconds: logged only when they fail


class Metrics:
    """Counts requests, their times and the stages of searches."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the answer and say little
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "spksearch_requests", "Requests answered.", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "spksearch_request_seconds", "Time from a request's headers to the end of its answer.", ["route"],
            buckets=BUCKETS_S, registry=self._registry,
        )  # fmt: skip
        self._stages = Histogram(
            "spksearch_stage_seconds",
            "Time that each stage of a search takes.",
            ["stage"],
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        self._refused = Counter(
            "spksearch_refusals", "Requests answered with a problem, by its type.", ["type"], registry=self._registry
        )
        self._in_hand = Gauge(
            "spksearch_requests_in_hand",
            "Requests being answered.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._own = CollectorRegistry()  # what is this process's alone
        ProcessCollector(registry=self._own)

    def stage(self, name: str, seconds: float) -> None:
        self._stages.labels(name).observe(seconds)

    def watch(self, library: Library, turns: Iterable[Turns], patience: Patience, ready: Callable[[], bool]) -> None:
        """Show also what a library holds and what waits, as it is when the figures are asked for."""
        self._own.register(_Held(library, list(turns), patience, ready))

    def text(self) -> bytes:
        """All of it. Where several processes serve, counts and times are those of all of them together."""
        counted = self._registry
        if (folder := figures_folder()) is not None:
            counted = CollectorRegistry()
            MultiProcessCollector(counted, folder)  # type: ignore[no-untyped-call]
        return generate_latest(counted) + generate_latest(self._own)

    def counting(self, app: ASGIApp) -> ASGIApp:
        """The app, with each of its answers counted."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            began, status, problem = time.perf_counter(), 499, False  # 499: the client left before an answer
            kind: str | None = None

            async def noted(message: Message) -> None:
                nonlocal status, problem, kind
                if message["type"] == "http.response.start":
                    status = message["status"]
                    problem = status >= 400
                elif problem and not message.get("more_body"):
                    kind = _kind_of(message.get("body", b""))
                    self._refused.labels(kind).inc()
                await send(message)

            self._in_hand.inc()
            try:
                await app(scope, receive, noted)
            finally:
                self._in_hand.dec()
                route = _route(scope)
                method = scope["method"] if scope["method"] in METHODS else "other"
                self._requests.labels(method, route, str(status)).inc()
                took_s = time.perf_counter() - began
                self._seconds.labels(route).observe(took_s)
                _log(method, route, status, took_s, kind)

        return counted


def _kind_of(body: bytes) -> str:
    """The type of the problem that is an answer's body."""
    if not body:  # the client left before its request was complete
        return "left"
    try:
        return str(json.loads(body)["type"]).removeprefix(TYPE_PREFIX)
    except (ValueError, LookupError, TypeError):
        return "other"


def _log(method: str, route: str, status: int, took_s: float, problem: str | None) -> None:
    if status < 400 and route in PROBES:
        return
    level: logs.Level = "info" if status < 400 else "warning" if status < 500 or status == 503 else "error"
    logs.event(
        "request", level=level, method=method, route=route, status=status, ms=round(1000 * took_s, 1), problem=problem
    )


def _route(scope: Scope) -> str:
    """The route that answered, such as /v1/clips/{clip_id}/audio; not the path, since clients may send any."""
    path: str = getattr(scope.get("route"), "path", "other")
    under = scope["path"].startswith("/v1/") and path.startswith("/") and not path.startswith("/v1/")
    return f"/v1{path}" if under else path  # FastAPI leaves out the prefix of an included router


class _Held(Collector):
    """What a library holds and what waits."""

    def __init__(self, library: Library, turns: list[Turns], patience: Patience, ready: Callable[[], bool]) -> None:
        self._library = library
        self._turns = turns
        self._patience = patience
        self._ready = ready

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("spksearch_ready", "1 while searches are answered.", self._ready())
        with suppress(OSError):  # an empty catalog on PostgreSQL needs no home yet
            disk = shutil.disk_usage(self._library.settings.home)
            yield GaugeMetricFamily("spksearch_home_size_bytes", "Size of the home's disk.", disk.total)
            yield GaugeMetricFamily("spksearch_home_free_bytes", "Free space on the home's disk.", disk.free)
        if (live := self._library.live) is not None:
            ready = live.ready
            yield GaugeMetricFamily("spksearch_index_clips", "Clips in the index.", ready.snapshot.clips.clips)
            age_s = time.monotonic() - live.followed_s
            yield GaugeMetricFamily("spksearch_index_age_seconds", "Time since the index was last up to date.", age_s)
            yield GaugeMetricFamily("spksearch_clips_pending", "Clips still to be embedded.", ready.pending)
        waiting = GaugeMetricFamily("spksearch_searches_waiting", "Searches that wait their turn.", labels=["kind"])
        for turns in self._turns:
            waiting.add_metric([turns.kind], turns.waiting)
        yield waiting
        audio_s = self._library.turns.waiting_seconds
        yield GaugeMetricFamily("spksearch_audio_waiting_seconds", "Audio of searches still to be embedded.", audio_s)
        closed = CounterMetricFamily("spksearch_connections_closed", "Connections closed early.", labels=["reason"])
        for reason, count in self._patience.closed.items():
            closed.add_metric([reason], count)
        yield closed
