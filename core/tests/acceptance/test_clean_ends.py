"""Shutdown of a hub: the settings, or the shutdown request, determine what keeps running."""

import sqlite3
import sys
from contextlib import closing

import alembic.command
import psutil
import pytest
from sqlalchemy import text

from plughub.storage.database import make_engine
from plughub.storage.tables import metadata
from plughub.storage.upgrade import alembic_config
from plughub.testing.client import client_of, start_again
from plughub.testing.conditions import wait_for
from plughub.testing.hub import HubProcess

pytestmark = pytest.mark.timeout(120)
CONFIG = """
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{"ada"}}
c.JupyterHub.cleanup_servers = {servers}
c.JupyterHub.cleanup_proxy = {proxy}
c.Spawner.cmd = [{python!r}, "-m", "plughub.testing.tiny_server"]
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/homes/{{username}}"
"""
FIRST_REVISION = "a1f0c3d2e401"


@pytest.fixture
def make_hub(tmp_path):
    hubs = []

    def make(*arguments, servers, proxy, name="hub"):
        config = CONFIG.format(servers=servers, proxy=proxy, python=sys.executable, folder=tmp_path)
        hub = HubProcess(tmp_path, "--plugins", "dummy,simple,haproxy", *arguments, config=config, name=name)
        hubs.append(hub)
        return hub

    yield make
    for hub in hubs:
        hub.end_everything()


def start_server(hub):
    call = client_of(hub, "ada")
    assert call("POST", "/users/ada/server", {}).status == 201
    return call


def others(hub):
    """Return the processes other than the hub's own: servers and proxy."""
    running = [process for process in hub.processes() if process.pid != hub.process.pid]
    servers = {process.pid for process in running if "plughub.testing.tiny_server" in process.cmdline()}
    return servers, {process.pid for process in running} - servers


def gone(pids, seconds=20):
    def are_gone():
        return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids)

    return wait_for(are_gone, seconds)


@pytest.mark.parametrize(
    ("asked", "servers", "proxy"),
    [
        ("by signal", True, True),
        ("by signal", True, False),
        ("by signal", False, True),
        ("by signal", False, False),
        ("by API", True, False),
        ("by API", False, True),
    ],
)
def test_a_hub_that_ends_leaves_what_is_configured(make_hub, servers, proxy, asked):
    # The shutdown request over the API overrides the settings.
    by_api = asked == "by API"
    hub = make_hub(servers=servers != by_api, proxy=proxy != by_api).start()
    call = start_server(hub)
    of_servers, of_proxy = others(hub)
    assert of_servers
    assert of_proxy
    if by_api:
        assert call("POST", "/shutdown", {"servers": servers, "proxy": proxy}).status == 202
        assert hub.process.wait(60) == 0
    else:
        assert hub.stop() == 0
    assert gone(of_servers) if servers else all(map(psutil.pid_exists, of_servers))
    assert gone(of_proxy) if proxy else all(map(psutil.pid_exists, of_proxy))


def test_a_hub_that_ends_leaves_the_servers_to_a_live_one(make_hub):
    first = make_hub(servers=True, proxy=True).start()
    second = make_hub(f"--JupyterHub.port={first.port}", servers=True, proxy=True, name="second")
    second.start()
    start_server(first)
    of_servers, of_proxy = others(first)
    assert first.stop() == 0
    assert all(map(psutil.pid_exists, of_servers | of_proxy))
    assert client_of(second, "ada")("GET", "/users/ada").body["servers"][""]["ready"]
    assert second.stop() == 0
    assert gone(of_servers | of_proxy)


def as_of_the_first_revision(folder):
    """Downgrade the database to our first schema revision, keeping its rows."""
    now, then = folder / "jupyterhub.sqlite", folder / "older.sqlite"
    engine = make_engine(f"sqlite:///{then}", {})
    with engine.begin() as connection:
        theirs = [table for table in metadata.sorted_tables if not table.name.startswith("plughub_")]
        metadata.create_all(connection, tables=theirs)
        alembic.command.stamp(alembic_config(connection), "f460b0348206")
        alembic.command.upgrade(alembic_config(connection), FIRST_REVISION)
        names = set(connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars())
    engine.dispose()
    with closing(sqlite3.connect(then)) as older, older:
        older.execute("ATTACH ? AS newer", (str(now),))
        for name in names - {"alembic_version"}:
            columns = ", ".join(f'"{row[1]}"' for row in older.execute(f"PRAGMA table_info({name})"))
            older.execute(f"DELETE FROM main.{name}")
            older.execute(f"INSERT INTO main.{name} ({columns}) SELECT {columns} FROM newer.{name}")
    for file in folder.glob("jupyterhub.sqlite*"):
        file.unlink()
    then.rename(now)


def test_servers_keep_running_through_an_upgrade_from_the_first_schema_revision(make_hub):
    hub = make_hub(servers=False, proxy=False).start()
    start_server(hub)
    of_servers, _ = others(hub)
    assert hub.stop() == 0
    as_of_the_first_revision(hub.folder)
    refused = make_hub(f"--JupyterHub.port={hub.port}", servers=False, proxy=False)
    assert refused.run() != 0
    assert "hub upgrade-db" in refused.stderr
    hub.arguments = (*hub.arguments, "--upgrade-db")
    start_again(hub)
    call = client_of(hub, "ada")
    assert call("GET", "/users/ada").body["servers"][""]["ready"]
    assert others(hub)[0] == of_servers
    assert call("DELETE", "/users/ada/server").status in {202, 204}
    assert gone(of_servers)


SLOW_TO_STOP = """
import asyncio
from plughub_haproxy.proxy import HAProxyProxy


class SlowProxy(HAProxyProxy):
    stopped = False

    async def stop(self):
        await super().stop()
        self.stopped, self.looked = True, asyncio.Event()
        try:
            await asyncio.wait_for(self.looked.wait(), 3)
        except TimeoutError:
            print("not checked", flush=True)

    async def check_running(self):
        if self.stopped:
            self.looked.set()
        return await super().check_running()


c.JupyterHub.proxy_class = SlowProxy
"""


def test_a_proxy_that_stops_slowly_is_not_started_again(tmp_path):
    hub = HubProcess(tmp_path, "--plugins", "dummy,simple", config=SLOW_TO_STOP)
    try:
        hub.start()
        assert hub.stop() == 0
        assert "not checked" in hub.stdout, "a check would find that it is gone, and start it"
        hub.assert_nothing_left()
    finally:
        hub.end_everything()
