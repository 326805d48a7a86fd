"""Memory of a hub process, without and with the adapter for classes that were written for JupyterHub.

    .venv/bin/python bench/memory.py

Each hub runs alone, answers its login page once, and rests. The resident set (RSS) counts all pages of the
process, the proportional set (PSS) counts shared pages in proportion to the processes that share them.
"""

from __future__ import annotations

import tempfile
import urllib.request
from pathlib import Path

import psutil

from plughub.testing.hub import HubProcess

GITHUB = """
c.JupyterHub.authenticator_class = "github"
c.GitHubOAuthenticator.client_id = "any"
c.GitHubOAuthenticator.allow_all = True
"""
SPAWNERS = """
from dockerspawner import DockerSpawner
from kubespawner import KubeSpawner
"""
CASES = {
    "without the adapter": ("dummy,simple,haproxy", ""),
    "with the adapter": ("jupyterhub,dummy,simple,haproxy", ""),
    "with oauthenticator": ("jupyterhub,simple,haproxy", GITHUB),
    "with oauthenticator, and the classes of dockerspawner and kubespawner": (
        "jupyterhub,simple,haproxy",
        SPAWNERS + GITHUB,
    ),
}
"""Plugins and config file of each hub."""


def main() -> None:
    """Measure each hub and print a line of a table."""
    print("| one hub process, MB | RSS | PSS |\n|---|---|---|")
    for title, (plugins, config) in CASES.items():
        with (
            tempfile.TemporaryDirectory() as folder,
            HubProcess(Path(folder), "--plugins", plugins, config=config) as hub,
        ):
            assert hub.process is not None
            urllib.request.urlopen(f"{hub.url}hub/login").close()
            memory = psutil.Process(hub.process.pid).memory_full_info()
            print(f"| {title} | {memory.rss / 1e6:.0f} | {memory.pss / 1e6:.0f} |")


if __name__ == "__main__":
    main()
