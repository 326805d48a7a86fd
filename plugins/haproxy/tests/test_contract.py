from collections.abc import Callable
from pathlib import Path

import pytest

from plughub.testing.conditions import until
from plughub.testing.contracts.proxy import ProxyContract
from plughub.testing.contracts.proxy_reconciliation import ReconciledProxy
from plughub.testing.contracts.proxy_under_test import ProxyUnderTest
from plughub.testing.quick import starts
from plughub_haproxy import HAProxyProxy


@starts
def new_haproxy(folder: Path) -> HAProxyProxy:
    return HAProxyProxy(runtime_dir=folder)


class TestHAProxyContract(ProxyContract):
    @pytest.fixture
    def make_plugin(self, tmp_path: Path) -> Callable[[], object]:
        return lambda: new_haproxy(tmp_path / "haproxy")

    async def test_it_keeps_running_without_its_sockets_and_its_routes_are_right_afterwards(
        self, meddler: ProxyUnderTest, kept: ReconciledProxy, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        await meddler.start()
        before = meddler.state
        sockets = [path for path in (tmp_path / "haproxy").iterdir() if path.is_socket()]
        await meddler.delete("/user/ada/")
        for path in sockets:
            path.rename(path.with_suffix(".away"))
        noted = len(caplog.records)

        async def is_told() -> bool:
            return any(record.name == "plughub.routing" for record in caplog.records[noted:])

        await until(is_told, seconds=60)
        assert await meddler.name_at("/user/bob/") == "hub"
        for path in sockets:
            path.with_suffix(".away").rename(path)
        await self._until_right(meddler, kept)
        await meddler.start()
        assert meddler.state == before, "it is the same one still"
