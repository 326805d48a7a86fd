"""TLS between hub, proxy, services and servers, all of them real."""

import http.client
import json
import shutil
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path
from textwrap import dedent

import pytest

from plughub.kinds import TLSFiles
from plughub.testing.client import client_of
from plughub.testing.hub import HubProcess
from plughub.testing.ports import free_port

pytestmark = pytest.mark.timeout(240)
NODE = [
    pytest.mark.node,
    pytest.mark.skipif(
        shutil.which("configurable-http-proxy") is None, reason="configurable-http-proxy is missing"
    ),
]
proxies = pytest.mark.parametrize("proxy", ["haproxy", pytest.param("chp", marks=NODE)])
CONFIG = dedent("""
    c.JupyterHub.internal_ssl = True
    c.Authenticator.allow_all = True
    c.Authenticator.admin_users = {"root-of-all"}
    c.Spawner.http_timeout = 90
""")
TINY = f"c.Spawner.cmd = [{sys.executable!r}, '-m', 'plughub.testing.tiny_server']\n"


def hub_in(folder, more=TINY, plugins="dummy,simple,haproxy"):
    config = CONFIG + more
    if "chp" in plugins:
        config += f'\nc.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{free_port()}"\n'
    if "simple" in plugins:
        config += f'\nc.SimpleLocalProcessSpawner.home_dir_template = "{folder}/homes/{{username}}"\n'
    return HubProcess(folder, "--plugins", plugins, config=config)


def files_of(hub: HubProcess, name: str, authority: str) -> TLSFiles:
    folder = hub.folder / "internal-ssl"
    paths = {
        "keyfile": f"{name}/{name}.key",
        "certfile": f"{name}/{name}.crt",
        "cafile": f"{authority}_trust.crt",
    }
    return TLSFiles.of({kind: str(folder / path) for kind, path in paths.items()})


def started(hub, user):
    """Start a server and return its process."""
    api = client_of(hub, "root-of-all")
    assert api("POST", f"/users/{user}").status in {201, 409}
    assert api("POST", f"/users/{user}/server", {}).status in {201, 202}
    model = api.until(f"/users/{user}", lambda body: body.get("server") or body.get("failure"), 120)
    assert model["server"], hub.output
    return api


def of_server(hub, user) -> dict[str, str]:
    """Return the environment of a running server."""
    for process in hub.processes():
        environment = process.environ()
        if environment.get("JUPYTERHUB_USER") == user and "JUPYTERHUB_SERVICE_URL" in environment:
            return environment
    raise AssertionError(f"no server of {user}\n{hub.output}")


def port_of(environment) -> int:
    return int(environment["JUPYTERHUB_SERVICE_URL"].split(":")[2].split("/")[0])


def fetch(port: int, path: str, context: ssl.SSLContext | None) -> int:
    """Request a URL; `None` as the context for plain HTTP."""
    scheme = "http" if context is None else "https"
    handlers = [] if context is None else [urllib.request.HTTPSHandler(context=context)]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), *handlers)
    try:
        with opener.open(f"{scheme}://127.0.0.1:{port}{path}", timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)


def anonymous(cafile: str) -> ssl.SSLContext:
    """A TLS client that trusts the listener but has no certificate."""
    return ssl.create_default_context(cafile=cafile)


REFUSED = (urllib.error.URLError, ssl.SSLError, ConnectionError, http.client.HTTPException)


@proxies
def test_a_server_is_reached_through_the_proxy_and_not_without_a_certificate(tmp_path, proxy):
    with hub_in(tmp_path, plugins=f"dummy,simple,{proxy}") as hub:
        started(hub, "alice")
        environment = of_server(hub, "alice")
        with urllib.request.urlopen(f"{hub.url}user/alice/api", timeout=30) as answer:
            assert json.loads(answer.read())["user"] == "alice"

        server, of_hub = port_of(environment), files_of(hub, "hub-internal", "hub-ca")
        for port, path in ((server, "/user/alice/api"), (hub.hub_port, "/hub/api/")):
            with pytest.raises(REFUSED):
                fetch(port, path, None)
            with pytest.raises(REFUSED):
                fetch(port, path, anonymous(of_hub.cafile))
            assert fetch(port, path, of_hub.client_context()) == 200

        own = TLSFiles(
            keyfile=environment["JUPYTERHUB_SSL_KEYFILE"],
            certfile=environment["JUPYTERHUB_SSL_CERTFILE"],
            cafile=environment["JUPYTERHUB_SSL_CLIENT_CA"],
        )
        assert fetch(hub.hub_port, "/hub/api/", own.client_context()) == 200
        # With its certificate a server can connect to the hub, but to no other server, even of the same user.
        stranger = own.client_context()
        stranger.load_verify_locations(of_hub.cafile)
        with pytest.raises(REFUSED):
            fetch(server, "/user/alice/api", stranger)
        assert environment["JUPYTERHUB_API_URL"].startswith("https://")
        for path in (own.keyfile, of_hub.keyfile):
            assert Path(path).stat().st_mode & 0o777 == 0o600
        assert not list((hub.folder / "internal-ssl").glob("user-alice/*.key"))


@proxies
def test_pages_of_the_hub_are_reached_and_it_answers_for_stopped_servers(tmp_path, proxy):
    gone = {"/gone/": f"http://127.0.0.1:{free_port()}"}
    config = f"{TINY}c.Proxy.extra_routes = {gone!r}\n"
    with hub_in(tmp_path, config, f"dummy,simple,{proxy}") as hub:
        with urllib.request.urlopen(f"{hub.url}hub/login", timeout=30) as answer:
            assert b"password" in answer.read()
        with pytest.raises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(f"{hub.url}services/nobody/", timeout=30)
        assert raised.value.code == 404
        raised.value.close()
        with pytest.raises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(f"{hub.url}gone/", timeout=30)
        with raised.value as page:
            assert page.code == 503
            assert b"/hub/static/" in page.read()


@proxies
def test_a_restarted_hub_keeps_servers_and_certificates(tmp_path, proxy):
    with hub_in(tmp_path, plugins=f"dummy,simple,{proxy}") as hub:
        started(hub, "alice")
        before = files_of(hub, "hub-internal", "hub-ca")
        text = Path(before.certfile).read_text()
        hub.kill()
        hub.start()
        assert Path(before.certfile).read_text() == text
        api = client_of(hub, "root-of-all")
        assert api("GET", "/users/alice").body["server"]
        assert api("DELETE", "/users/alice/server").status in {202, 204}
        api.until("/users/alice", lambda body: not body["servers"].get(""))


def test_a_managed_service_gets_a_certificate_and_a_route(tmp_path):
    port = free_port()
    service = {
        "name": "tiny",
        "url": f"https://127.0.0.1:{port}",
        "command": [sys.executable, "-m", "plughub.testing.tiny_server"],
    }
    with hub_in(tmp_path, f"{TINY}c.JupyterHub.services = [{service!r}]\n") as hub:
        client_of(hub, "root-of-all").until("/proxy", lambda body: "/services/tiny/" in body)
        with urllib.request.urlopen(f"{hub.url}services/tiny/x", timeout=30) as answer:
            assert json.loads(answer.read())["path"] == "/services/tiny/x"
        with pytest.raises(REFUSED):
            fetch(port, "/services/tiny/", None)


def test_a_server_without_tls_is_refused_and_nothing_is_left_of_it(tmp_path):
    plugin = """
class Plain(__import__("plughub.spawner", fromlist=["x"]).SimpleLocalProcessSpawner):
    async def start(self):
        ip, port = await super().start()
        return f"http://{ip}:{port}"
c.JupyterHub.spawner_class = Plain
"""
    with hub_in(tmp_path, TINY + plugin, "dummy,haproxy") as hub:
        api = client_of(hub, "root-of-all")
        api("POST", "/users/alice")
        api("POST", "/users/alice/server", {})
        api.until("/users/alice", lambda body: not body["pending"] and "without TLS" in hub.output)
        assert "internal_ssl" in hub.output
        assert api("GET", "/users/alice").body["server"] is None
        with pytest.raises(AssertionError, match="no server"):
            of_server(hub, "alice")


def test_a_proxy_without_tls_support_prevents_the_start_with_advice(tmp_path):
    plugin = """
class Plain(__import__("plughub.proxy", fromlist=["x"]).HAProxyProxy):
    internal_tls = False
c.JupyterHub.proxy_class = Plain
"""
    hub = hub_in(tmp_path, TINY + plugin, "dummy,simple")
    assert hub.run() == 2
    assert "internal_ssl" in hub.output
    assert "'haproxy'" in hub.output


@pytest.mark.root
def test_a_notebook_server_of_a_system_user_has_its_key_in_the_home_folder(tmp_path, people, shared_jupyter):
    person = people[0]
    config = f"c.Spawner.cmd = [{str(shared_jupyter)!r}]\n"
    with hub_in(tmp_path, config, "dummy,localprocess,haproxy") as hub:
        started(hub, person.name)
        environment = of_server(hub, person.name)
        key = Path(environment["JUPYTERHUB_SSL_KEYFILE"])
        assert key.parent == person.home / ".jupyterhub" / "jupyterhub-certs"
        assert (key.stat().st_uid, key.stat().st_mode & 0o777) == (person.uid, 0o600)
        assert (key.parent.stat().st_uid, key.parent.stat().st_mode & 0o777) == (person.uid, 0o700)
        with urllib.request.urlopen(f"{hub.url}user/{person.name}/api", timeout=30) as answer:
            assert "version" in json.loads(answer.read())
        with pytest.raises(REFUSED):
            fetch(port_of(environment), f"/user/{person.name}/api", None)
        # It reports its activity to the hub over TLS, and asks the hub for the identity of its visitors.
        request = urllib.request.Request(
            f"{hub.url}user/{person.name}/api/status",
            headers={"Authorization": f"token {environment['JUPYTERHUB_API_TOKEN']}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert "kernels" in json.loads(answer.read())
