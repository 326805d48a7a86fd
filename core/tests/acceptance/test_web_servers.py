"""The page about web servers in front of the hub: its configurations run in nginx, Caddy and Apache."""

import asyncio
import json
import os
import shutil
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
import websockets

from plughub.testing.client import client_of
from plughub.testing.conditions import wait_for
from plughub.testing.documents import blocks_of, replaced
from plughub.testing.forms import FormClient
from plughub.testing.hub import HubProcess, is_open
from plughub.testing.ports import free_port

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
BLOCKS = blocks_of(Path(__file__).resolve().parents[3] / "docs" / "how-to" / "web-servers.md")
LIVE = "/etc/letsencrypt/live/hub.example.org/"
CONFIG = f"""
c.JupyterHub.plugins = ["simple", "dummy", "haproxy"]
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{"ada"}}
c.Spawner.cmd = [{sys.executable!r}, "-m", "plughub.testing.socket_server"]
"""
APACHE = """
ServerRoot {folder}
PidFile {folder}/pid
ErrorLog {folder}/log
User nobody
Group nogroup
Listen 127.0.0.1:{plain}
Listen 127.0.0.1:{front}
{modules}
"""


class Site:
    """A hub with a public address at which one web server after another listens."""

    def __init__(self, folder):
        self.folder, self.front, self.plain = folder, free_port(), free_port()
        self.url = f"https://localhost:{self.front}/"
        self.certificate, self.key = folder / "fullchain.pem", folder / "privkey.pem"
        names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        files = ["-nodes", "-days", "2", "-keyout", self.key, "-out", self.certificate]
        subprocess.run([*made, *names, *files], check=True, capture_output=True)
        public = replaced(BLOCKS["jupyterhub_config.py"], {"https://hub.example.org/": self.url})
        users = replaced(BLOCKS["user.py"], {'"www-data"': '"nobody"'})
        self.hub = HubProcess(folder, config=CONFIG + public + users)

    def text(self, name, **more):
        return replaced(BLOCKS[name], {"127.0.0.1:8000": f"127.0.0.1:{self.hub.port}", **more})

    @contextmanager
    def running(self, *command):
        log = (self.folder / "web-server.log").open("w+")
        environment = {**os.environ, "XDG_DATA_HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder)}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            wait_for(lambda: is_open(self.front) or process.poll() is not None, 30)
            log.seek(0)
            assert process.poll() is None, log.read()
            yield
        finally:
            process.terminate()
            process.wait(30)
            log.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = Site(tmp_path_factory.mktemp("site"))
    made.folder.chmod(0o755)
    with made.hub as hub:
        call = client_of(hub, "ada")
        assert call("POST", "/users/ada/server").status in {201, 202}
        call.until("/users/ada", lambda user: user["server"])
        made.token = call("POST", "/users/ada/tokens", {}).body["token"]  # type: ignore[attr-defined]
        yield made
        call("DELETE", "/users/ada/server")
        call.until("/users/ada", lambda user: not user["servers"])


@pytest.fixture
def nginx(site):
    ports = {"listen 80": f"listen 127.0.0.1:{site.plain}", "listen 443": f"listen 127.0.0.1:{site.front}"}
    text = site.text("nginx", **{"hub.example.org;": "localhost;", LIVE: f"{site.folder}/", **ports})
    places = "".join(
        f"{name}_temp_path {site.folder}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = site.folder / "nginx.conf"
    head = f"daemon off; user nobody nogroup; pid {site.folder}/nginx.pid; error_log stderr; events {{}}"
    file.write_text(f"{head}\nhttp {{ access_log off; {places}\n{text}\n}}\n")
    with site.running(shutil.which("nginx"), "-c", file, "-e", "stderr"):
        yield


@pytest.fixture
def caddy(site):
    head = f"{{\nadmin off\nhttp_port {site.plain}\nhttps_port {site.front}\nskip_install_trust\n}}\n"
    text = site.text("Caddyfile", **{"hub.example.org {": f"localhost {{\ntls {site.certificate} {site.key}"})
    file = site.folder / "Caddyfile"
    file.write_text(head + text)
    with site.running(shutil.which("caddy"), "run", "--config", file, "--adapter", "caddyfile"):
        yield


@pytest.fixture
def apache(site):
    named = BLOCKS["modules"].split()
    assert named[0] == "a2enmod"
    debian = ["mpm_event", "authz_core", "alias"]  # of every installation
    modules = "\n".join(
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in [*debian, *named[1:]]
    )
    values = {
        "*:80": f"127.0.0.1:{site.plain}",
        "*:443": f"127.0.0.1:{site.front}",
        LIVE: f"{site.folder}/",
        "https://hub.example.org/": site.url,
        "ServerName hub.example.org": "ServerName localhost",
    }
    head = APACHE.format(folder=site.folder, plain=site.plain, front=site.front, modules=modules)
    file = site.folder / "apache.conf"
    file.write_text(head + site.text("apache", **values))
    with site.running(shutil.which("apache2"), "-f", file, "-DFOREGROUND"):
        yield


class Unfollowed(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def status_of(request):
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


async def echoed(site):
    context = ssl.create_default_context(cafile=site.certificate)
    address = f"wss://localhost:{site.front}/user/ada/socket"
    async with websockets.connect(address, ssl=context, proxy=None) as socket:
        await socket.send("hello")
        return await asyncio.wait_for(socket.recv(), 20)


@pytest.mark.parametrize("server", ["nginx", "caddy", "apache"])
def test_a_web_server_with_the_configuration_of_the_page_passes_everything_on(
    server, site, request, monkeypatch
):
    if shutil.which(server.replace("apache", "apache2")) is None:
        pytest.skip(f"{server} is not installed")
    request.getfixturevalue(server)
    monkeypatch.setenv("SSL_CERT_FILE", str(site.certificate))
    monkeypatch.setenv("NO_PROXY", "*")

    with pytest.raises(urllib.error.HTTPError) as moved:
        urllib.request.build_opener(Unfollowed).open(f"http://localhost:{site.plain}/hub/login", timeout=30)
    moved.value.close()
    assert moved.value.code in {301, 302, 308}
    assert moved.value.headers["Location"].startswith("https://localhost")

    browser = FormClient(site.url)
    browser.log_in("ada", to="/hub/home")
    assert browser.page_url == f"{site.url}hub/home"
    assert {cookie.name for cookie in browser.cookies} >= {"_xsrf", "jupyterhub-hub-login"}
    assert all(cookie.secure for cookie in browser.cookies), "the hub does not know that browsers use TLS"

    assert asyncio.run(echoed(site)) == "hello"

    headers = {"Authorization": f"token {site.token}"}
    events = urllib.request.Request(f"{site.url}hub/api/events?since=0", headers=headers)
    with urllib.request.urlopen(events, timeout=20) as stream:
        lines = iter(stream.readline, b"")
        event = next(line for line in lines if line.startswith(b"data:"))  # arrives while the stream is open
        assert "topics" in json.loads(event.removeprefix(b"data:"))

    upload = urllib.request.Request(f"{site.url}user/ada/files", data=b"x" * 3_000_000, method="PUT")
    assert status_of(upload) == 405, "of the server, which accepts no uploads"
    assert status_of(f"{site.url}user/ada/with%2Fslash") == 200
