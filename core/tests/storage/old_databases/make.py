"""Make a database with a real JupyterHub of an older version and print it as SQL.

How the files beside this one were made, each with the JupyterHub of its name in a virtual environment of its own
(Python 3.7 for 0.9 and 1.0, 3.8 for 1.5 and 2.3, 3.10 for 4.1, 3.11 for 5.3; ``sqlalchemy<1.4`` before 2.0,
``sqlalchemy<2`` before 4.0; configurable-http-proxy on the path)::

    cd $(mktemp -d)
    VENV/bin/python .../make.py > .../jupyterhub_1.5.1.sql

Everything is invented: the users, their passwords, the tokens and the key of the secrets stand below. The hub is
killed in the end, so that servers run on as far as the database knows.
"""

# ruff: noqa: PTH100, PTH118, PTH120, PTH123, UP031, T201, SIM105, PLW1509

import http.cookiejar
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

PORT, API_PORT, HUB_PORT = 18600, 18601, 18602
CRYPT_KEY = "11" * 32
SERVICE_TOKEN = "5e" * 32
CONFIG = """
import jupyterhub
from jupyterhub.auth import Authenticator
from jupyterhub.spawner import LocalProcessSpawner

class Known(Authenticator):
    async def authenticate(self, handler, data):
        if data["password"] == "of " + data["username"]:
            return {"name": data["username"], "auth_state": {"secret of": data["username"]}}

class Here(LocalProcessSpawner):
    def make_preexec_fn(self, name):
        return None
    def user_env(self, env):
        return env
    def load_state(self, state):
        super().load_state(state)
    def get_state(self):
        return dict(super().get_state(), note="kept for " + self.user.name)

new = int(jupyterhub.__version__.split(".")[0]) >= 2
c.JupyterHub.authenticator_class = Known
c.JupyterHub.spawner_class = Here
c.Authenticator.admin_users = {"ada"}
c.Authenticator.enable_auth_state = True
if int(jupyterhub.__version__.split(".")[0]) >= 5:
    c.Authenticator.allow_all = True
c.JupyterHub.bind_url = "http://127.0.0.1:%(port)d"
c.JupyterHub.hub_port = %(hub_port)d
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:%(api_port)d"
c.JupyterHub.allow_named_servers = True
c.JupyterHub.services = [{"name": "report", "api_token": "%(service_token)s", "admin": not new} if not new
                         else {"name": "report", "api_token": "%(service_token)s"}]
if new:
    c.JupyterHub.load_roles = [
        {"name": "reporter", "scopes": ["list:users", "read:users:activity"] if %(major)d >= 3
         else ["read:users", "read:users:activity"],
         "services": ["report"], "users": ["bob"], "groups": ["class"]},
    ]
    if %(major)d >= 5:
        c.JupyterHub.load_roles.append(
            {"name": "user", "scopes": ["self", "shares!user", "read:groups:name", "read:users:name"], "description": "may share"})
c.Spawner.cmd = ["%(python)s", "%(server)s"]
c.Spawner.http_timeout = c.Spawner.start_timeout = 60
"""
SERVER = """
import os, http.server
from urllib.parse import urlparse

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args):
        pass

url = urlparse(os.environ.get("JUPYTERHUB_SERVICE_URL", ""))
port = url.port
import sys
for argument in sys.argv:
    if argument.startswith("--port="):
        port = int(argument[7:])
http.server.HTTPServer(("127.0.0.1", port), Answer).serve_forever()
"""


class Browser:
    """A client that logs in, and calls the API with the token that the hub returned."""

    def __init__(self, token=""):
        self.token = token
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))

    def ask(self, method, path, body=None, form=None):
        data, headers = None, {}
        if body is not None:
            data = json.dumps(body).encode()
        if form is not None:
            data = urllib.parse.urlencode(form).encode()
        if self.token:
            headers["Authorization"] = "token " + self.token
        request = urllib.request.Request(
            "http://127.0.0.1:%d/hub%s" % (PORT, path), data=data, headers=headers, method=method
        )
        try:
            with self.opener.open(request, timeout=60) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            error.msg = "%s %s: %s" % (method, path, error.read()[:500])
            raise
        return json.loads(text) if path.startswith("/api") and text else text

    def log_in(self, name):
        self.ask("GET", "/login")
        form = {"username": name, "password": "of " + name}
        form.update({cookie.name: cookie.value for cookie in self.jar if cookie.name == "_xsrf"})
        self.ask("POST", "/login?next=/hub/home", form=form)


def wait(condition, seconds=90):
    ends = time.time() + seconds
    while True:
        try:
            if condition():
                return
        except (OSError, urllib.error.URLError):
            pass
        if time.time() > ends:
            raise SystemExit("it took too long")
        time.sleep(0.2)


def fill(version):
    """Create users, groups, tokens and servers."""
    major = int(version.split(".")[0])
    made = subprocess.run(
        [os.path.join(os.path.dirname(sys.executable), "jupyterhub"), "token", "ada"],
        stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    root = Browser(made.stdout.decode().split()[-1])
    tokens = {"ada": root.token}
    for name in ("bob", "cai", "dee"):
        if major < 2 or name != "bob":  # a role contains this user and the group
            root.ask("POST", "/api/users/" + name)
        Browser().log_in(name)
    Browser().log_in("ada")
    root.ask("POST", "/api/users/eve", {"admin": True})
    if major < 2:
        root.ask("POST", "/api/groups/class")
    root.ask("POST", "/api/groups/class/users", {"users": ["bob", "cai"]})
    for name in ("bob", "cai"):
        tokens[name] = root.ask("POST", "/api/users/%s/tokens" % name, {"note": "of a script"})["token"]
    if major >= 2:
        wanted = {"scopes": ["read:users:activity!user"]} if major >= 3 else {"roles": ["reporter"]}
        tokens["bob, less"] = root.ask("POST", "/api/users/bob/tokens", dict(wanted, note="less"))["token"]
    root.ask("POST", "/api/users/bob/server", {"size": "big"})
    root.ask("POST", "/api/users/cai/servers/lab", {"size": "small"})
    running = lambda user, name: root.ask("GET", "/api/users/" + user)["servers"][name]["ready"]  # noqa: E731
    wait(lambda: running("bob", "") and running("cai", "lab"))
    root.ask("POST", "/api/users/dee/server")
    wait(lambda: running("dee", ""))
    root.ask("DELETE", "/api/users/dee/server")
    if major >= 5:
        bob = Browser(tokens["bob"])
        bob.ask("POST", "/api/shares/bob/", {"user": "cai"})
        bob.ask("POST", "/api/shares/bob/", {"group": "class"})
    return tokens


def end_others():
    """End proxy and servers, which outlive the hub."""
    with open("jupyterhub-proxy.pid") as file:
        left = [int(file.readline())]
    for (state,) in sqlite3.connect("jupyterhub.sqlite").execute("SELECT state FROM spawners"):
        left.append(json.loads(state or "{}").get("pid") or 0)
    for pid in filter(None, left):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def main():
    """Run the hub, fill its database, kill it, and print the database."""
    import jupyterhub

    version = jupyterhub.__version__
    with open("server.py", "w") as file:
        file.write(SERVER)
    with open("jupyterhub_config.py", "w") as file:
        file.write(CONFIG % {
            "port": PORT, "api_port": API_PORT, "hub_port": HUB_PORT, "service_token": SERVICE_TOKEN,
            "major": int(version.split(".")[0]), "python": sys.executable, "server": os.path.abspath("server.py"),
        })  # fmt: skip
    os.environ["JUPYTERHUB_CRYPT_KEY"] = CRYPT_KEY
    os.environ["PATH"] = os.path.dirname(sys.executable) + ":" + os.environ["PATH"]
    with open("hub.log", "wb") as log:
        hub = subprocess.Popen(
            [os.path.join(os.path.dirname(sys.executable), "jupyterhub")], stdout=log, stderr=log,
            preexec_fn=os.setsid,
        )  # fmt: skip
    try:
        wait(lambda: "version" in Browser().ask("GET", "/api/"))
        tokens = fill(version)
        time.sleep(2)  # the last activity is stored
    finally:
        os.killpg(hub.pid, signal.SIGKILL)
        end_others()
    print("-- JupyterHub %s, made by make.py" % version)
    for name, token in sorted(tokens.items()):
        print("-- token of %s: %s" % (name, token))
    database = sqlite3.connect("jupyterhub.sqlite")
    for line in database.iterdump():
        print(line)


main()
