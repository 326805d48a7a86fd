"""Modules for unused features are not imported: each would cost time and memory in every hub."""

import os
import subprocess
import sys

from plughub.testing.ports import free_port
from plughub.testing.quick import starts

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


@starts
def test_a_hub_does_not_import_modules_for_features_that_it_does_not_use(tmp_path):
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
