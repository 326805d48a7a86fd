import asyncio
import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

NAMES = {
    "request_duration_seconds", "server_spawn_duration_seconds", "running_servers", "total_users",
    "active_users", "check_routes_duration_seconds", "hub_startup_duration_seconds",
    "init_spawners_duration_seconds", "proxy_poll_duration_seconds", "login_duration_seconds",
    "logout_duration_seconds", "csp_reports", "proxy_add_duration_seconds", "server_poll_duration_seconds",
    "server_stop_seconds", "proxy_delete_duration_seconds", "event_loop_interval_seconds",
}  # fmt: skip
"""What dashboards for JupyterHub ask for."""


class MetricsSample:
    """Metrics of a hub."""

    def __init__(self, text: str) -> None:
        self.families = {family.name: family for family in text_string_to_metric_families(text)}

    @property
    def samples(self) -> set[str]:
        return {sample.name for family in self.families.values() for sample in family.samples}

    def value(self, name: str, **labels: str) -> float:
        return sum(
            sample.value
            for family in self.families.values()
            for sample in family.samples
            if sample.name == f"jupyterhub_{name}" and labels.items() <= sample.labels.items()
        )


async def read(hub, path: str = "/hub/metrics") -> MetricsSample:
    reader = await hub.admin("read:metrics")
    answer = await reader.get(path)
    assert answer.code == 200, answer.body
    return MetricsSample(answer.body.decode())


async def test_all_jupyterhub_metrics_exist(hub) -> None:
    found = await read(hub)
    assert {f"jupyterhub_{name}" for name in NAMES} <= set(found.families)
    assert "python_info" in found.families


async def test_server_life_cycle_is_measured(hub) -> None:
    client = await hub.program("alice")
    await client.post("/hub/api/users/alice/server")
    await hub.events.drain()
    found = await read(hub, "/hub/api/metrics")
    assert found.value("server_spawn_duration_seconds_count", status="success", reason="") == 1
    assert found.value("proxy_add_duration_seconds_count", status="success") == 1
    assert found.value("running_servers") == 1
    assert found.value("total_users") >= 2
    assert found.value("active_users", period="24h") >= 0
    assert found.value("hook_duration_seconds_count", plugin="tiny", hook="hub_spawn", outcome="ok") == 1
    assert found.value("server_poll_duration_seconds_count", status="running") >= 1


async def test_failed_start_and_hook_count_as_errors(hub) -> None:
    client = await hub.program("alice")
    hub.tiny.failure = "no image"
    await client.post("/hub/api/users/alice/server")
    await hub.events.drain()
    found = await read(hub)
    assert found.value("server_spawn_duration_seconds_count", status="error") == 1
    assert found.value("hook_duration_seconds_count", plugin="tiny", hook="hub_spawn", outcome="error") == 1


async def test_logins_and_logouts_are_measured(hub) -> None:
    await hub.browser().log_in("alice", "wrong")
    browser = await hub.logged_in("alice")
    await browser.get("/hub/logout", headers={"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"})
    found = await read(hub)
    assert found.value("login_duration_seconds_count", status="success") == 1
    assert found.value("login_duration_seconds_count", status="failure") == 1
    assert found.value("logout_duration_seconds_count") == 1


async def test_requests_are_counted_by_method_handler_and_status(hub) -> None:
    client = await hub.program("alice")
    await client.get("/hub/api/user")
    handler = "plughub.web.api.users.SelfHandler"
    found = await read(hub)
    assert found.value("request_duration_seconds_count", method="GET", handler=handler, code="200") == 1


async def test_unknown_methods_never_become_labels(hub) -> None:
    for method in ("BREW", "STEEP"):
        await hub.browser().ask(method, "/hub/api/user")
    found = await read(hub)
    assert found.value("request_duration_seconds_count", method="other", code="405") == 2
    assert found.value("request_duration_seconds_count", method="BREW") == 0


async def test_busy_plugin_threads_are_counted(hub) -> None:
    import threading

    held = threading.Event()
    calls = [asyncio.create_task(hub.pools.run("slow", held.wait)) for _ in range(3)]

    async def busy() -> bool:
        return hub.pools.load().get("slow") == (2, 1)

    try:
        await hub.until(busy)
        found = await read(hub)
        assert found.value("plugin_threads_busy", plugin="slow") == 2
        assert found.value("plugin_threads_waiting", plugin="slow") == 1
    finally:
        held.set()
        await asyncio.gather(*calls)


async def test_queued_starts_are_counted(make_hub) -> None:
    hub = await make_hub(concurrent_spawn_limit=1, options={"slow_spawn_timeout": 0.05})
    hub.tiny.hold = asyncio.Event()
    await (await hub.program("bob")).post("/hub/api/users/bob/server")

    async def starting() -> bool:
        return bool(hub.tiny.started)

    await hub.until(starting)
    for name in ("alice", "eve"):
        await (await hub.program(name)).post(f"/hub/api/users/{name}/server")
    found = await read(hub)
    assert found.value("spawn_queue_length") == 2
    assert found.value("operations", kind="start") == 3


@pytest.mark.parametrize("path", ["/hub/metrics", "/hub/api/metrics"])
async def test_metrics_need_scope(hub, path) -> None:
    assert (await hub.browser().get(path)).code == 403
    assert (await (await hub.program("alice")).get(path)).code == 403
    answer = await (await hub.admin("read:metrics")).get(path)
    assert answer.code == 200
    assert re.match(r"text/plain; version=[01]\.0", answer.headers["Content-Type"])


async def test_metrics_can_be_open(make_hub) -> None:
    hub = await make_hub(options={"authenticate_prometheus": False})
    assert (await hub.browser().get("/hub/metrics")).code == 200
