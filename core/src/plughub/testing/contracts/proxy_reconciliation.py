"""The contract of proxies together with the route reconciler: routes recover without intervention."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from plughub.domain.clock import utcnow
from plughub.domain.routes import Route
from plughub.kinds import SpawnerInfo
from plughub.services.coordination.initial_records import PLAIN_CLIENT, store_initial_records
from plughub.services.routes.activity import ActivityService
from plughub.services.routes.route_reconciler import RouteReconciler
from plughub.services.routes.router import Router
from plughub.services.settings import HubSettings
from plughub.storage.database import Database
from plughub.storage.schema import prepare_schema
from plughub.storage.store import Store, Transaction
from plughub.testing.backends import Backend
from plughub.testing.conditions import until
from plughub.testing.contracts.proxy_under_test import NAME, ProxyFixtures, ProxyUnderTest

PEOPLE: Final = ("ada", "bob", "cyd")
HANGS: Final = 2.5
"""Seconds."""


class ReconciledProxy:
    """A route reconciler with its proxy and some running servers.

    Args:
        proxy: the proxy.
        store: the storage.
        url: address of the hub and of all servers.
    """

    def __init__(self, proxy: ProxyUnderTest, store: Store, url: str) -> None:
        self.url = url
        settings = HubSettings(
            mark="m",
            hub_id=uuid.uuid4().hex,
            host="here",
            hub_url=url,
            spawners={"none": SpawnerInfo()},
            proxy=NAME,
        )
        self.router = Router(store, proxy.hooks, settings, proxy.settings)
        self.keeper = RouteReconciler(
            store, proxy.hooks, settings, self.router, ActivityService(store, settings)
        )

    @property
    def wanted(self) -> dict[str, str]:
        """Targets of all expected routes."""
        return {"/": self.url} | {f"/user/{name}/": self.url for name in PEOPLE}


def run_servers(tx: Transaction, names: Collection[str], url: str) -> None:
    """Store users with running servers.

    Args:
        tx: the transaction.
        names: of the users.
        url: address of the servers.
    """
    store_initial_records(tx)
    for name in names:
        server = tx.servers.get(tx.users.create(name).name, "")
        assert server is not None
        tx.servers.record_launch(server.id, backend="none", host="", launch=name, client_id=PLAIN_CLIENT)
        tx.servers.record_endpoint(server.id, url=url, prefix="", state={})
        tx.servers.mark_ready(server.id, utcnow())


async def targets(proxy: ProxyUnderTest) -> dict[str, str]:
    """Return the targets of the proxy's routes, by routespec."""
    return {spec: route.target for spec, route in (await proxy.routes()).items()}


class ProxyReconciliationContract(ProxyFixtures):
    """A proxy in trouble: its routes recover without intervention."""

    @pytest.fixture
    async def kept(
        self, proxy: ProxyUnderTest, hub: Backend, tmp_path: Path
    ) -> AsyncIterator[ReconciledProxy]:
        """A hub that reconciles the routes of the proxy."""
        url = f"sqlite:///{tmp_path}/kept.sqlite"
        prepare_schema(url)
        store = Store(Database(url))
        await store.write(lambda tx: run_servers(tx, PEOPLE, hub.url))
        kept = ReconciledProxy(proxy, store, hub.url)
        await kept.keeper.start()
        task = asyncio.create_task(kept.keeper.run())
        yield kept
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        store.database.close()

    @pytest.fixture
    def meddler(self, proxy: ProxyUnderTest, kept: ReconciledProxy) -> ProxyUnderTest:  # noqa: ARG002 - the proxy is in use
        """Another client that changes the same proxy."""
        other = ProxyUnderTest(proxy.make, proxy.settings, proxy.pools)
        other.state = proxy.state
        return other

    async def test_routes_that_were_changed_behind_our_back_are_mended(
        self, meddler: ProxyUnderTest, kept: ReconciledProxy
    ) -> None:
        await meddler.start()
        assert await targets(meddler) == kept.wanted
        await meddler.delete("/user/ada/")
        await meddler.add("/user/bob/", "http://127.0.0.1:9")
        await meddler.add("/user/nobody/", "http://127.0.0.1:9")
        await self._until_right(meddler, kept)
        await meddler.delete("/")
        await self._until_right(meddler, kept)

    async def test_a_proxy_that_was_killed_comes_back_with_all_routes_by_itself(
        self, meddler: ProxyUnderTest, kept: ReconciledProxy
    ) -> None:
        await meddler.start()
        await meddler.replace(Route(routespec="/user/nobody/", target="http://127.0.0.1:9"))
        family = _family(meddler.state)
        for process in family:
            process.kill()
        psutil.wait_procs(family, timeout=10)
        await until(lambda: self._restarted(meddler))
        await self._until_right(meddler, kept)
        assert await meddler.name_at("/user/ada/") == "hub"

    async def test_a_proxy_that_hangs_for_a_while_has_the_right_routes_afterwards(
        self, meddler: ProxyUnderTest, kept: ReconciledProxy
    ) -> None:
        await meddler.start()
        await meddler.delete("/user/ada/")
        family = _family(meddler.state)
        for process in family:
            process.suspend()

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(HANGS):
                await targets(meddler)
        for process in family:
            os.kill(process.pid, signal.SIGCONT)
        await self._until_right(meddler, kept)
        assert [process.pid for process in _family(meddler.state)] == [process.pid for process in family]

    async def _until_right(self, meddler: ProxyUnderTest, kept: ReconciledProxy) -> None:
        async def right() -> bool:
            return await targets(meddler) == kept.wanted

        await until(right)

    async def _restarted(self, meddler: ProxyUnderTest) -> Any:
        meddler.new_hub()
        try:
            return await targets(meddler)
        except Exception:  # noqa: BLE001 - it is on its way
            return None


def _family(state: Any) -> list[psutil.Process]:
    master = psutil.Process(state["pid"])
    return [master, *master.children(recursive=True)]
