"""What a hub does not use is not loaded: it would cost each hub time and memory."""

import os
import subprocess
import sys

from plughub.testing.ports import free_port

SELDOM_USED = {
    "alembic",
    "mako",
    "pygments",
    "cryptography",
    "plughub.storage.upgrade",
    "plughub.classes.tls.issuer",
    "plughub.services.secrets.encryption",
}

FOREIGN = ("JUPYTERHUB_", "PLUGHUB_")
LIFE_OF_A_HUB = """
import asyncio, sys
from traitlets.config import Config
import plughub.cli.main
from plughub.app.hub import Hub

async def live(hub):
    await hub.start()
    print("running", *sys.modules)
    await hub.stop()

hub_port, port, api_port = map(int, sys.argv[1:])
config = Config({"JupyterHub": {"port": port, "hub_port": hub_port, "cleanup_proxy": True}})
asyncio.run(live(Hub(config, ["dummy", "localprocess", "haproxy"])))
"""


def test_a_hub_on_sqlite_without_certificates_and_secrets_runs_without_what_only_these_need(tmp_path):
    ports = [str(free_port()) for _ in range(3)]
    done = subprocess.run(
        [sys.executable, "-c", LIFE_OF_A_HUB, *ports],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    said, *modules = done.stdout.split()
    assert said == "running"
    assert SELDOM_USED & set(modules) == set()
