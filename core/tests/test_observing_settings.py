"""Settings and environment variables of metrics and the event log."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

import pytest
from traitlets.config import Config

from plughub.app.event_log import EventLogPlugin, configured_handlers
from plughub.app.observability import read_metric_names
from plughub.domain.errors import StartError
from plughub.domain.events import Event, EventKind
from plughub.services.observability.metrics import SPAWN_BUCKETS, STOP_BUCKETS, Metrics


class RecordingHandler(logging.Handler):
    """Handler that stores its records."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def happened(kind: EventKind, server: str | None = "") -> Event:
    return Event(kind=kind, at=datetime(2026, 3, 1, tzinfo=UTC), user="ada", server=server)


def test_only_starts_and_stops_are_emitted_in_jupyterhubs_format() -> None:
    kept = RecordingHandler()
    plugin = EventLogPlugin([kept])
    for kind in EventKind:
        plugin.hub_event(happened(kind, "lab"))
    events = [json.loads(line) for line in kept.lines]
    assert [(event["action"], event["username"], event["servername"]) for event in events] == [
        ("start", "ada", "lab"),
        ("stop", "ada", "lab"),
    ]
    assert {event["__schema_version__"] for event in events} == {"1"}


def test_a_handler_receives_an_event_once(monkeypatch) -> None:
    kept = RecordingHandler()
    EventLogPlugin([kept]).hub_event(happened(EventKind.SPAWN))
    assert len(kept.lines) == 1


@pytest.mark.parametrize("section", ["EventLog", "EventLogger"])
def test_handlers_are_found_under_both_names_and_a_function_may_make_them(section) -> None:
    kept = RecordingHandler()
    assert configured_handlers(Config({section: {"handlers": [kept]}})) == [kept]
    assert configured_handlers(Config({section: {"handlers": lambda: [kept]}})) == [kept]
    assert configured_handlers(Config()) == []


def test_a_value_that_is_not_a_handler_is_refused() -> None:
    with pytest.raises(StartError, match=r"list of logging\.Handler"):
        configured_handlers(Config({"EventLog": {"handlers": ["stderr"]}}))


def test_an_event_log_without_its_package_is_refused_with_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "jupyter_events", None)
    with pytest.raises(StartError) as error:
        EventLogPlugin([RecordingHandler()])
    assert error.value.hint == "pip install 'plughub[eventlog]'"


def test_the_environment_changes_prefix_and_buckets() -> None:
    given = read_metric_names(
        {
            "JUPYTERHUB_METRICS_PREFIX": "hub",
            "JUPYTERHUB_SERVER_SPAWN_DURATION_SECONDS_BUCKETS": "1, 5,inf",
            "JUPYTERHUB_SERVER_STOP_DURATION_SECONDS_BUCKETS": "2",
        }
    )
    text = Metrics(given).render("")[0].decode()
    ends = {
        line.partition('le="')[2].partition('"')[0]
        for line in text.splitlines()
        if line.startswith("hub_server_spawn_duration_seconds_bucket")
    }
    assert ends == {"1.0", "5.0", "+Inf"}
    assert 'hub_server_stop_seconds_bucket{le="2.0",status="success"}' in text
    assert "jupyterhub_hook_duration_seconds" not in text
    usual = read_metric_names({})
    assert (usual.prefix, usual.spawn_buckets, usual.stop_buckets) == (
        "jupyterhub", SPAWN_BUCKETS, STOP_BUCKETS,
    )  # fmt: skip


@pytest.mark.parametrize("text", ["soon", "1,,2", "5,1", "1,1", "inf,1"])
def test_invalid_buckets_fail_the_start(text) -> None:
    with pytest.raises(StartError, match="JUPYTERHUB_SERVER_STOP_DURATION_SECONDS_BUCKETS"):
        read_metric_names({"JUPYTERHUB_SERVER_STOP_DURATION_SECONDS_BUCKETS": text})
