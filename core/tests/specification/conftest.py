"""Plans of hubs from config files: everything that a start reads and checks before anything runs."""

import logging

import pytest

from plughub.app.config_files import load_config
from plughub.app.hub_plan import make_plan
from plughub.app.plugins import plugin_names


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """Return a function that plans a hub with the text of a config file."""
    monkeypatch.chdir(tmp_path)
    made = []

    def plan(text, *plugins):
        (tmp_path / "jupyterhub_config.py").write_text(text)
        config = load_config(None, {})
        names = plugins or plugin_names("simple,dummy,haproxy", None)
        made.append(make_plan(config, list(names)))
        return made[-1]

    yield plan
    logging.getLogger("sqlalchemy.engine").setLevel(logging.NOTSET)
    for found in made:
        found.store.database.close()
