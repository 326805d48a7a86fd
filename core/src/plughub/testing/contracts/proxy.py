"""What every proxy must do, whichever way it is written.

A plugin's tests subclass `ProxyContract` and say how one instance after the other is made, each of which
stands for a new process of the hub::

    class TestContract(ProxyContract):
        @pytest.fixture
        def make_plugin(self, tmp_path):
            return lambda: MyProxy(runtime_dir=tmp_path / "proxy")

The processes of the proxy have to work in a folder below ``tmp_path``, and its state has to have a ``pid``.
"""

from __future__ import annotations

from plughub.testing.contracts.proxy_connections import ProxyConnectionsContract
from plughub.testing.contracts.proxy_hosts import ProxyHostsContract
from plughub.testing.contracts.proxy_lifecycle import ProxyLifecycleContract
from plughub.testing.contracts.proxy_reconciliation import ProxyReconciliationContract
from plughub.testing.contracts.proxy_routes import ProxyRoutesContract
from plughub.testing.contracts.proxy_spelling import ProxySpellingContract
from plughub.testing.contracts.proxy_traffic import ProxyTrafficContract
from plughub.testing.contracts.proxy_under_test import NAME, ProxyUnderTest

__all__ = ["NAME", "ProxyContract", "ProxyUnderTest"]


class ProxyContract(
    ProxyRoutesContract,
    ProxySpellingContract,
    ProxyHostsContract,
    ProxyTrafficContract,
    ProxyConnectionsContract,
    ProxyReconciliationContract,
    ProxyLifecycleContract,
):
    """The tests. A plugin overrides `make_plugin` and, where its proxy cannot do a thing, a flag."""
