"""Settings under the names of earlier versions of DockerSpawner, and settings without effect."""

import pytest
from traitlets.config import Config

from plughub.classes.spawner.hooks import SpawnerHooks
from plughub.testing.contracts.spawner import NAME, make_server
from plughub_docker.spawner import DockerSpawner
from plughub_docker.swarm_spawner import SwarmSpawner


@pytest.fixture(autouse=True)
def nothing_was_said(monkeypatch):
    monkeypatch.setattr("plughub_docker.legacy_names._WARNED", set())


def build(*, hub="http://127.0.0.1:9/hub/api", **settings):
    hooks = SpawnerHooks(NAME, DockerSpawner, Config({"DockerSpawner": settings}))
    return hooks._build(make_server("alice", hub_api_url=hub))


def test_a_legacy_name_works_and_is_warned_about_once(caplog):
    spawners = [build(container_ip="192.0.2.1") for _ in range(3)]
    assert {spawner.host_ip for spawner in spawners} == {"192.0.2.1"}
    assert caplog.text.count("DockerSpawner.container_ip has been renamed to DockerSpawner.host_ip") == 1


@pytest.mark.parametrize(
    ("old", "value", "new"),
    [
        ("container_ip", "192.0.2.1", "host_ip"),
        ("container_port", 9999, "port"),
        ("container_image", "quay.io/mine:1", "image"),
        ("image_whitelist", ["a", "b"], "allowed_images"),
        ("container_prefix", "lab", "prefix"),
        ("container_name_template", "{prefix}-{username}-x", "name_template"),
        ("remove_containers", True, "remove"),
    ],
)
def test_a_legacy_name_sets_its_current_name(old, value, new):
    spawner = build(**{old: value})
    assert getattr(spawner, new) in (value, {"a": "a", "b": "b"})
    assert getattr(build(), new) != getattr(spawner, new)


def test_hub_ip_connect_is_where_servers_reach_the_hub():
    environment = build(hub_ip_connect="hub.example.org").get_env()
    assert environment["JUPYTERHUB_API_URL"] == "http://hub.example.org:9/hub/api"
    spawner = build(hub_ip_connect="hub.example.org", hub="https://127.0.0.1:9/hub/api")
    assert spawner.hub_connect_url == "https://hub.example.org:9"
    spawner = build(hub_ip_connect="hub.example.org", hub="http+unix://%2Frun%2Fhub.sock/hub/api")
    assert spawner.hub_connect_url == "http://hub.example.org"


def test_use_docker_client_env_is_accepted_without_effect(caplog):
    build(use_docker_client_env=False)
    assert "DockerSpawner.use_docker_client_env has no effect" in caplog.text


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("tls", True),
        ("tls_verify", True),
        ("tls_ca", "/ca.pem"),
        ("tls_cert", "/cert.pem"),
        ("tls_key", "/key.pem"),
        ("tls_assert_hostname", True),
    ],
)
def test_a_legacy_tls_setting_is_accepted_without_effect(caplog, setting, value):
    build(**{setting: value})
    assert f"DockerSpawner.{setting} has no effect: set DockerSpawner.tls_config" in caplog.text


def test_move_certs_image_is_accepted_without_effect(caplog):
    build(move_certs_image="busybox:1")
    assert "DockerSpawner.move_certs_image has no effect" in caplog.text


def test_remove_of_a_swarm_is_accepted_without_effect(caplog):
    hooks = SpawnerHooks(NAME, SwarmSpawner, Config({"SwarmSpawner": {"remove": False}}))
    assert hooks._build(make_server("alice")).remove  # type: ignore[attr-defined]
    assert "SwarmSpawner.remove has no effect" in caplog.text
