"""Memory of a hub process, without and with the adapter for classes that were written for JupyterHub.

Each hub runs alone, answers its login page once, and rests. The resident set (RSS) counts all pages of the
process, the proportional set (PSS) counts shared pages in proportion to the processes that share them.
"""

from __future__ import annotations

import tempfile
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

import psutil

from bench.rows import Measurement, Options, Part, Row, Value
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
    "without": ("without the adapter", "dummy,simple,haproxy", ""),
    "adapter": ("with the adapter", "jupyterhub,dummy,simple,haproxy", ""),
    "oauth": ("with oauthenticator", "jupyterhub,simple,haproxy", GITHUB),
    "spawners": (
        "with oauthenticator, and the classes of dockerspawner and kubespawner",
        "jupyterhub,simple,haproxy",
        SPAWNERS + GITHUB,
    ),
}
"""Title, plugins and config file of each hub."""


def memory(_: object, plugins: str, config: str) -> Sequence[Value]:
    """Start a hub and measure its memory."""
    with (
        tempfile.TemporaryDirectory() as folder,
        HubProcess(Path(folder), "--plugins", plugins, config=config) as hub,
    ):
        assert hub.process is not None
        urllib.request.urlopen(f"{hub.url}hub/login").close()
        found = psutil.Process(hub.process.pid).memory_full_info()
        return found.rss / 1e6, found.pss / 1e6


def measurements(_: Options) -> Sequence[Measurement]:
    """Return the measurements of memory."""
    return [
        Measurement(
            (
                Row(f"memory-{name}-rss", f"RSS {title}", "MB"),
                Row(f"memory-{name}-pss", f"PSS {title}", "MB"),
            ),
            partial(memory, plugins=plugins, config=config),
        )
        for name, (title, plugins, config) in CASES.items()
    ]


def subjects(_: Options) -> Mapping[str, AbstractContextManager[None]]:
    """Return a placeholder: each measurement starts its own hub."""
    return {"plughub": nullcontext()}


PART = Part("adapter", subjects, measurements, by_default=False)
