"""The examples of the specification's spawner chapters, unchanged but for imports and paths, on one real hub."""

import contextlib
import json
import os
import re
import signal
import sys
import urllib.error
import urllib.parse
import urllib.request

import pytest

from plughub.testing.client import client_of
from plughub.testing.conditions import wait_for
from plughub.testing.forms import FormClient
from plughub.testing.hub import HubProcess
from plughub.testing.probe_server import PROBE_SERVER

pytestmark = pytest.mark.timeout(180)
HEADER = """
import shlex
from datetime import datetime

import aiohttp
from traitlets import default

from plughub import hookimpl
from plughub.spawner import SimpleLocalProcessSpawner as LocalProcessSpawner

"""
FOOTER = """

@hookimpl
def hub_register_spawner():
    return {name}
"""
EXAMPLES = {
    "resources": '''
class ResourceManagedSpawner(LocalProcessSpawner):
    """Spawner with resource limits"""
    mem_limit: str = '1G' # Memory limit
    cpu_limit: float = 1.0 # CPU limit
    def get_env(self):
        """Add resource limits to environment"""
        env = super().get_env()
        env.update({
            'MEM_LIMIT': self.mem_limit,
            'CPU_LIMIT': str(self.cpu_limit)
        })
        return env
    async def start(self):
        """Start with resource constraints"""
        # Set resource limits before starting
        self.set_resource_limits()
        return await super().start()
    def set_resource_limits(self):
        """Apply resource limits to the process"""
        # Implementation depends on deployment method
        pass
''',
    "profiles": '''
class ProfileSpawner(LocalProcessSpawner):
    """Spawner with selectable profiles"""
    profiles = [
        {
            'display_name': 'Basic Python',
            'description': 'Basic Python environment',
            'default': True,
            'kubespawner_override': {
                'image': 'jupyter/base-notebook',
                'mem_limit': '1G',
                'cpu_limit': 1
            }
        },
        {
            'display_name': 'Data Science',
            'description': 'Full data science stack',
            'kubespawner_override': {
                'image': 'jupyter/datascience-notebook',
                'mem_limit': '4G',
                'cpu_limit': 2
            }
        }
    ]
    def options_from_form(self, formdata):
        """Process spawner options from form"""
        profile = formdata.get('profile', [None])[0]
        return {'profile': profile}
    def load_user_options(self, user_options):
        """Load user-selected options"""
        profile_name = user_options.get('profile')
        if profile_name:
            # Apply profile configuration
            profile = next(p for p in self.profiles if p['display_name'] == profile_name)
            for key, value in profile.get('kubespawner_override', {}).items():
                setattr(self, key, value)
''',
    "stateful": '''
class StatefulSpawner(LocalProcessSpawner):
    """Spawner that persists state across restarts"""
    def get_state(self):
        """Get spawner state for persistence"""
        state = super().get_state()
        state.update({
            'custom_setting': self.custom_setting,
            'last_activity': self.last_activity.isoformat()
        })
        return state
    def load_state(self, state):
        """Load persisted state"""
        super().load_state(state)
        self.custom_setting = state.get('custom_setting')
        if 'last_activity' in state:
            self.last_activity = datetime.fromisoformat(state['last_activity'])
''',
    "monitored": '''
class MonitoredSpawner(LocalProcessSpawner):
    """Spawner with health monitoring"""
    async def poll(self):
        """Enhanced polling with health checks"""
        # Check process status
        status = await super().poll()
        if status is not None:
            return status
        # Additional health checks
        if not await self.health_check():
            # Server is running but unhealthy
            await self.restart_unhealthy_server()
        return None
    async def health_check(self):
        """Check if server is healthy"""
        try:
            # Make HTTP request to server
            async with aiohttp.ClientSession() as session:
                async with session.get(f'{self.url}/api/status') as resp:
                    return resp.status == 200
        except:
            return False
    async def restart_unhealthy_server(self):
        """Restart an unhealthy server"""
        await self.stop()
        await self.start()
''',
    "hooked": '''
class HookedSpawner(LocalProcessSpawner):
    """Spawner with pre/post hooks"""
    async def start(self):
        """Start with pre/post hooks"""
        await self.pre_spawn_hook()
        try:
            result = await super().start()
            await self.post_spawn_hook()
            return result
        except Exception as e:
            await self.spawn_error_hook(e)
            raise
    async def pre_spawn_hook(self):
        """Hook called before spawning"""
        # Setup user workspace, check resources, etc.
        pass
    async def post_spawn_hook(self):
        """Hook called after successful spawn"""
        # Register with external systems, send notifications, etc.
        pass
    async def spawn_error_hook(self, error):
        """Hook called on spawn error"""
        # Log error, cleanup resources, send alerts, etc.
        pass
''',
    "demoform": '''
class DemoFormSpawner(LocalProcessSpawner):
    @default('options_form')
    def _options_form(self):
        default_env = "YOURNAME=%s\\n" % self.user.name
        return """
        <label for="args">Extra notebook CLI arguments</label>
        <input name="args" placeholder="e.g. --debug"></input>
        """.format(env=default_env)

    def options_from_form(self, formdata):
        """Turn html formdata (always lists of strings) into the dict we want."""
        options = {}
        arg_s = formdata.get('args', [''])[0].strip()
        if arg_s:
            options['argv'] = shlex.split(arg_s)
        return options

    def get_args(self):
        """Return arguments to pass to the notebook server"""
        argv = super().get_args()
        if self.user_options.get('argv'):
            argv.extend(self.user_options['argv'])
        return argv

    def get_env(self):
        """Return environment variable dict"""
        env = super().get_env()
        return env
''',
    "variables": '''
class EnvironmentFormSpawner(LocalProcessSpawner):
    """The exercise: users specify environment variables to load into their server."""

    options_form = '<label for="env">Variables</label><textarea name="env"></textarea>'

    def options_from_form(self, formdata):
        lines = formdata.get('env', [''])[0].splitlines()
        return {'env': dict(line.strip().split('=', 1) for line in lines if '=' in line)}

    def get_env(self):
        return {**super().get_env(), **self.user_options.get('env', {})}
''',
    "watched": '''
class WatchedSpawner(LocalProcessSpawner):
    """What the tutorial's base class offers to watch a server, and all that its get_args reads."""

    custom_setting = None

    def start(self):
        self.add_poll_callback(self.note, "died", server=self.name)
        self.start_polling()
        self.environment["READ"] = repr((
            self.user.server.port, self.user.server.cookie_name, self.user.server.base_url, self.user.server.ip,
            self.hub.host, self.hub.server.base_url, self.hub.server.port > 0, self.hub.api_url[:7],
            dict(self.user.state), self._callbacks != [], self._poll_callback, self.death_interval,
        ))
        return super().start()

    async def stop(self, now=False):
        self.stop_polling()
        await super().stop(now)
        await self.wait_for_death(timeout=1)

    def note(self, what, server):
        with open("deaths.txt", "a") as file:
            file.write(f"{what} {server} {self.user.name}\\n")
''',
}
RECORDING = """

class RecordingHooked(HookedSpawner):
    called = []

    async def pre_spawn_hook(self):
        self.called.append("pre")

    async def post_spawn_hook(self):
        self.called.append("post")

    def post_stop_hook(self):
        with open("hooks.txt", "w") as file:
            file.write(" ".join([*self.called, "stopped"]))

class WithSetting(StatefulSpawner):
    custom_setting = "kept"  # the example sets it nowhere
"""
SERVER = """
import http.server, json, os, pathlib, urllib.parse

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        sick = pathlib.Path(f"{os.environ['FLAGS']}/sick-{os.getpid()}").exists()
        self.send_response(503 if sick else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"pid": os.getpid()}).encode())

    def log_message(self, *args):
        pass

at = urllib.parse.urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
http.server.ThreadingHTTPServer((at.hostname, at.port), Answer).serve_forever()
"""
CONFIG = """
# Use local process spawner (default)
c.JupyterHub.spawner_class = 'localprocess'
# Configure spawner settings
c.Spawner.start_timeout = 60
c.Spawner.http_timeout = 30
# Set notebook directory
c.Spawner.notebook_dir = '{folder}/{{username}}/notebooks'
# Configure environment variables
c.Spawner.environment = {{
'JUPYTER_ENABLE_LAB': 'yes',
'JUPYTERHUB_SINGLEUSER_APP': 'jupyter_server.serverapp.ServerApp'
}}
# Configuration with resource management
c.ResourceManagedSpawner.mem_limit = '2G'
c.ResourceManagedSpawner.cpu_limit = 2.0

from plughub.auth import DummyAuthenticator

class NotMallory(DummyAuthenticator):
    def authenticate(self, handler, data):
        return None if data["username"] == "mallory" else super().authenticate(handler, data)

c.JupyterHub.authenticator_class = NotMallory
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{"root"}}
c.JupyterHub.allow_named_servers = True
c.Spawner.cmd = {probe!r}
c.Spawner.poll_interval = 1
c.Spawner.pre_spawn_hook = lambda spawner: spawner.environment.update(HOOKED="by the file")
c.MonitoredSpawner.cmd = [{python!r}, "{folder}/server.py"]
c.MonitoredSpawner.environment = {{"FLAGS": "{folder}"}}
c.LocalProcessSpawner.interrupt_timeout = 5
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/homes/{{username}}"
"""
CLASSES = {name: re.search(r"class (\w+)", text)[1] for name, text in EXAMPLES.items()}
CLASSES |= {"hooked": "RecordingHooked", "stateful": "WithSetting"}
PLUGINS = ",".join(["dummy", "haproxy", "simple", *EXAMPLES])


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seeds")
    site = folder / "site"
    about = site / "examples-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: examples\nVersion: 1\n")
    (about / "entry_points.txt").write_text(
        "[plughub]\n" + "".join(f"{name} = example_{name}\n" for name in EXAMPLES)
    )
    for name, text in EXAMPLES.items():
        more = RECORDING if name in {"hooked", "stateful"} else ""
        bases = {"hooked": "StatefulSpawner", "stateful": "HookedSpawner"}.get(name)
        unused = f"\n{bases} = LocalProcessSpawner\n" if bases else ""
        source = HEADER + text + unused + more + FOOTER.format(name=CLASSES[name])
        (site / f"example_{name}.py").write_text(source)
    (folder / "server.py").write_text(SERVER)
    config = CONFIG.format(folder=folder, probe=list(PROBE_SERVER), python=sys.executable)
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")]))
    with HubProcess(folder, "--plugins", PLUGINS, config=config, env={"PYTHONPATH": path}) as running:
        yield running


@pytest.fixture(scope="module")
def root(hub):
    client = client_of(hub, "root")
    assert client("POST", "/users/ada").status == 201
    return client


@pytest.fixture(scope="module")
def start(hub, root):
    """Start a server of one example; return what it says about itself."""

    def start(example, **options):
        body = {"user_options": options, "backend": example}
        reply = root("POST", f"/users/ada/servers/{example}", body)
        assert reply.status in {201, 202}, (reply.body, hub.output)
        root.until("/users/ada", lambda user: user["servers"].get(example, {}).get("ready"))
        return facts(hub, example)

    return start


def facts(hub, server):
    try:
        with urllib.request.urlopen(f"{hub.url}user/ada/{server}/") as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        error.close()
        raise ValueError(f"{server} answers {error.code}") from None


def state_of(root, server):
    return root("GET", f"/users/ada/servers/{server}").body["state"]


def test_plain_attributes_of_a_class_are_set_by_the_config_file(start):
    environment = start("resources")["environment"]
    assert (environment["MEM_LIMIT"], environment["CPU_LIMIT"]) == ("2G", "2.0")
    assert environment["JUPYTER_ENABLE_LAB"] == "yes"
    assert environment["JUPYTERHUB_SINGLEUSER_APP"] == "jupyter_server.serverapp.ServerApp"
    assert environment["JUPYTERHUB_ROOT_DIR"].endswith("/ada/notebooks")


def test_the_options_of_a_profile_are_applied_before_the_start(start, root):
    environment = start("profiles", profile="Data Science")["environment"]
    assert (environment["MEM_LIMIT"], environment["CPU_LIMIT"]) == (str(4 * 1024**3), "2.0")
    refused = root(
        "POST", "/users/ada/servers/other", {"user_options": {"profile": "?"}, "backend": "profiles"}
    )
    assert refused.status == 400
    assert refused.body["message"].startswith("the options are not valid")


def test_state_of_a_subclass_is_kept(start, root):
    start("stateful")
    state = state_of(root, "stateful")
    assert state["custom_setting"] == "kept"
    assert state["last_activity"][:2] == "20"
    assert state["pid"]


def test_methods_named_like_hooks_run_once_and_beside_the_function_of_the_config_file(hub, start, root):
    environment = start("hooked")["environment"]
    assert environment["HOOKED"] == "by the file"
    assert root("DELETE", "/users/ada/servers/hooked").status == 204
    assert (hub.folder / "hooks.txt").read_text() == "pre post stopped"


def test_a_callback_is_called_when_a_server_dies_and_not_when_it_is_stopped(hub, start, root):
    told = hub.folder / "deaths.txt"
    environment = start("watched")["environment"]
    port, cookie, base, ip, host, hub_base, has_port, scheme, state, has_callbacks, poll, seconds = eval(
        environment["READ"]
    )
    assert (port, cookie, base, ip) == (0, "jupyterhub-user-ada!watched", "/user/ada/watched/", "127.0.0.1")
    assert (host, hub_base, has_port, scheme, state) == ("", "/hub/", True, "http://", {})
    assert (has_callbacks, poll, seconds) == (True, None, 0.1)
    assert root("DELETE", "/users/ada/servers/watched").status == 204
    assert not told.exists()
    os.kill(start("watched")["pid"], signal.SIGKILL)
    wait_for(told.exists)
    root.until("/users/ada", lambda user: not user["servers"].get("watched", {}).get("ready"))
    assert told.read_text() == "died watched ada\n"


@pytest.fixture(scope="module")
def browser(hub, root):
    browser = FormClient(hub.url)
    browser.submit("hub/login", username="ada", password="")
    return browser


@pytest.mark.parametrize(
    ("example", "fields", "arguments", "variable"),
    [
        ("demoform", {"args": "--debug --writes=2"}, ["--debug", "--writes=2"], None),
        ("variables", {"env": "YOURNAME=ada\nCOURSE=x=1"}, [], {"YOURNAME": "ada", "COURSE": "x=1"}),
    ],
)
def test_the_forms_of_the_tutorial(hub, root, browser, example, fields, arguments, variable):
    page = f"hub/spawn/ada/{example}?backend={example}"
    assert all(f'name="{name}"' in browser.get(page) for name in fields)
    browser.submit(page, **fields)
    root.until("/users/ada", lambda user: user["servers"].get(example, {}).get("ready"))
    server = facts(hub, example)
    assert server["argv"][len(server["argv"]) - len(arguments) :] == arguments
    assert (variable or {}).items() <= server["environment"].items()


def test_a_class_of_the_config_file_takes_the_place_of_the_plain_authenticator(hub, root):
    assert "mallory" not in {user["name"] for user in root("GET", "/users").body}
    with pytest.raises(urllib.error.HTTPError) as refused:
        FormClient(hub.url).submit("hub/login", username="mallory", password="")
    refused.value.close()
    assert refused.value.code == 403


def test_a_server_that_a_poll_has_restarted_outlives_the_hub(hub, start, root):
    before = start("monitored")["pid"]
    (hub.folder / f"sick-{before}").touch()

    def restarted():
        with contextlib.suppress(ValueError):
            pid = facts(hub, "monitored")["pid"]
            return pid if pid != before else None

    after = wait_for(restarted)
    assert state_of(root, "monitored")["pid"] == after
    hub.kill()
    hub.start()
    found = root("GET", "/users/ada/servers/monitored").body
    assert (found["ready"], found["state"]["pid"]) == (True, after)
    assert facts(hub, "monitored")["pid"] == after
