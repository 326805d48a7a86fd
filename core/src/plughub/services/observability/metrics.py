"""Prometheus metrics of a hub process; no other module uses the Prometheus client.

Source of the names, labels and buckets: JupyterHub 6, so that its dashboards keep working.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric

from plughub.domain.events import Event, EventKind
from plughub.domain.hub_counts import HubCounts
from plughub.domain.timings import METRICS_READ_SECONDS
from plughub.markers import hookimpl
from plughub.services.observability.statsd import Statsd

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
    """Names and buckets of metrics.

    Attributes:
        prefix: prefix of all names.
        spawn_buckets: upper bounds in seconds, for starts.
        stop_buckets: upper bounds in seconds, for stops.
    """

    prefix: str = "jupyterhub"
    spawn_buckets: Sequence[float] = SPAWN_BUCKETS
    stop_buckets: Sequence[float] = STOP_BUCKETS


@dataclass(frozen=True, slots=True)
class HookTimes:
    """Calls of a hook of a plugin since the start of this process.

    Attributes:
        plugin: its name.
        hook: name of the hook.
        calls: number of calls.
        failures: calls that failed or timed out.
        seconds: duration of all calls together.
    """

    plugin: str
    hook: str
    calls: int
    failures: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ServerUsage:
    """What a server uses.

    Attributes:
        user: name of its user.
        server: its name.
        cores: CPU cores in use.
        memory: bytes in use.
    """

    user: str
    server: str
    cores: float
    memory: float


class Metrics:
    """Metrics of a hub process. A built-in plugin: `hub_event` reports starts.

    Args:
        naming: names and buckets.
        statsd: receives some of the metrics too; None for no statsd server.
    """

    def __init__(self, naming: MetricNames | None = None, statsd: Statsd | None = None) -> None:
        self._naming = naming or MetricNames()
        self._statsd = statsd
        self._registry = CollectorRegistry()
        self._requests = self._histogram(
            "request_duration_seconds", "Requests to the hub", "method", "handler", "code"
        )
        self._hooks = self._histogram(
            "hook_duration_seconds", "Calls of plugins", "plugin", "hook", "outcome", buckets=HOOK_BUCKETS
        )
        self._children: dict[tuple[str, ...], Callable[[float], None]] = {}
        self._read = float("-inf")
        self._create_backend_metrics()
        self._create_user_metrics()
        self._create_hub_metrics()
        self._create_usage_metrics()

    # ---- creation

    def _create_backend_metrics(self) -> None:
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
        self._polls = self._histogram("server_poll_duration_seconds", "Polls of servers", "status")
        self._route_adds = self._histogram("proxy_add_duration_seconds", "Additions of routes", "status")
        self._route_deletes = self._histogram(
            "proxy_delete_duration_seconds", "Deletions of routes", "status"
        )
        self._route_lists = self._histogram("proxy_poll_duration_seconds", "Reads of the routes in the proxy")
        for metric in (self._stops, self._route_adds, self._route_deletes):
            for status in ("success", "failure"):
                metric.labels(status)
        for status in ("running", "stopped"):
            self._polls.labels(status)

    def _create_user_metrics(self) -> None:
        self._logins = self._histogram("login_duration_seconds", "Logins", "status")
        for status in ("success", "failure"):
            self._logins.labels(status)
        self._logouts = self._histogram("logout_duration_seconds", "Logouts")
        self._csp_reports = Counter(
            "csp_reports",
            "Reports of violations of the content security policy",
            namespace=self._naming.prefix,
            registry=self._registry,
        )
        self._users = self._gauge("total_users", "Users")
        self._active_users = self._gauge("active_users", "Users who were active in a period", "period")

    def _create_hub_metrics(self) -> None:
        self._running = self._gauge("running_servers", "Running servers")
        self._queued = self._gauge("spawn_queue_length", "Queued starts")
        self._operations = self._gauge("operations", "Starts and stops in progress", "kind")
        self._busy = self._gauge("plugin_threads_busy", "Busy threads of plugins", "plugin")
        self._waiting = self._gauge("plugin_threads_waiting", "Calls waiting for a thread", "plugin")
        self._loop = self._histogram(
            "event_loop_interval_seconds", "Delay of the event loop", buckets=LOOP_BUCKETS
        )
        self._route_checks = self._histogram("check_routes_duration_seconds", "Reconciliations of routes")
        self._startup = self._histogram("hub_startup_duration_seconds", "Starts of the hub")
        self._adoption = self._histogram(
            "init_spawners_duration_seconds", "Waits of starting hubs for the first check of running servers"
        )

    def _create_usage_metrics(self) -> None:
        self._measured = self._gauge("servers_measured", "Running servers whose usage is known", "plugin")
        self._cores = self._gauge("servers_cpu_cores", "CPU cores that servers use", "plugin")
        self._memory = self._gauge("servers_memory_bytes", "Memory that servers use", "plugin")
        labels = ("plugin", "user", "server")
        self._server_cores = self._gauge("server_cpu_cores", "CPU cores that a server uses", *labels)
        self._server_memory = self._gauge("server_memory_bytes", "Memory that a server uses", *labels)
        self._servers_of: dict[str, set[tuple[str, str, str]]] = {}

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

    # ---- observations

    def observe_request(self, method: str, handler: type, status: int, seconds: float) -> None:
        """Record a request.

        Args:
            method: HTTP method; unknown ones count as ``other``.
            handler: class that answered.
            status: status of the response.
            seconds: duration.
        """
        key = (method if method in METHODS else "other", handler.__module__, handler.__name__, str(status))
        observe = self._children.get(key)
        if observe is None:
            labels = (key[0], f"{key[1]}.{key[2]}", key[3])
            observe = self._children[key] = self._requests.labels(*labels).observe
        observe(seconds)

    def observe_hook(self, plugin: str, hook: str, seconds: float, outcome: str, answer: Any = None) -> None:
        """Record a call of a plugin.

        Args:
            plugin: its name.
            hook: name of the hook.
            seconds: duration.
            outcome: ``ok``, ``failed`` or ``timeout``.
            answer: result of the call.
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
            if self._statsd and (hook, outcome) == ("hub_stop", "ok"):
                self._statsd.time("spawner.stop", seconds)
        elif hook == "hub_poll" and outcome == "ok":
            self._polls.labels("running" if answer is None else "stopped").observe(seconds)
        elif hook == "hub_routes":
            self._route_lists.observe(seconds)

    @hookimpl
    async def hub_event(self, event: Event) -> None:
        """Record finished and refused starts."""
        seconds = event.detail.get("seconds", 0)
        if event.kind is EventKind.SPAWN:
            self._spawns.labels("success", "").observe(seconds)
            if self._statsd:
                self._statsd.time("spawner.success", seconds)
        elif event.kind is EventKind.SPAWN_REFUSED:
            full = event.detail.get("status") == 429  # noqa: PLR2004 - Too Many Requests
            self._spawns.labels("failure", "too-many-users" if full else "").observe(0)
        elif event.kind is EventKind.SPAWN_FAILED:
            refused = 400 <= event.detail.get("status", 500) < 500  # noqa: PLR2004 - a client's error
            self._spawns.labels("failure" if refused else "error", "").observe(seconds)
            if self._statsd:
                self._statsd.record_failed_start(str(event.detail.get("reason", "")), seconds)

    @contextlib.contextmanager
    def time_login(self) -> Iterator[None]:
        """Measure a login and whether it succeeds."""
        begin, status = time.perf_counter(), "failure"
        try:
            yield
            status = "success"
        finally:
            seconds = time.perf_counter() - begin
            self._logins.labels(status).observe(seconds)
            if self._statsd:
                self._statsd.record_login(status, seconds)

    def count_login_page(self) -> None:
        """Count that a browser opened the login page; for statsd only, like `count_server_redirect`."""
        if self._statsd:
            self._statsd.count("login.request")

    def count_server_redirect(self) -> None:
        """Count that the hub redirected a browser to a running server."""
        if self._statsd:
            self._statsd.count("redirects.user_after_login")

    def time_logout(self) -> contextlib.AbstractContextManager[object]:
        """Measure a logout."""
        if self._statsd:
            self._statsd.count("logout")
        return self._logouts.time()

    def time_route_check(self) -> contextlib.AbstractContextManager[object]:
        """Measure a reconciliation of the routes."""
        return self._route_checks.time()

    def time_startup(self) -> contextlib.AbstractContextManager[object]:
        """Measure the startup of the hub."""
        return self._startup.time()

    def time_adoption(self) -> contextlib.AbstractContextManager[object]:
        """Measure how long the starting hub waits for the first check of running servers."""
        return self._adoption.time()

    def count_csp_report(self) -> None:
        """Count a report of a violation of the content security policy."""
        self._csp_reports.inc()
        if self._statsd:
            self._statsd.count("csp_report")

    @property
    def was_read_recently(self) -> bool:
        """True when the metrics were read in the last minutes."""
        return time.monotonic() - self._read < METRICS_READ_SECONDS

    def observe_loop_delay(self, seconds: float) -> None:
        """Record the time between two iterations of the event loop."""
        self._loop.observe(seconds)

    # ---- exposition

    def set_counts(self, counts: HubCounts) -> None:
        """Set the gauges that are read from the database."""
        self._users.set(counts.users)
        self._running.set(counts.running_servers)
        self._queued.set(counts.starts_queued)
        for period, count in counts.active_users.items():
            self._active_users.labels(period).set(count)
        for kind in ("start", "stop"):
            self._operations.labels(kind).set(counts.operations.get(kind, 0))

    def hook_times(self) -> list[HookTimes]:
        """Return calls and durations of the hooks of each plugin in this process, sorted by name."""
        found: dict[tuple[str, str], dict[str, float]] = {}
        for family in self._hooks.collect():
            for sample in family.samples:
                part = sample.name.rpartition("_")[2]
                if part in {"count", "sum"}:
                    numbers = found.setdefault((sample.labels["plugin"], sample.labels["hook"]), {})
                    numbers[part] = numbers.get(part, 0) + sample.value
                    if part == "count" and sample.labels["outcome"] != "ok":
                        numbers["failures"] = numbers.get("failures", 0) + sample.value
        return [
            HookTimes(plugin, hook, int(one["count"]), int(one.get("failures", 0)), one["sum"])
            for (plugin, hook), one in sorted(found.items())
        ]

    def set_server_usage(self, plugin: str, found: Collection[ServerUsage], *, each: bool) -> None:
        """Set the gauges of what the servers of a plugin use.

        Args:
            plugin: the spawner.
            found: the servers whose usage is known.
            each: also set the gauges of each server.
        """
        self._measured.labels(plugin).set(len(found))
        self._cores.labels(plugin).set(sum(one.cores for one in found))
        self._memory.labels(plugin).set(sum(one.memory for one in found))
        shown = {(plugin, one.user, one.server): one for one in found if each}
        self._forget_servers(plugin, shown.keys())
        for labels, one in shown.items():
            self._server_cores.labels(*labels).set(one.cores)
            self._server_memory.labels(*labels).set(one.memory)
        self._servers_of[plugin] = set(shown)

    def forget_server_usage(self, plugin: str) -> None:
        """Remove the gauges of what the servers of a plugin use: this process does not measure them."""
        self._forget_servers(plugin)
        for gauge in (self._measured, self._cores, self._memory):
            with contextlib.suppress(KeyError):
                gauge.remove(plugin)

    def _forget_servers(self, plugin: str, besides: Collection[tuple[str, str, str]] = ()) -> None:
        for labels in self._servers_of.pop(plugin, set()) - set(besides):
            self._server_cores.remove(*labels)
            self._server_memory.remove(*labels)

    def set_threads(self, plugin: str, busy: int, waiting: int) -> None:
        """Set the gauges of a plugin's threads.

        Args:
            plugin: its name.
            busy: threads in use.
            waiting: calls waiting for a thread.
        """
        self._busy.labels(plugin).set(busy)
        self._waiting.labels(plugin).set(waiting)

    def render(self, accept: str) -> tuple[bytes, str]:
        """Render all metrics, including those of plugins and of Python itself.

        Args:
            accept: header of the request.

        Returns:
            The text and its content type.
        """
        self._read = time.monotonic()
        encode, content_type = choose_encoder(accept)
        text: bytes = encode(_MergedRegistries(self._registry, REGISTRY))
        return text, content_type


class _MergedRegistries:
    """Two registries as one; the first takes precedence."""

    def __init__(self, *registries: CollectorRegistry) -> None:
        self._registries = registries

    def collect(self) -> Iterator[Metric]:
        names: set[str] = set()
        for registry in self._registries:
            for metric in registry.collect():
                if metric.name not in names:
                    names.add(metric.name)
                    yield metric
