"""Names of containers and volumes: unique for each server, and accepted by the engine."""

import re
from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st
from traitlets.config import Config

from plughub.classes.spawner.hooks import SpawnerHooks
from plughub.testing.contracts.spawner import NAME, make_server
from plughub_docker.fixed_addresses import _candidates
from plughub_docker.spawner import DockerSpawner

HOOKS = SpawnerHooks(NAME, DockerSpawner, Config())
NAMES = st.text(st.characters(exclude_categories=("C",), exclude_characters="/"), min_size=1, max_size=20)  # type: ignore[arg-type]
NEAR = st.text("ab-", min_size=1, max_size=6)
SERVERS = st.just("") | st.from_regex(r"[a-z](-?[a-z0-9]){0,5}", fullmatch=True)
PAIRS = st.tuples(NAMES | NEAR, SERVERS | NEAR)


def spawner(pair):
    return HOOKS._build(make_server(*pair))


@given(PAIRS, PAIRS)
def test_two_servers_have_two_containers(one, other):
    assert (spawner(one).object_name == spawner(other).object_name) == (one == other)


@given(NAMES | NEAR, NAMES | NEAR)
def test_two_users_have_two_volumes(one, other):
    volumes = [spawner((name, "")).fill_in_volume("jupyter-{username}") for name in (one, other)]
    assert (volumes[0] == volumes[1]) == (one == other)


@given(PAIRS)
def test_every_name_is_valid_for_engines(pair):
    assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", spawner(pair).object_name)


def test_an_image_in_a_name_may_have_a_registry_a_tag_and_a_digest():
    config = Config(
        {"DockerSpawner": {"image": "hub.example:5000/lab/r:4@sha256:0aff", "name_template": "x-{imagename}"}}
    )
    one = SpawnerHooks(NAME, DockerSpawner, config)._build(make_server("ada", ""))
    assert one.object_name == "x-hub.example-5000-lab-r-4-sha256-0aff"  # type: ignore[attr-defined]


def test_fixed_addresses_avoid_those_that_the_engine_assigns():
    automatic = ip_network("10.0.0.0/25")
    found = [ip_address(one) for one in _candidates({"Subnet": "10.0.0.0/24", "IPRange": str(automatic)})]
    assert found
    assert not any(one in automatic for one in found)
    upper = [ip_address(one) for one in _candidates({"Subnet": "10.0.0.0/24"})]
    assert all(ip_address("10.0.0.128") <= one < ip_address("10.0.0.255") for one in upper)  # type: ignore[operator]
