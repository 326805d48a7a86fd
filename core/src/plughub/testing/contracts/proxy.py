"""The contract of proxies, for classes and functions alike.

A plugin's tests subclass `ProxyContract` and provide a factory of instances, each of which
represents a new process of the hub::

    class TestContract(ProxyContract):
        @pytest.fixture
        def make_plugin(self, tmp_path):
            return lambda: MyProxy(runtime_dir=tmp_path / "proxy")

The working directory of the proxy's processes must be below ``tmp_path``, and its state must contain a
``pid``.
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
    """All tests. A plugin overrides `make_plugin`, and a flag for each thing that its proxy cannot do."""
