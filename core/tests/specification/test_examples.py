"""The examples of the specification's page on configuration and utilities run as they stand there.

Only the name of the package and paths differ; an example that uses a name without importing it gets it here.
"""

from __future__ import annotations

import ast
import inspect
import os
import random
import stat
import subprocess
import sys
from textwrap import dedent

import pytest
from traitlets.config import Config

from plughub.app import JupyterHub
from plughub.app.config_files import load_config
from plughub.app.plugins import PluginChooser
from plughub.app.unread_settings import check_settings
from plughub.orm import APIToken, User, new_session_factory
from plughub.storage.database import Database
from plughub.storage.store import Store
from plughub.testing.client import ApiClient
from plughub.testing.conditions import wait_for
from plughub.testing.hub import HubProcess

TRAITS = """
# jupyterhub_config.py using custom traitlets
c = get_config()
# Memory limits using ByteSpecification
c.Spawner.mem_limit = '2G' # Converted to 2147483648 bytes
c.Spawner.mem_guarantee = '512M' # Converted to 536870912 bytes
# URL prefix configuration
c.JupyterHub.base_url = '/hub/' # Normalized to '/hub/'
# Command configuration
c.Spawner.cmd = ['jupyterhub-singleuser'] # Validated as command list
c.LocalProcessSpawner.shell_cmd = ['/bin/bash', '-l', '-c']
# Plugin loading via entry points
c.JupyterHub.authenticator_class = 'pam' # Loads PAMAuthenticator
c.JupyterHub.spawner_class = 'localprocess' # Loads LocalProcessSpawner
"""

TOKENS = """
from plughub.utils import new_token, hash_token, compare_token
from plughub.orm import APIToken
# Generate API token for user
user = db.query(User).filter(User.name == 'alice').first()
token = new_token(length=32)
hashed = hash_token(token)
# Store in database
api_token = APIToken(
    user=user,
    hashed=hashed,
    prefix=token[:4], # Store prefix for identification
    note='CLI access token'
)
db.add(api_token)
db.commit()
# Validate token later
def validate_api_token(provided_token):
    \"\"\"Validate API token against database\"\"\"
    prefix = provided_token[:4]
    token_record = db.query(APIToken).filter(
        APIToken.prefix == prefix
    ).first()
    if token_record and compare_token(provided_token, token_record.hashed):
        return token_record.user
    return None
"""

URLS = """
from plughub.utils import url_path_join, url_escape_path
# Safe URL path joining
base_url = '/hub'
user_name = 'alice@example.com'
server_name = 'my-server'
# Build user server URL safely
server_url = url_path_join(
    base_url,
    'user',
    url_escape_path(user_name),
    url_escape_path(server_name)
)
# Build API endpoint URLs
api_url = url_path_join(base_url, 'api', 'users', url_escape_path(user_name))
"""

RETRIES = """
from plughub.utils import maybe_future, exponential_backoff
import asyncio
# Convert sync/async values consistently
async def handle_result(result):
    \"\"\"Handle potentially async result\"\"\"
    # maybe_future ensures we can always await
    final_result = await maybe_future(result)
    return final_result
# Retry with exponential backoff
@exponential_backoff(max_retries=3, initial_delay=1.0)
async def unreliable_operation():
    \"\"\"Operation that might fail temporarily\"\"\"
    # Simulate operation that might fail
    if random.random() < 0.5:
        raise Exception("Temporary failure")
    return "Success"
# Usage
try:
    result = await unreliable_operation()
    print(f"Operation succeeded: {result}")
except Exception as e:
    print(f"Operation failed after retries: {e}")
"""

TLS = """
from plughub.utils import make_ssl_context
# Create SSL context for HTTPS
ssl_context = make_ssl_context(
    keyfile='private.key',
    certfile='certificate.crt',
    cafile='ca-bundle.crt'
)
# Use in JupyterHub configuration
c.JupyterHub.ssl_key = 'private.key'
c.JupyterHub.ssl_cert = 'certificate.crt'
# Or programmatically
app = JupyterHub()
app.ssl_context = ssl_context
"""

SPAWNER = """
from traitlets import Unicode, Integer, Bool
from traitlets.config import Configurable
from plughub.traitlets import ByteSpecification, Command
class CustomSpawner(Spawner):
    \"\"\"Custom spawner with additional configuration\"\"\"
    # Memory configuration using ByteSpecification
    memory_limit = ByteSpecification(
        config=True,
        help=\"\"\"
        Memory limit for user servers.
        Specify with units like '1G', '512M', etc.
        \"\"\"
    )
    # Custom command configuration
    setup_command = Command(
        config=True,
        help=\"\"\"
        Command to run before starting notebook server.
        Can be string or list of strings.
        \"\"\"
    )
    # Container image with validation
    image = Unicode(
        'jupyter/base-notebook',
        config=True,
        help="Docker image to use for user servers"
    )
    # Advanced configuration
    privileged = Bool(
        False,
        config=True,
        help="Whether to run containers in privileged mode"
    )
    async def start(self):
        \"\"\"Start server with custom configuration\"\"\"
        # Use configured values
        print(f"Memory limit: {self.memory_limit} bytes")
        print(f"Setup command: {self.setup_command}")
        print(f"Image: {self.image}")
        # Custom startup logic here
        return await super().start()
# Usage in config
c.JupyterHub.spawner_class = CustomSpawner
c.CustomSpawner.memory_limit = '4G'
c.CustomSpawner.setup_command = ['conda', 'activate', 'myenv']
c.CustomSpawner.image = 'myregistry/custom-notebook:latest'
"""

STARTUP = """
from plughub.dbutil import upgrade_if_needed
# Automatic database upgrades
def initialize_database(db_url):
    \"\"\"Initialize database with schema upgrades\"\"\"
    try:
        upgrade_if_needed(db_url, log=app.log)
        app.log.info("Database schema is up to date")
    except Exception as e:
        app.log.error(f"Database upgrade failed: {e}")
        raise
# Use in application startup
app = JupyterHub()
initialize_database(app.db_url)
app.start()
"""

ENVIRONMENT = """
import os
from plughub.utils import url_path_join
# Environment-aware configuration
def get_config():
    \"\"\"Get configuration based on environment\"\"\"
    c = super().get_config()
    # Database URL from environment
    c.JupyterHub.db_url = os.environ.get(
        'JUPYTERHUB_DB_URL',
        'sqlite:///jupyterhub.sqlite'
    )
    # Base URL handling
    base_url = os.environ.get('JUPYTERHUB_BASE_URL', '/')
    c.JupyterHub.base_url = base_url
    # SSL in production
    if os.environ.get('JUPYTERHUB_ENV') == 'production':
        c.JupyterHub.ssl_key = os.environ['SSL_KEY_PATH']
        c.JupyterHub.ssl_cert = os.environ['SSL_CERT_PATH']
        c.JupyterHub.port = 443
    else:
        c.JupyterHub.port = 8000
    return c
"""

DYNAMIC = """
class DynamicConfig(Configurable):
    \"\"\"Configuration that can be updated at runtime\"\"\"
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.config_watchers = []
    def watch_config_changes(self, callback):
        \"\"\"Register callback for configuration changes\"\"\"
        self.config_watchers.append(callback)
    def update_config(self, **kwargs):
        \"\"\"Update configuration and notify watchers\"\"\"
        for key, value in kwargs.items():
            if hasattr(self, key):
                setattr(self, key, value)
        # Notify watchers
        for callback in self.config_watchers:
            callback(kwargs)
# Usage
config = DynamicConfig()
config.watch_config_changes(lambda changes: print(f"Config updated: {changes}"))
config.update_config(memory_limit='8G', image='new-image:latest')
"""


def run(text, **names):
    """Run an example in a namespace of its own, which is returned."""
    names["__name__"] = "example"
    exec(text, names)
    return names


@pytest.fixture
def choose(tmp_path, monkeypatch):
    """Load a config file as ``hub`` does, check all of it, and return the configuration and the plugins."""
    monkeypatch.chdir(tmp_path)

    def choose(text):
        (tmp_path / "jupyterhub_config.py").write_text(text)
        config = load_config(None, {})
        hub = JupyterHub(config=config)
        chooser = PluginChooser(hub, config, Store(Database("sqlite://")))
        selection = chooser.choose(hub.plugins)
        check_settings(config, hub, selection, chooser.installed)
        return config, hub, selection

    return choose


def test_a_config_file_with_trait_types(choose):
    config, hub, selection = choose(TRAITS)
    classes = {cls.__name__: cls for cls in selection.classes}
    assert (hub.base_url, selection.default_spawner) == ("/hub/", "localprocess")
    spawner = classes["LocalProcessSpawner"](config=config)
    assert (spawner.mem_limit, spawner.mem_guarantee) == (2147483648, 536870912)
    assert (spawner.cmd, spawner.shell_cmd) == (["jupyterhub-singleuser"], ["/bin/bash", "-l", "-c"])
    assert list(selection.authenticators) == ["pam"]


def test_urls_keep_the_at_sign_as_the_default_of_safe_says():
    names = run(URLS)
    assert names["server_url"] == "/hub/user/alice@example.com/my-server"
    assert names["api_url"] == "/hub/api/users/alice@example.com"
    assert names["url_escape_path"]("alice@example.com", safe="") == "alice%40example.com"
    assert "@" in inspect.signature(names["url_escape_path"]).parameters["safe"].default


@pytest.mark.parametrize("fails", [False, True])
async def test_retries(fails, capsys):
    chance = random.Random(3 if fails else 2)
    assert [chance.random() < 0.5 for _ in range(2)] == [fails, False]
    chance.seed(3 if fails else 2)
    names = {"random": chance}
    code = compile(RETRIES, "example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    await eval(code, names)

    async def answer():
        return "awaited"

    assert capsys.readouterr().out == "Operation succeeded: Success\n"
    assert await names["handle_result"]("plain") == "plain"  # type: ignore[operator]
    assert await names["handle_result"](answer()) == "awaited"  # type: ignore[operator]


def test_a_tls_context(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    more = ["-subj", "/CN=localhost", "-keyout", "private.key", "-out", "certificate.crt"]
    subprocess.run([*command, *more], check=True, capture_output=True)
    (tmp_path / "ca-bundle.crt").write_bytes((tmp_path / "certificate.crt").read_bytes())
    names = run(TLS, c=Config(), JupyterHub=JupyterHub)
    assert names["app"].ssl_context is names["ssl_context"]
    assert JupyterHub(config=names["c"]).ssl_cert == "certificate.crt"


async def test_a_spawner_with_settings_of_its_own(choose, capsys):
    config, _, selection = choose(f"from plughub.spawner import Spawner\n{SPAWNER}")
    assert selection.default_spawner == "CustomSpawner"
    [cls] = [cls for cls in selection.classes if cls.__name__ == "CustomSpawner"]
    with pytest.raises(NotImplementedError):  # the class it inherits from starts nothing
        await cls(config=config).start()
    assert capsys.readouterr().out == dedent("""\
        Memory limit: 4294967296 bytes
        Setup command: ['conda', 'activate', 'myenv']
        Image: myregistry/custom-notebook:latest
        """)


def test_an_unused_config_function_changes_nothing(choose):
    config, _, _ = choose(ENVIRONMENT)
    assert not config
    with pytest.raises(RuntimeError, match="super"):
        run(ENVIRONMENT)["get_config"]()


def test_a_configuration_that_changes_at_run_time(capsys):
    run("from traitlets.config import Configurable\n" + DYNAMIC)
    expected = "Config updated: {'memory_limit': '8G', 'image': 'new-image:latest'}\n"
    assert capsys.readouterr().out == expected


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="the example starts servers as system users")
def test_a_hub_started_from_python_accepts_the_token_of_a_script(tmp_path):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nexec {sys.executable} script.py\n")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    hub = HubProcess(tmp_path, python=str(python), config=TRAITS)
    ports = f"app.port, app.hub_port = {hub.port}, {hub.hub_port}"
    settings = f"app.load_config_file()\n{ports}\napp.log_level = 'WARNING'\n"
    (tmp_path / "script.py").write_text(
        "from plughub.app import JupyterHub\n"
        + STARTUP.replace("initialize_database(app", f"{settings}initialize_database(app")
    )
    with hub:
        assert hub.url == f"http://127.0.0.1:{hub.port}/hub/"
        assert " I plughub" not in hub.stderr
        with new_session_factory(f"sqlite:///{tmp_path}/jupyterhub.sqlite")() as db:
            db.add(User(name="alice"))
            names = run(TOKENS, db=db, User=User)
            call = ApiClient(hub.url, names["token"])
            answer = call("GET", "/user")
            assert (answer.status, answer.body["name"]) == (200, "alice")
            assert names["validate_api_token"](names["token"]) is names["user"]
            assert names["validate_api_token"]("unknown") is None
            db.delete(db.query(APIToken).one())
            db.commit()
            wait_for(lambda: call("GET", "/user").status == 403, 3)
            db.get_bind().dispose()
        assert hub.stop() == 0


def test_launching_from_python_is_the_command(tmp_path):
    code = "from plughub.app import JupyterHub; JupyterHub.launch_instance({})"
    command = [sys.executable, "-c"]
    shown = subprocess.run([*command, code.format("['--version']")], capture_output=True, text=True)
    assert (shown.returncode, shown.stdout.split()[0]) == (0, "plughub")
    wrong = subprocess.run([*command, code.format(""), "--nonsense"], capture_output=True, text=True)
    assert (wrong.returncode, "--nonsense" in wrong.stderr) == (2, True)


def test_attributes_of_the_application_override_its_file(tmp_path):
    file = tmp_path / "hub.py"
    file.write_text(
        "import logging\nc.JupyterHub.port = 9000\nc.JupyterHub.base_url = '/a'\nc.Spawner.cmd = ['x']\n"
        "c.JupyterHub.extra_log_handlers = [logging.NullHandler()]\n"
    )
    app = JupyterHub(plugins=["pam"])
    app.load_config_file(str(file))
    app.port = 8000  # its default
    config = app._whole_config()
    assert dict(config.JupyterHub, extra_log_handlers=None) == {
        "port": 8000,
        "base_url": "/a/",
        "plugins": ["pam"],
        "extra_log_handlers": None,
    }
    assert (config.Spawner.cmd, len(config.JupyterHub.extra_log_handlers)) == (["x"], 1)
