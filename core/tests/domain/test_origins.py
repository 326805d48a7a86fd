import pytest

from plughub.domain.errors import InvalidError
from plughub.domain.hostnames import SERVICE, USER, idna_host, legacy_host
from plughub.domain.origins import Origins, check_origin

SHARED = Origins(hub="https://hub.example.org")
SUBDOMAINS = Origins(hub="https://hub.example.org:8443", host_hook=idna_host)
SECOND_HOST = Origins(hub="https://hub.example.org", servers="https://servers.example.org")
SECOND_PORT = Origins(hub="http://hub.example.org:8000", servers="http://hub.example.org:8001")


def test_one_origin_for_all_changes_no_route_and_no_address():
    assert SHARED.shared
    assert (SHARED.of_user("alice"), SHARED.of_service("board")) == ("", "")
    assert SHARED.routespec("", "/user/alice/") == "/user/alice/"
    assert SHARED.is_hub("anything:1")
    assert not SHARED.is_foreign("https://evil.example")


def test_each_user_and_service_has_an_origin_with_the_hubs_scheme_and_port():
    alice = SUBDOMAINS.of_user("alice")
    assert alice == "https://alice.hub.example.org:8443"
    assert SUBDOMAINS.of_service("board") == "https://board--service.hub.example.org:8443"
    assert SUBDOMAINS.routespec(alice, "/user/alice/") == "alice.hub.example.org/user/alice/"


@pytest.mark.parametrize(
    ("origins", "by_host", "by_port", "alone"),
    [(SUBDOMAINS, True, False, True), (SECOND_HOST, True, False, False), (SECOND_PORT, False, True, False)],
)
def test_each_separation_describes_itself(origins, by_host, by_port, alone):
    assert not origins.shared
    assert (origins.by_host, origins.by_port, origins.alone) == (by_host, by_port, alone)


def test_a_second_host_serves_all_servers_and_services():
    assert SECOND_HOST.of_user("alice") == SECOND_HOST.of_service("board") == "https://servers.example.org"
    assert SECOND_HOST.routespec(SECOND_HOST.servers, "/user/a/") == "servers.example.org/user/a/"


def test_a_second_port_leaves_routes_without_a_host():
    assert SECOND_PORT.routespec(SECOND_PORT.of_user("alice"), "/user/alice/") == "/user/alice/"


@pytest.mark.parametrize(
    ("origins", "host", "is_hub"),
    [
        (SUBDOMAINS, "hub.example.org:8443", True),
        (SUBDOMAINS, "HUB.example.org", True),
        (SUBDOMAINS, "alice.hub.example.org:8443", False),
        (SUBDOMAINS, "hub.example.org.", False),
        (SUBDOMAINS, "", False),
        (SUBDOMAINS, "user@hub.example.org", True),
        (SUBDOMAINS, "hub.example.org:x", False),
        (SECOND_HOST, "servers.example.org", False),
        (SECOND_HOST, "hub.example.org:443", True),
        (SECOND_PORT, "hub.example.org:8000", True),
        (SECOND_PORT, "hub.example.org:8001", False),
        (SECOND_PORT, "hub.example.org", False),
        (SECOND_PORT, "other.example.org:8000", False),
    ],
)
def test_the_hub_knows_its_own_host(origins, host, is_hub):
    assert origins.is_hub(host) is is_hub


def test_the_origin_of_a_request_is_compared_as_browsers_write_it():
    assert not SUBDOMAINS.is_foreign("https://hub.example.org:8443")
    assert not SUBDOMAINS.is_foreign("")
    assert not SECOND_HOST.is_foreign("https://hub.example.org:443")
    for origin in ("null", "http://hub.example.org", "https://servers.example.org", "https://evil.example"):
        assert SECOND_HOST.is_foreign(origin), origin
    assert SECOND_PORT.is_foreign("http://hub.example.org:8001")


def test_users_and_services_that_share_a_host():
    assert not SUBDOMAINS.shares_host(USER)
    assert not SUBDOMAINS.shares_host(SERVICE)
    legacy = Origins(hub="https://hub.example.org", host_hook=legacy_host)
    assert not legacy.shares_host(USER)
    assert legacy.shares_host(SERVICE)
    assert SECOND_HOST.shares_host(USER)


@pytest.mark.parametrize(
    "host", ["hub.example.org", "", "a b", "x/y", "evil.org:1", "ä.example", "A.example"]
)
def test_a_hook_that_returns_an_invalid_host_is_ignored(host, caplog):
    origins = Origins(hub="https://hub.example.org", host_hook=lambda *_: host)
    assert origins.of_user("alice") == "https://alice.hub.example.org"
    assert "for user 'alice'" in caplog.text


@pytest.mark.parametrize(
    "url", ["", "hub.example.org", "ftp://x", "https://", "https://a:b@x", "https://x:y"]
)
def test_an_invalid_origin_is_refused(url):
    with pytest.raises(InvalidError, match="not an address such as"):
        check_origin(url)


def test_an_origin_is_brought_to_one_form():
    assert check_origin("https://Hub.Example.org:443/") == "https://hub.example.org"
    assert check_origin("http://[::1]:8000") == "http://[::1]:8000"
    assert check_origin("http://[0:0:0:0:0:0:0:1]:8000") == "http://[::1]:8000"
    assert check_origin("https://hüb.Example.org") == "https://xn--hb-xka.example.org"


def test_a_hub_with_an_international_name_is_found_by_the_name_that_browsers_send():
    hub = check_origin("https://hüb.example.org")
    origins = Origins(hub=hub, servers="https://servers.example.org")
    assert origins.is_hub("xn--hb-xka.example.org")
    assert not origins.is_foreign(hub)
