"""What is measured of a hub process, for Prometheus. Nothing else in the hub knows its client.

Source of the names, labels and buckets: JupyterHub 6, so that its dashboards go on working.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric

from plughub.domain.events import Event, EventKind
from plughub.domain.hub_counts import HubCounts
from plughub.domain.timings import METRICS_READ_SECONDS
from plughub.markers import hookimpl

PLUGIN: Final = "metrics"
SPAWN_BUCKETS: Final = (0.5, 1, 2.5, 5, 10, 15, 30, 60, 120, 180, 300, 600)
STOP_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
LOOP_BUCKETS: Final = (0.05, 0.055, 0.06, 0.065, 0.07, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
HOOK_BUCKETS: Final = (0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 10, 30, 60, 300)
METHODS: Final = frozenset({"GET", "HEAD", "POST", "DELETE", "PATCH", "PUT", "OPTIONS"})
OUTCOMES: Final = {"ok": "success", "failed": "failure", "timeout": "failure"}
SPAWN_REASONS: Final = ("", "throttled", "too-many-users", "already-pending")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricNames:
    """How metrics are called and cut.

    Attributes:
        prefix: of all names.
        spawn_buckets: upper ends in seconds, for starts.
        stop_buckets: upper ends in seconds, for stops.
    """

    prefix: str = "jupyterhub"
    spawn_buckets: Sequence[float] = SPAWN_BUCKETS
    stop_buckets: Sequence[float] = STOP_BUCKETS


class Metrics:
    """What is measured of a hub process. A plugin of the core: it learns of starts by `hub_event`.

    Args:
        naming: how metrics are called and cut.
    """

    def __init__(self, naming: MetricNames | None = None) -> None:
        self._naming = naming or MetricNames()
        self._registry = CollectorRegistry()
        self._requests = self._histogram(
            "request_duration_seconds", "Requests to the hub", "method", "handler", "code"
        )
        self._hooks = self._histogram(
            "hook_duration_seconds", "Calls of plugins", "plugin", "hook", "outcome", buckets=HOOK_BUCKETS
        )
        self._children: dict[tuple[str, ...], Callable[[float], None]] = {}
        self._read = float("-inf")
        self._make_backends()
        self._make_people()
        self._make_hub()

    # ---- making them

    def _make_backends(self) -> None:
        buckets = self._naming
        self._spawns = self._histogram(
            "server_spawn_duration_seconds", "Starts, from the request to the route", "status", "reason",
            buckets=buckets.spawn_buckets,
        )  # fmt: skip
        for status in ("success", "failure", "error"):
            self._spawns.labels(status, "")
        for reason in SPAWN_REASONS:
            self._spawns.labels("failure", reason)
        self._stops = self._histogram(
            "server_stop_seconds", "Stops by the spawner", "status", buckets=buckets.stop_buckets
        )
        self._polls = self._histogram("server_poll_duration_seconds", "Looks whether a server runs", "status")
        self._route_adds = self._histogram("proxy_add_duration_seconds", "Routes that are added", "status")
        self._route_deletes = self._histogram(
            "proxy_delete_duration_seconds", "Routes that are taken away", "status"
        )
        self._route_lists = self._histogram("proxy_poll_duration_seconds", "Looks at the routes of the proxy")
        for metric in (self._stops, self._route_adds, self._route_deletes):
            for status in ("success", "failure"):
                metric.labels(status)
        for status in ("running", "stopped"):
            self._polls.labels(status)

    def _make_people(self) -> None:
        self._logins = self._histogram("login_duration_seconds", "Logins", "status")
        for status in ("success", "failure"):
            self._logins.labels(status)
        self._logouts = self._histogram("logout_duration_seconds", "Logouts")
        self._csp_reports = Counter(
            "csp_reports",
            "Reports of browsers about what they refused to show",
            namespace=self._naming.prefix,
            registry=self._registry,
        )
        self._users = self._gauge("total_users", "Users")
        self._active_users = self._gauge("active_users", "Users who were active in a period", "period")

    def _make_hub(self) -> None:
        self._running = self._gauge("running_servers", "Servers that run")
        self._queued = self._gauge("spawn_queue_length", "Starts that wait for their turn")
        self._operations = self._gauge("operations", "Starts and stops that go on", "kind")
        self._busy = self._gauge("plugin_threads_busy", "Threads of plugins that work", "plugin")
        self._waiting = self._gauge("plugin_threads_waiting", "Calls that wait for a thread", "plugin")
        self._loop = self._histogram(
            "event_loop_interval_seconds", "How late the event loop is", buckets=LOOP_BUCKETS
        )
        self._route_checks = self._histogram("check_routes_duration_seconds", "Mending of routes")
        self._startup = self._histogram("hub_startup_duration_seconds", "Starts of the hub")
        # Servers are looked at while the hub serves already: this is there for dashboards, and stays empty.
        self._histogram("init_spawners_duration_seconds", "Nothing: no start of the hub waits for servers")

    def _histogram(self, name: str, about: str, *labels: str, buckets: Sequence[float] = ()) -> Histogram:
        return Histogram(
            name,
            about,
            labels,
            namespace=self._naming.prefix,
            registry=self._registry,
            buckets=buckets or Histogram.DEFAULT_BUCKETS,
        )

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(name, about, labels, namespace=self._naming.prefix, registry=self._registry)

    # ---- taking them

    def request(self, method: str, handler: type, status: int, seconds: float) -> None:
        """Note a request.

        Args:
            method: of HTTP; what no handler answers counts as ``other``.
            handler: class that answered.
            status: of the answer.
            seconds: how long it took.
        """
        key = (method if method in METHODS else "other", handler.__module__, handler.__name__, str(status))
        observe = self._children.get(key)
        if observe is None:
            labels = (key[0], f"{key[1]}.{key[2]}", key[3])
            observe = self._children[key] = self._requests.labels(*labels).observe
        observe(seconds)

    def hook_called(self, plugin: str, hook: str, seconds: float, outcome: str, answer: Any = None) -> None:
        """Note a call of a plugin.

        Args:
            plugin: its name.
            hook: name of the hook.
            seconds: how long it took.
            outcome: ``ok``, ``failed`` or ``timeout``.
            answer: what it answered.
        """
        key = (plugin, hook, outcome)
        observe = self._children.get(key)
        if observe is None:
            labels = (plugin, hook, "error" if outcome == "failed" else outcome)
            observe = self._children[key] = self._hooks.labels(*labels).observe
        observe(seconds)
        metric = {
            "hub_stop": self._stops,
            "hub_route_add": self._route_adds,
            "hub_route_delete": self._route_deletes,
        }.get(hook)
        if metric is not None:
            metric.labels(OUTCOMES[outcome]).observe(seconds)
        elif hook == "hub_poll" and outcome == "ok":
            self._polls.labels("running" if answer is None else "stopped").observe(seconds)
        elif hook == "hub_routes":
            self._route_lists.observe(seconds)

    @hookimpl
    async def hub_event(self, event: Event) -> None:
        """Note starts that led somewhere."""
        seconds = event.detail.get("seconds", 0)
        if event.kind is EventKind.SPAWN:
            self._spawns.labels("success", "").observe(seconds)
        elif event.kind is EventKind.SPAWN_REFUSED:
            full = event.detail.get("status") == 429  # noqa: PLR2004 - Too Many Requests
            self._spawns.labels("failure", "too-many-users" if full else "").observe(0)
        elif event.kind is EventKind.SPAWN_FAILED:
            refused = 400 <= event.detail.get("status", 500) < 500  # noqa: PLR2004 - a client's error
            self._spawns.labels("failure" if refused else "error", "").observe(seconds)

    @contextlib.contextmanager
    def login(self) -> Iterator[None]:
        """Note how long a login takes, and whether it leads to anything."""
        begin, status = time.perf_counter(), "failure"
        try:
            yield
            status = "success"
        finally:
            self._logins.labels(status).observe(time.perf_counter() - begin)

    def logout(self) -> contextlib.AbstractContextManager[object]:
        """Note how long a logout takes."""
        return self._logouts.time()

    def route_check(self) -> contextlib.AbstractContextManager[object]:
        """Note how long it takes to mend the routes."""
        return self._route_checks.time()

    def startup(self) -> contextlib.AbstractContextManager[object]:
        """Note how long the hub takes to start."""
        return self._startup.time()

    def csp_report(self) -> None:
        """Note that a browser refused to show something."""
        self._csp_reports.inc()

    @property
    def read_lately(self) -> bool:
        """Whether somebody has read them in the last minutes."""
        return time.monotonic() - self._read < METRICS_READ_SECONDS

    def loop_interval(self, seconds: float) -> None:
        """Note how late the event loop is.

        Args:
            seconds: time between two turns.
        """
        self._loop.observe(seconds)

    # ---- showing them

    def numbers(self, numbers: HubCounts) -> None:
        """Set what the database tells.

        Args:
            numbers: as they are now.
        """
        self._users.set(numbers.users)
        self._running.set(numbers.running_servers)
        self._queued.set(numbers.starts_queued)
        for period, count in numbers.active_users.items():
            self._active_users.labels(period).set(count)
        for kind in ("start", "stop"):
            self._operations.labels(kind).set(numbers.operations.get(kind, 0))

    def threads(self, plugin: str, busy: int, waiting: int) -> None:
        """Set what the threads of a plugin do.

        Args:
            plugin: its name.
            busy: threads that work.
            waiting: calls that wait for one.
        """
        self._busy.labels(plugin).set(busy)
        self._waiting.labels(plugin).set(waiting)

    def render(self, accept: str) -> tuple[bytes, str]:
        """Write everything down, with what plugins and Python itself measure.

        Args:
            accept: header of the request.

        Returns:
            The text and its content type.
        """
        self._read = time.monotonic()
        encode, content_type = choose_encoder(accept)
        text: bytes = encode(_Both(self._registry, REGISTRY))
        return text, content_type


class _Both:
    """Two registries as one; of what both have, that of the first counts."""

    def __init__(self, *registries: CollectorRegistry) -> None:
        self._registries = registries

    def collect(self) -> Iterator[Metric]:
        names: set[str] = set()
        for registry in self._registries:
            for metric in registry.collect():
                if metric.name not in names:
                    names.add(metric.name)
                    yield metric
