"""Settings under the names of earlier versions of DockerSpawner."""

import pytest
from traitlets.config import Config

from plughub.classes.spawner.hooks import SpawnerHooks
from plughub.testing.contracts.spawner import NAME, make_server
from plughub_docker.spawner import DockerSpawner


@pytest.fixture(autouse=True)
def nothing_was_said(monkeypatch):
    monkeypatch.setattr("plughub_docker.legacy_names._WARNED", set())


def build(*, hub="http://127.0.0.1:9/hub/api", **settings):
    hooks = SpawnerHooks(NAME, DockerSpawner, Config({"DockerSpawner": settings}))
    return hooks._build(make_server("alice", hub_api_url=hub))


def test_an_old_name_holds_and_is_warned_of_once_not_for_every_server(caplog):
    spawners = [build(container_ip="192.0.2.1") for _ in range(3)]
    assert {spawner.host_ip for spawner in spawners} == {"192.0.2.1"}
    assert caplog.text.count("DockerSpawner.container_ip is now called DockerSpawner.host_ip") == 1


def test_hub_ip_connect_is_where_servers_reach_the_hub():
    environment = build(hub_ip_connect="hub.example.org").get_env()
    assert environment["JUPYTERHUB_API_URL"] == "http://hub.example.org:9/hub/api"
    spawner = build(hub_ip_connect="hub.example.org", hub="https://127.0.0.1:9/hub/api")
    assert spawner.hub_connect_url == "https://hub.example.org:9"


def test_use_docker_client_env_is_accepted_and_said_to_do_nothing(caplog):
    build(use_docker_client_env=False)
    assert "DockerSpawner.use_docker_client_env does nothing" in caplog.text


def test_parts_of_the_tls_settings_are_said_to_do_nothing(caplog):
    build(tls_ca="/ca.pem", tls_verify=True)
    assert "DockerSpawner.tls_ca does nothing: set DockerSpawner.tls_config" in caplog.text
    assert "DockerSpawner.tls_verify does nothing" in caplog.text


def test_an_image_that_moves_certificates_is_accepted_and_said_to_do_nothing(caplog):
    build(move_certs_image="busybox:1")
    assert "DockerSpawner.move_certs_image does nothing" in caplog.text
