import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from plughub.testing.contracts.proxy import ProxyContract
from plughub.testing.ports import free_port
from plughub_chp import ConfigurableHTTPProxy

pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(
        shutil.which("configurable-http-proxy") is None,
        reason="configurable-http-proxy is missing: npm install -g configurable-http-proxy",
    ),
]


class TestCHPContract(ProxyContract):
    drops_client_headers = False
    respells = False
    hangs_up_on_clients = False
    speaks_http2 = False
    keeps_raced_requests = False
    passes_early_answers = False

    @pytest.fixture
    def make_plugin(self, tmp_path: Path) -> Callable[[], object]:
        api_url = f"http://127.0.0.1:{free_port()}"
        return lambda: ConfigurableHTTPProxy(runtime_dir=tmp_path / "chp", api_url=api_url)
