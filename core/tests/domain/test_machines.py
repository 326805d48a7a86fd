"""Addresses that refer to the same process from every machine, and those that do not."""

import pytest

from plughub.domain.ip_addresses import is_loopback, leads_to_loopback
from plughub.domain.machines import Machines

HERE, FAR = "http://127.0.0.1:8888", "http://192.0.2.7:8888"


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.9.9.9", "127.1", "2130706433", "::1", "::ffff:127.0.0.1", "0.0.0.0", "0", "::"),
        *("localhost", "LocalHost.", "a.localhost", "ip6-localhost"),
    ],
)
def test_every_spelling_of_an_address_within_a_machine_is_known(host):
    assert is_loopback(host)
    assert leads_to_loopback(f"http://{f'[{host}]' if ':' in host else host}:8888")


@pytest.mark.parametrize(
    "host", ["192.0.2.7", "::ffff:192.0.2.7", "fe80::1%lo", "machine", "1localhost", "127.example"]
)
def test_an_address_or_name_of_a_network_is_none_within_a_machine(host):
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("url", "host", "proxy", "hubs", "reached"),
    [
        (HERE, "here", "here", {"here", "there"}, True),
        (HERE, "here", "there", {"here", "there"}, False),
        (HERE, "here", "there", set(), False),
        (FAR, "here", "there", {"here", "there"}, True),
        (HERE, "", "there", {"here", "there"}, True),
        (HERE, "here", "", {"here"}, True),
        (HERE, "here", "", {"here", "there"}, False),
        (HERE, "here", "", {"there"}, False),
        (FAR, "here", "", {"here", "there"}, True),
    ],
)
def test_a_proxy_reaches_a_loopback_address_of_its_own_machine_alone(url, host, proxy, hubs, reached):
    assert Machines(proxy, frozenset(hubs)).reaches(url, host) is reached


def test_only_where_hubs_run_on_several_machines_another_proxy_may_miss_a_server():
    assert Machines("here", frozenset({"here", "there"})).may_differ(HERE, "here")
    assert Machines("there", frozenset({"there"})).may_differ(HERE, "here")
    assert not Machines("here", frozenset({"here"})).may_differ(HERE, "here")
    assert not Machines("here", frozenset({"here", "there"})).may_differ(FAR, "here")
    assert not Machines("here", frozenset({"here", "there"})).may_differ(HERE, "")
