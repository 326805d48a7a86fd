"""Web origins from the settings: results, refusals and warnings."""

import pytest

from plughub.app.addresses import addresses
from plughub.app.config import JupyterHub
from plughub.app.origins import (
    check_origins,
    check_worker_scopes,
    read_origins,
    servers_port,
    warn_of_shared_origin,
)
from plughub.app.service_settings import proxy_settings
from plughub.domain.errors import StartError
from plughub.domain.origins import Origins
from plughub.kinds import ProxyInfo

HUB = "https://hub.example.org"
SECOND = {"public_url": HUB, "servers_url": f"{HUB}:8443"}
ABLE = ProxyInfo(host_routing=True, servers_port=True, drops_worker_scope=True)


def test_without_settings_all_share_one_origin():
    assert read_origins(JupyterHub()).shared
    assert read_origins(JupyterHub(public_url=f"{HUB}/base/")).hub == HUB


def test_subdomains_are_named_by_the_hook():
    origins = read_origins(JupyterHub(subdomain_host=HUB))
    assert origins.of_user("alice") == "https://alice.hub.example.org"
    legacy = read_origins(JupyterHub(subdomain_host=HUB, subdomain_hook="legacy"))
    assert legacy.of_service("board") == "https://services.hub.example.org"
    own = read_origins(
        JupyterHub(subdomain_host=HUB, subdomain_hook=lambda name, host, kind: f"{kind}-{name}.{host}")
    )
    assert own.of_user("alice") == "https://user-alice.hub.example.org"


def test_the_second_port_is_that_of_the_address_unless_it_is_set():
    origins = read_origins(JupyterHub(**SECOND))
    assert servers_port(JupyterHub(**SECOND), 443, origins) == 8443
    assert servers_port(JupyterHub(**SECOND, servers_port=8001), 8000, origins) == 8001
    other = JupyterHub(public_url=HUB, servers_url="https://servers.example.org")
    assert servers_port(other, 8000, read_origins(other)) == 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"subdomain_host": HUB, **SECOND}, "exclude each other"),
        ({"subdomain_host": "hub.example.org"}, "subdomain_host: 'hub.example.org' is not an address"),
        ({"subdomain_host": "http://127.0.0.1:8000"}, "'127.0.0.1' cannot have subdomains"),
        ({"subdomain_host": f"https://{'a.' * 120}org"}, "cannot have subdomains"),
        ({"subdomain_host": HUB, "public_url": "https://other.example.org"}, "remove public_url"),
        ({"servers_url": HUB}, "needs c.JupyterHub.public_url"),
        ({"servers_url": HUB, "public_url": "x"}, "public_url: 'x' is not an address"),
        ({"servers_url": f"{HUB}:443", "public_url": HUB}, "is the URL of the hub: use another"),
        ({**SECOND, "cookie_host_prefix_enabled": True}, "cookie_host_prefix_enabled"),
        (
            {"subdomain_host": HUB, "tornado_settings": {"cookie_options": {"Domain": ".example.org"}}},
            "remove the domain",
        ),
    ],
)
def test_origins_that_would_not_separate_are_refused(settings, said):
    with pytest.raises(StartError, match=said):
        read_origins(JupyterHub(**settings))


@pytest.mark.parametrize(
    ("settings", "port", "said"),
    [
        (SECOND, 8443, "the proxy already listens on port 8443 for the hub"),
        ({"servers_port": 1}, 8000, "remove it"),
        ({"subdomain_host": HUB, "servers_port": 1}, 8000, "remove it"),
    ],
)
def test_a_second_port_without_effect_is_refused(settings, port, said):
    hub = JupyterHub(**settings)
    with pytest.raises(StartError, match=said):
        servers_port(hub, port, read_origins(hub))


def test_a_proxy_that_cannot_separate_is_refused():
    for settings, info in (
        ({"subdomain_host": HUB}, ProxyInfo(servers_port=True)),
        ({"public_url": HUB, "servers_url": "https://s.example.org"}, ProxyInfo(servers_port=True)),
        (SECOND, ProxyInfo(host_routing=True)),
    ):
        origins = read_origins(JupyterHub(**settings))
        check_origins(origins, ABLE, "able")
        with pytest.raises(StartError, match="the proxy 'other'"):
            check_origins(origins, info, "other")


def test_a_shared_origin_of_several_users_causes_one_warning(caplog):
    warn_of_shared_origin(Origins(), ABLE, "haproxy", ["pam", "onetime"])
    assert caplog.text.count("share the hub's web address") == len(caplog.records) == 1
    assert "JupyterHub.subdomain_host" in caplog.text


def test_a_proxy_that_forwards_worker_scopes_causes_a_warning(caplog):
    second = read_origins(JupyterHub(**SECOND))
    warn_of_shared_origin(second, ABLE, "haproxy", ["pam"])
    assert not caplog.records
    warn_of_shared_origin(second, ProxyInfo(), "chp", ["pam"])
    assert "the proxy chp forwards the Service-Worker-Allowed header" in caplog.text


@pytest.mark.parametrize(
    ("settings", "info", "authenticators", "refused"),
    [
        ({}, ProxyInfo(), ["pam", "onetime"], True),
        ({"public_url": HUB}, ProxyInfo(), ["pam"], True),
        ({"allow_worker_scopes": True}, ProxyInfo(), ["pam"], False),
        ({"subdomain_host": HUB}, ProxyInfo(), ["pam"], False),
        (SECOND, ProxyInfo(), ["pam"], False),
        ({}, ABLE, ["pam"], False),
        ({}, ProxyInfo(), ["onetime"], False),
    ],
)
def test_a_proxy_that_forwards_worker_scopes_is_refused_on_a_shared_origin(
    settings, info, authenticators, refused
):
    hub = JupyterHub(**settings)
    asked = (hub, read_origins(hub), info, "other", authenticators)
    if not refused:
        check_worker_scopes(*asked)
        return
    with pytest.raises(
        StartError, match="the proxy 'other' forwards the Service-Worker-Allowed header"
    ) as error:
        check_worker_scopes(*asked)
    for name in ("subdomain_host", "servers_url", "haproxy", "allow_worker_scopes"):
        assert name in error.value.hint


def test_a_single_user_and_separate_hosts_cause_no_warning(caplog):
    warn_of_shared_origin(Origins(), ProxyInfo(), "chp", ["onetime"])
    warn_of_shared_origin(read_origins(JupyterHub(subdomain_host=HUB)), ProxyInfo(), "chp", ["pam"])
    assert not caplog.records


@pytest.mark.parametrize(
    ("settings", "prefix"),
    [
        ({"hub_routespec": "/"}, "/"),
        ({"hub_routespec": "hub"}, "/hub/"),
        ({"hub_routespec": "/hub/api"}, "/hub/api/"),
        ({"hub_routespec": "/my hub/hub/", "base_url": "/my%20hub/"}, "/my%20hub/hub/"),
        ({"hub_routespec": "/", "subdomain_host": "http://hub.example.org"}, "/"),
        (
            {"hub_routespec": "hub.example.org", "subdomain_host": "http://hub.example.org"},
            "hub.example.org/",
        ),
        ({"base_url": "/jupyter/"}, "/jupyter/"),
        ({"subdomain_host": "http://hub.example.org", "base_url": "/jupyter/"}, "/"),
    ],
)
def test_prefix_of_the_hubs_route(settings, prefix):
    hub = JupyterHub(**settings)
    assert proxy_settings(hub, addresses(hub), read_origins(hub)).hub_prefix == prefix


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hub_routespec": "/hub/", "base_url": "/jupyter/"}, "'/hub/' is no prefix of the hub's API at /jupyter/hub/api/"),
        ({"hub_routespec": "/hubs/"}, "'/hubs/' is no prefix of the hub's API"),
        ({"hub_routespec": "example.org/hub/"}, "is no prefix of the hub's API"),
        ({"hub_routespec": "/hub/../x/"}, "has a segment that is empty or consists of dots only"),
        ({"hub_routespec": "/hub/?x"}, "is not a path"),
        (
            {"hub_routespec": "/hub/", "subdomain_host": "http://hub.example.org"},
            "'/hub/' is no prefix of the hub's API at hub.example.org/hub/api/",
        ),
        (
            {"hub_routespec": "other.example.org/", "subdomain_host": "http://hub.example.org"},
            "is no prefix of the hub's API at hub.example.org/hub/api/",
        ),
        (
            {"hub_routespec": "/hub/", "public_url": "http://hub:8000", "servers_url": "http://hub:8001"},
            "has no effect on the hub's own port",
        ),
    ],
)  # fmt: skip
def test_a_prefix_that_does_not_lead_to_the_hub_is_refused(settings, message):
    hub = JupyterHub(**settings)
    with pytest.raises(StartError) as raised:
        proxy_settings(hub, addresses(hub), read_origins(hub))
    assert str(raised.value).startswith("c.JupyterHub.hub_routespec = ")
    assert message in str(raised.value)
