"""Metrics for hubs of tests: a hub gets those of an earlier one, as if they were new."""

from __future__ import annotations

from typing import Any

from plughub.services.observability.metrics import Metrics


class MetricsPool:
    """Keeps the metrics of ended hubs for the next ones; creating them takes an eighth of a hub's start."""

    def __init__(self) -> None:
        self._unused: list[Metrics] = []
        self._labels: dict[Metrics, dict[Any, frozenset[Any]]] = {}

    def take(self) -> Metrics:
        """Return metrics in which nothing is recorded."""
        if self._unused:
            return self._unused.pop()
        metrics = Metrics()
        self._labels[metrics] = {
            collector: frozenset(getattr(collector, "_metrics", ())) for collector in _collectors(metrics)
        }
        return metrics

    def give_back(self, metrics: Metrics) -> None:
        """Keep metrics that `take` returned; their hub has ended."""
        for collector, labels in self._labels[metrics].items():
            children = getattr(collector, "_metrics", {})
            for label in set(children) - labels:
                del children[label]
            for measured in children.values() if hasattr(collector, "_metrics") else [collector]:
                _set_to_zero(measured)
        metrics._children.clear()  # noqa: SLF001 - only tests use metrics twice
        metrics._servers_of.clear()  # noqa: SLF001
        metrics._read = float("-inf")  # noqa: SLF001
        self._unused.append(metrics)


def _collectors(metrics: Metrics) -> list[Any]:
    return list(metrics._registry._collector_to_names)  # noqa: SLF001


def _set_to_zero(measured: Any) -> None:
    values = [getattr(measured, name, None) for name in ("_value", "_sum")]
    for value in [*values, *getattr(measured, "_buckets", ())]:
        if value is not None:
            value.set(0)
