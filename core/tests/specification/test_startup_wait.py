"""A starting hub waits for the first check of running servers as `init_spawners_timeout` says."""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from plughub.app.config_files import load_config
from plughub.app.hub import Hub
from plughub.services.coordination.initial_records import PLAIN_CLIENT, store_initial_records
from plughub.storage.store import Transaction
from plughub.testing.conditions import until
from plughub.testing.ports import free_port

CONFIG = """
import asyncio
from pathlib import Path

from plughub.proxy import Proxy
from plughub.spawner import SimpleLocalProcessSpawner

class SilentSpawner(SimpleLocalProcessSpawner):
    async def poll(self):
        Path("polled").touch()
        while not Path("answer").exists():
            await asyncio.sleep(0.02)

    async def verify_address(self):
        return True

class NoProxy(Proxy):
    async def start(self): ...

    async def stop(self): ...

    async def add_route(self, routespec, target, data): ...

    async def delete_route(self, routespec): ...

    async def get_all_routes(self):
        return {}

c.JupyterHub.spawner_class = SilentSpawner
c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.allow_worker_scopes = True
c.Authenticator.allow_all = True
"""


def store_running_server(tx: Transaction) -> None:
    """Store a server that an earlier hub left running."""
    store_initial_records(tx)
    server = tx.servers.create(tx.users.create("ada").id, "")
    tx.servers.record_launch(
        server.id, backend="", host="", launch="of-an-earlier-hub", client_id=PLAIN_CLIENT
    )
    tx.servers.request_start(server)
    tx.servers.record_endpoint(server.id, url="http://127.0.0.1:9", prefix="/user/ada/", state={})
    tx.servers.mark_ready(server.id, datetime.now(UTC))


@pytest.fixture
def restarted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], Hub]:
    """Return a function that makes a hub whose database has a running server that does not answer polls."""
    monkeypatch.chdir(tmp_path)

    def restarted(seconds: float) -> Hub:
        ports = f"c.JupyterHub.port, c.JupyterHub.hub_port = {free_port()}, {free_port()}\n"
        wait = f"c.JupyterHub.init_spawners_timeout = {seconds}\n"
        (tmp_path / "jupyterhub_config.py").write_text(CONFIG + ports + wait)
        hub = Hub(load_config(None, {}), [])
        hub.plan.store.database.run(lambda connection: store_running_server(Transaction(connection)))
        return hub

    return restarted


def waited(hub: Hub) -> float:
    """Return the seconds that the hub waited, according to its metrics."""
    text = hub.plan.observing.metrics.render("")[0].decode()
    found = re.search(r"^jupyterhub_init_spawners_duration_seconds_sum (\S+)$", text, re.MULTILINE)
    assert found
    return float(found[1])


@pytest.mark.parametrize(("init_spawners_timeout", "least", "most"), [(0, 0.0, 0.8), (1, 1.0, 5.0)])
async def test_a_start_waits_no_longer_than_configured(restarted, init_spawners_timeout, least, most):
    hub = await asyncio.to_thread(restarted, init_spawners_timeout)
    try:
        await asyncio.wait_for(hub.start(), 30)
        assert least <= waited(hub) < most
    finally:
        Path("answer").touch()
        await hub.close()


async def test_a_start_without_limit_waits_for_the_answer(restarted):
    hub = await asyncio.to_thread(restarted, -1)
    start = asyncio.create_task(hub.start())

    async def is_polled() -> bool:
        return Path("polled").exists()

    try:
        await until(is_polled)
        before, _ = await asyncio.wait({start}, timeout=0.3)
        assert not before
        Path("answer").touch()
        await asyncio.wait_for(start, 30)
        assert waited(hub) > 0.3
    finally:
        Path("answer").touch()
        await hub.close()
