from collections.abc import Callable
from pathlib import Path

import pytest

from plughub.testing.contracts.proxy import ProxyContract
from plughub_haproxy import HAProxyProxy


class TestHAProxyContract(ProxyContract):
    @pytest.fixture
    def make_plugin(self, tmp_path: Path) -> Callable[[], object]:
        return lambda: HAProxyProxy(runtime_dir=tmp_path / "haproxy")
