"""Settings of HAProxy that are part of its configuration."""

import pytest
from traitlets.config import Config

from plughub.errors import StartError
from plughub_haproxy.proxy import HAProxyProxy


@pytest.mark.parametrize(
    ("setting", "value", "field"),
    [
        ("connections_per_address", 5, "connections_per_address"),
        ("requests_per_address", 6, "requests_per_address"),
    ],
)
async def test_a_limit_is_part_of_the_listener(tmp_path, setting, value, field):
    proxy = HAProxyProxy(config=Config({"HAProxyProxy": {setting: value}}))
    proxy.runtime_dir, proxy.ip, proxy.port = tmp_path, "127.0.0.1", 1
    proxy.hub_url = proxy.error_url = "http://127.0.0.1:2"
    assert getattr(await proxy._listener(), field) == value


@pytest.mark.root
def test_the_user_of_its_workers_is_that_of_the_setting():
    assert HAProxyProxy(config=Config({"HAProxyProxy": {"user": "daemon"}})).system_user == "daemon"


def test_a_program_that_does_not_exist_is_named():
    proxy = HAProxyProxy(config=Config({"HAProxyProxy": {"command": ["/no/such/haproxy"]}}))
    with pytest.raises(StartError, match="/no/such/haproxy"):
        proxy.check_config()
