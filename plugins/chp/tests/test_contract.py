import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from plughub.testing.contracts.proxy import ProxyContract
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
    hangs_up_on_clients = False

    @pytest.fixture
    def make_plugin(self, tmp_path: Path) -> Callable[[], object]:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            api_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        return lambda: ConfigurableHTTPProxy(runtime_dir=tmp_path / "chp", api_url=api_url)
