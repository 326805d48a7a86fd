"""Metrics, event log and audit trail of a real hub."""

import json
import socket
import sys
import urllib.request
from datetime import timedelta

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from plughub.domain.clock import utcnow
from plughub.testing.client import client_of
from plughub.testing.hub import HubProcess

CONFIG = f"""
import logging
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{"root"}}
c.Spawner.cmd = [{sys.executable!r}, "-m", "plughub.testing.tiny_server"]
c.LocalProcessSpawner.interrupt_timeout = 1
c.SimpleLocalProcessSpawner.home_dir_template = "%s/{{username}}"
c.EventLog.handlers = [logging.FileHandler("events.jsonl")]
c.JupyterHub.active_user_window = 2 * 86400
c.JupyterHub.load_roles = [
    {{"name": "watchman", "users": ["root"], "scopes": ["read:audit", "read:metrics", "admin:users", "servers"]}},
]
"""


def test_a_hub_reports_what_happened_and_loses_nothing_at_shutdown(tmp_path):
    statsd = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    statsd.bind(("127.0.0.1", 0))
    statsd.settimeout(10)
    sends = [
        "--JupyterHub.statsd_host=127.0.0.1",
        f"--JupyterHub.statsd_port={statsd.getsockname()[1]}",
        "--JupyterHub.statsd_prefix=lab",
    ]
    hub = HubProcess(tmp_path, "--plugins", "dummy,simple,haproxy", *sends, config=CONFIG % tmp_path)
    with hub:
        root = client_of(hub, "root")
        assert root("POST", "/users/ada").status == 201
        assert root("POST", "/users/ada/server").status == 201
        metrics = _metrics(hub, root)
        assert metrics["jupyterhub_server_spawn_duration_seconds_count"] == 1
        assert metrics["jupyterhub_running_servers"] == 1
        assert metrics["jupyterhub_hub_startup_duration_seconds_count"] == 1
        assert metrics["jupyterhub_event_loop_interval_seconds_count"] > 0
        assert root("POST", "/users/last").status == 201
        hub.stop()
    with statsd:
        assert _metrics_sent(statsd, "spawner.stop") > {
            "lab.users.running", "lab.users.active", "lab.spawner.success"
        }  # fmt: skip
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    actions = [(event["action"], event["username"], event["servername"]) for event in events]
    assert actions == [("start", "ada", ""), ("stop", "ada", "")]
    assert {event["__schema__"] for event in events} == {
        "https://schema.jupyter.org/jupyterhub/events/server-action"
    }
    with hub:
        root = client_of(hub, "root")
        root.until("/audit", lambda newest: [line["kind"] for line in newest].index("hub-stopped") == 2)
        lines = root("GET", "/audit").body[::-1]
        long_ago = (utcnow() - timedelta(hours=36)).isoformat()
        assert root("POST", "/users/last/activity", {"last_activity": long_ago}).status == 200
        root.until("/users/last", lambda last: last["last_activity"])
        active = _active_users(hub, root)
        assert active["window"] == active["24h"] + 1, "active_user_window is longer than a day"
    kinds = [line["kind"] for line in lines]
    first_life = kinds[: kinds.index("hub-stopped") + 1]
    assert first_life == [
        "hub-started", "token-created", "create-user", "spawn-requested", "spawn", "create-user", "stop",
        "hub-stopped",
    ]  # fmt: skip
    assert sorted(kinds[kinds.index("hub-stopped") + 1 :]) == ["hub-started", "token-created"]
    last_request = lines[5]
    assert (last_request["actor"], last_request["user"]) == ("root", "last")
    assert last_request["remote_ip"] == "127.0.0.1"
    assert last_request["token_id"].startswith("a")


def _metrics_sent(statsd: socket.socket, last: str) -> set[str]:
    """Return the names of the metrics that arrived, up to the last one."""
    names: set[str] = set()
    while not any(name.endswith(last) for name in names):
        names.add(statsd.recv(1000).decode().partition(":")[0])
    return names


def _active_users(hub: HubProcess, client) -> dict[str, float]:
    """Return the number of active users by period."""
    family = next(one for one in _families(hub, client) if one.name == "jupyterhub_active_users")
    return {sample.labels["period"]: sample.value for sample in family.samples}


def _metrics(hub: HubProcess, client) -> dict[str, float]:
    """Return the metrics; samples with the same name are added up."""
    sums: dict[str, float] = {}
    for family in _families(hub, client):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0) + sample.value
    return sums


def _families(hub: HubProcess, client) -> list[Metric]:
    request = urllib.request.Request(
        f"{hub.hub_url}/hub/metrics", headers={"Authorization": f"token {client._token}"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return list(text_string_to_metric_families(answer.read().decode()))
