"""User-visible behaviour of containers, through a real hub and proxy."""

import json
import secrets
import socket
import urllib.request

import pytest

from plughub.testing.client import client_of
from plughub.testing.forms import FormClient
from plughub.testing.hub import HubProcess

pytestmark = [pytest.mark.docker, pytest.mark.timeout(120)]


@pytest.fixture
def config(gateway, tiny_image, probe, prefix):
    """A configuration for containers with the probe server."""
    settings = {
        "image": tiny_image,
        "cmd": probe,
        "prefix": prefix,
        "remove": True,
        "poll_interval": 1,
        "http_timeout": 20,
        "stop_timeout": 5,
    }
    lines = [f"c.DockerSpawner.{name} = {value!r}" for name, value in settings.items()]
    lines += [
        f"c.JupyterHub.hub_ip = {gateway!r}",
        "c.Authenticator.allow_all = True",
        "c.JupyterHub.tornado_settings = {'slow_spawn_timeout': 60}",
    ]
    return "\n".join([*lines, ""])


@pytest.fixture
def run(tmp_path, config):
    """Factory of hubs with further settings."""

    def go(more=""):
        return HubProcess(tmp_path, "--plugins", "docker,dummy", config=config + more)

    return go


def container_of(engine, prefix, name="alice"):
    found = engine.containers(all=True, filters={"name": f"^/{prefix}-{name}$"})
    return engine.inspect_container(found[0]["Id"]) if found else None


def is_ready(user):
    return user["servers"].get("", {}).get("ready")


def start(call, user="alice", body=None):
    return call("POST", f"/users/{user}/server", body or {})


def test_a_server_runs_in_a_container_behind_the_proxy_and_is_removed(run, engine, prefix, tmp_path):
    with run() as hub:
        call = client_of(hub, "alice")
        assert start(call).status == 201
        container = container_of(engine, prefix)
        assert container["Config"]["Labels"]["plughub.user"] == "alice"
        token = next(v for v in container["Config"]["Env"] if v.startswith("JUPYTERHUB_API_TOKEN="))[21:]
        assert token not in str(container["Config"]["Labels"]) + str(container["Config"]["Cmd"])
        with urllib.request.urlopen(f"{hub.url}user/alice/api", timeout=10) as answer:
            assert json.load(answer)["environment"]["JUPYTERHUB_USER"] == "alice"

        assert call("DELETE", "/users/alice/server").status in {202, 204}
        call.until("/users/alice", lambda user: not user["servers"] and not user["pending"])
        assert container_of(engine, prefix) is None
        assert token not in hub.output


def inside(engine, container, probe, code, **options):
    """Run Python inside a container and return its output."""
    made = engine.exec_create(container["Id"], [probe[0], "-c", code], **options)
    return engine.exec_start(made["Id"]).decode()


ASK_THE_HUB = (
    "import os, urllib.request as r;"
    "q = r.Request(os.environ['JUPYTERHUB_API_URL'] + '/user',"
    " headers={'Authorization': 'token ' + os.environ['JUPYTERHUB_API_TOKEN']});"
    "print(r.urlopen(q, timeout=10).read().decode())"
)


def test_the_container_reaches_the_hub_by_the_address_that_it_is_given(run, engine, prefix, probe):
    with run() as hub:
        call = client_of(hub, "alice")
        start(call)
        assert '"alice"' in inside(engine, container_of(engine, prefix), probe, ASK_THE_HUB)


def test_a_resumed_container_authenticates_with_the_hub(run, engine, prefix, probe):
    with run("c.DockerSpawner.remove = False\n") as hub:
        call = client_of(hub, "alice")
        start(call)
        first = container_of(engine, prefix)
        call("DELETE", "/users/alice/server")
        call.until("/users/alice", lambda user: not user["servers"] and not user["pending"])
        assert not container_of(engine, prefix)["State"]["Running"]
        hub.kill()
        hub.start()
        call = client_of(hub, "alice")
        start(call)
        call.until("/users/alice", is_ready)
        again = container_of(engine, prefix)
        assert again["Id"] == first["Id"]
        assert '"alice"' in inside(engine, again, probe, ASK_THE_HUB)
        with urllib.request.urlopen(f"{hub.url}user/alice/api", timeout=10) as answer:
            assert json.load(answer)["environment"]["JUPYTERHUB_USER"] == "alice"


def test_a_server_is_adopted_when_the_hub_was_killed(run, engine, prefix):
    with run() as hub:
        start(client_of(hub, "alice"))
        before = container_of(engine, prefix)["Id"]
        hub.kill()
        hub.start()
        call = client_of(hub, "alice")
        call.until("/users/alice", lambda user: user["servers"].get("", {}).get("ready"))
        assert container_of(engine, prefix)["Id"] == before


def test_an_orphaned_container_is_removed(run, engine, prefix, tmp_path):
    with run() as hub:
        start(client_of(hub, "alice"))
        labels = container_of(engine, prefix)["Config"]["Labels"]
        image = container_of(engine, prefix)["Config"]["Image"]
        lost = {**labels, "plughub.user": "bob", "plughub.operation": secrets.token_hex(8)}
        engine.create_container(image, ["any"], name=f"{prefix}-bob", labels=lost)
        hub.kill()
        hub.start()
        call = client_of(hub, "alice")
        call.until("/users/alice", lambda _: container_of(engine, prefix, "bob") is None)
        assert container_of(engine, prefix) is not None


def test_a_server_over_its_memory_limit_is_reported_as_out_of_memory(run, probe):
    eater = [probe[0], "-c", "x = [bytearray(1 << 20) for _ in range(500)]"]
    with run(f"c.DockerSpawner.cmd = {eater!r}\nc.Spawner.mem_limit = '48M'\n") as hub:
        reply = start(client_of(hub, "alice"))
    assert reply.status == 500
    assert "out of memory" in reply.body["message"]
    assert "48 MB" in reply.body["message"]
    assert reply.seconds < 15


WAITS_TO_EAT = """
import os, runpy, threading, time
def eat():
    while not os.path.exists("/tmp/eat"):
        time.sleep(0.05)
    x = [bytearray(1 << 20) for _ in range(500)]
threading.Thread(target=eat, daemon=True).start()
runpy.run_path("/opt/probe_server.py", run_name="__main__")
"""


def test_a_running_server_that_exceeds_the_limit_is_noticed_and_its_user_reads_why(
    run, engine, prefix, probe
):
    more = f"c.DockerSpawner.cmd = {[probe[0], '-c', WAITS_TO_EAT]!r}\nc.Spawner.mem_limit = '64M'\n"
    with run(more) as hub:
        call = client_of(hub, "alice")
        assert start(call).status == 201
        inside(engine, container_of(engine, prefix), probe, "open('/tmp/eat', 'w')")
        call.until("/users/alice", lambda user: not user["servers"] and not user["pending"])
        page = FormClient(hub.url).log_in("alice", to="/hub/home")
        assert "out of memory: the server used more than its limit of 64 MB" in page
        assert container_of(engine, prefix) is None


def test_a_failed_server_is_reported_with_exit_code_and_log(run, probe):
    with run(f"c.DockerSpawner.cmd = {[*probe, '--writes=3', '--exit=7']!r}\n") as hub:
        reply = start(client_of(hub, "alice"))
    assert "exit code 7" in reply.body["message"]
    assert "line 2" in str(reply.body)
    assert reply.seconds < 5


def test_a_command_that_the_image_lacks_is_named(run):
    with run("c.DockerSpawner.cmd = ['no-such-command']\n") as hub:
        reply = start(client_of(hub, "alice"))
        log = hub.stderr
    assert "the Docker engine refused the request" in reply.body["message"]
    assert "no-such-command" in log
    assert "cannot be started" in log


def test_an_image_that_is_missing_is_named_with_what_to_do(run):
    more = "c.DockerSpawner.image = 'plughub-tests-nowhere:1'\nc.DockerSpawner.pull_policy = 'never'\n"
    with run(more) as hub:
        reply = start(client_of(hub, "alice"))
        log = hub.stderr
    assert "image 'plughub-tests-nowhere:1' is missing" in reply.body["message"]
    assert "DockerSpawner.pull_policy" in log


def test_a_taken_name_is_reported_and_the_other_container_is_left_alone(
    run, engine, prefix, tiny_image, probe
):
    other = engine.create_container(tiny_image, [*probe, "--deaf"], name=f"{prefix}-alice")["Id"]
    engine.start(other)
    with run() as hub:
        reply = start(client_of(hub, "alice"))
    assert f"'{prefix}-alice' is already used by a container of another server" in reply.body["message"]
    assert engine.inspect_container(other)["State"]["Running"]


def test_a_taken_port_is_reported_and_nothing_is_left(run, engine, prefix, free_port):
    with socket.create_server(("127.0.0.1", free_port)):
        more = (
            f"c.DockerSpawner.extra_host_config = {{'port_bindings': {{8888: ('127.0.0.1', {free_port})}}}}\n"
        )
        with run(more) as hub:
            call = client_of(hub, "alice")
            reply = start(call)
            call.until("/users/alice", lambda user: not user["servers"] and not user["pending"])
            assert container_of(engine, prefix) is None
            log = hub.stderr
    assert "the Docker engine refused the request" in reply.body["message"]
    assert "address already in use" not in reply.body["message"]
    assert str(free_port) in log
    assert "address already in use" in log


def test_an_unreachable_engine_is_reported_and_the_hub_keeps_running(run, tmp_path):
    address = f"unix://{tmp_path}/no-engine.sock"
    with run(f"c.DockerSpawner.client_kwargs = {{'base_url': {address!r}}}\n") as hub:
        call = client_of(hub, "alice")
        reply = start(call)
        assert "the hub cannot reach its Docker engine" in reply.body["message"]
        assert str(tmp_path) not in reply.body["message"]
        assert f"the Docker engine at {address} cannot be reached: it is not running" in hub.stderr
        call.until("/users/alice", lambda user: user["servers"] == {})


def test_a_container_that_is_removed_by_hand_is_noticed(run, engine, prefix):
    with run() as hub:
        call = client_of(hub, "alice")
        start(call)
        call.until("/users/alice", is_ready)
        engine.remove_container(container_of(engine, prefix)["Id"], force=True)
        call.until("/users/alice", lambda user: not user["servers"] and not user["pending"])
        # A poll between the end of the container and its removal reports the exit code.
        assert any(said in hub.stderr for said in ("removed, but not by the hub", "exit code 137"))
        assert start(call).status in {201, 202}
        call.until("/users/alice", is_ready)


def test_a_hub_address_that_containers_cannot_reach_is_reported(run, probe):
    more = "c.JupyterHub.hub_ip = '127.0.0.1'\n" + f"c.DockerSpawner.cmd = {[*probe, '--exit=1']!r}\n"
    with run(more) as hub:
        reply = start(client_of(hub, "alice"))
        log = hub.stderr
    assert "the server cannot reach the hub" in reply.body["message"]
    assert "inside a container that is the container itself" in log
    assert "c.JupyterHub.hub_ip" in log


def test_files_in_a_volume_survive_stop_and_start(run, engine, prefix, probe):
    volume = f"{prefix}-{{username}}"
    more = f"c.DockerSpawner.volumes = {{{volume!r}: '/tmp/work'}}\n"
    with run(more) as hub:
        call = client_of(hub, "alice")
        start(call)
        first = container_of(engine, prefix)["Id"]
        write = "open('/tmp/work/kept', 'w').write('still here')"
        made = engine.exec_create(first, [probe[0], "-c", write], user="0")
        assert engine.exec_start(made["Id"]) == b""
        call("DELETE", "/users/alice/server")
        call.until("/users/alice", lambda user: not user["servers"] and not user["pending"])
        start(call)
        second = container_of(engine, prefix)["Id"]
        assert second != first
        made = engine.exec_create(second, [probe[0], "-c", "print(open('/tmp/work/kept').read())"])
        assert engine.exec_start(made["Id"]) == b"still here\n"
        with urllib.request.urlopen(f"{hub.url}user/alice/api", timeout=10) as answer:
            assert answer.status == 200
