"""Plans of hubs from config files: everything that a start reads and checks before anything runs."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from plughub.app.config import JupyterHub
from plughub.app.config_files import load_config
from plughub.app.hub_plan import HubPlan, make_plan
from plughub.app.named_plugins import plugin_names


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., HubPlan]]:
    """Return a function that plans a hub with the text of a config file."""
    monkeypatch.chdir(tmp_path)
    made: list[HubPlan] = []

    def plan(text: str, *plugins: str) -> HubPlan:
        (tmp_path / "jupyterhub_config.py").write_text(text)
        config = load_config(None, {})
        names = plugins or plugin_names("simple,dummy,haproxy", JupyterHub())
        made.append(make_plan(config, list(names)))
        return made[-1]

    yield plan
    logging.getLogger("sqlalchemy.engine").setLevel(logging.NOTSET)
    for found in made:
        found.store.database.close()
