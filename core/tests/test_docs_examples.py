"""What the pages show as configuration, command or call of the API is accepted by this version."""

import argparse
import ast
import json
import re
import shlex
from pathlib import Path

import pytest

from plughub.app.config import JupyterHub
from plughub.app.config_files import load_config
from plughub.app.event_log import EventLog
from plughub.app.named_plugins import plugin_names
from plughub.app.observability import PeriodicMetricsCollector
from plughub.app.plugins import PluginChooser
from plughub.app.unread_settings import check_settings
from plughub.cli import main as command
from plughub.cli.commands import BUILTIN_COMMANDS
from plughub.cli.settings import split_settings
from plughub.storage.database import Database
from plughub.storage.store import Store
from plughub.testing.documents import commands_of
from plughub.web.api.calls import pattern_of
from plughub.web.api_routes import CALLS

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(?:sudo )?(?:\S*/)?hub ((?:[^\n]*\\\n)*[^\n]*)$", re.MULTILINE)
CURL = re.compile(r"^(curl (?:[^\n]*\n)*?[^\n]*/hub/api/\S+)", re.MULTILINE)
PAGES = sorted([*DOCS.glob("*.md"), *(DOCS / "administration").glob("*.md")])
FILES = {"/var/log/plughub/": ""}  # opened when the file is read
PLUGINS = {"DockerSpawner": "docker", "SwarmSpawner": "swarm", "LocalProcessSpawner": "localprocess"}
ELSEWHERE = {
    "moving.md",  # its classes for JupyterHub are tried by a hub of their own: test_moving.py
    "plugins.md",  # its plugins are installed by test_docs.py
}
SETTING = re.compile(r"^c\.\w+\.\w+", re.MULTILINE)


def configurations():
    """Return the blocks that set something in a config file, with the plugins that they need."""
    for page in [*PAGES, *sorted((DOCS / "how-to").glob("*.md"))]:
        texts = [text for language, text in BLOCK.findall(page.read_text()) if language == "python"]
        for number, text in enumerate(texts):
            if SETTING.search(text) and page.name not in ELSEWHERE:
                yield pytest.param(text, id=f"{page.name}-{number}")


def needed(text):
    found = [plugin for cls, plugin in PLUGINS.items() if re.search(rf"\b{cls}\b", text)]
    return [*(found or ["simple"]), "dummy", "haproxy"]


@pytest.mark.parametrize("text", [*configurations()])
def test_a_hub_accepts_the_configuration(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for old, new in FILES.items():
        text = text.replace(old, new)
    head = "" if "JupyterHub.plugins" in text else f"c.JupyterHub.plugins = {needed(text)!r}\n"
    (tmp_path / "jupyterhub_config.py").write_text(head + text)
    config = load_config(None, {})
    hub = JupyterHub(config=config)
    chooser = PluginChooser(hub, config, Store(Database("sqlite://")))
    selection = chooser.choose(plugin_names(None, hub))
    selection.classes += [PeriodicMetricsCollector, EventLog]  # as a start does
    assert set(hub.plugins) <= {*selection.active.names}
    try:
        check_settings(config, hub, selection, chooser.installed)
    finally:
        for handler in config.EventLog.handlers if "EventLog" in config else ():
            handler.close()


def commands():
    for page in [*PAGES, DOCS.parent / "README.md"]:
        for line in COMMAND.findall("\n".join(text for text, _ in commands_of(page))):
            if re.match(r"(-|[a-z]+(?:-db)?(?:\s+#|\s*$|\s+\w+\s*$))", line):
                yield pytest.param(line, id=f"{page.name}-{line.split('#')[0].strip()}")


@pytest.mark.parametrize("line", [*commands()])
def test_a_command_of_the_pages_has_arguments_that_exist(line):
    settings, rest = split_settings(shlex.split(line.replace("\\\n", " "), comments=True))
    assert command._command_of_plugin(rest) is None
    options = command._parser().parse_args(rest)
    assert isinstance(options, argparse.Namespace)
    for cls, names in settings.items():
        assert cls != "JupyterHub" or {*names} <= {*JupyterHub.class_trait_names(config=True)}


def test_the_pages_show_every_command():
    """A command that no page mentions cannot be found."""
    pages = " ".join(page.read_text() for page in DOCS.rglob("*.md"))
    for name in BUILTIN_COMMANDS:
        assert re.search(rf"\bhub (-\S+ \S+ )*{name}\b", pages), name


def calls():
    for page in PAGES:
        for text in CURL.findall("\n".join(text for text, _ in commands_of(page))):
            words = shlex.split(text.replace("\\\n", " "))
            yield pytest.param(words, id=f"{page.name}-{words[-1].partition('/hub/api')[2]}")


@pytest.mark.parametrize("words", [*calls()])
def test_a_call_of_the_pages_exists_with_its_query_and_body(words):
    method = words[words.index("-X") + 1] if "-X" in words else "GET"
    path, _, query = words[-1].partition("/hub/api")[2].partition("?")
    found = [
        call
        for call in CALLS
        if call.method == method and re.fullmatch(pattern_of(call.path).rstrip("?"), path)
    ]
    assert found, f"{method} {path}"
    assert any(
        {part.partition("=")[0] for part in query.split("&") if part} <= {*call.query} for call in found
    )
    if "-d" in words:
        body = json.loads(words[words.index("-d") + 1])
        assert any({*body} <= {*(call.body or ())} for call in found)


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_every_block_of_python_can_be_compiled(page):
    for language, text in BLOCK.findall(page.read_text()):
        if language == "python" and not re.match(r"(async )?def \w+\(.*\) -> .*$", text.strip()):
            ast.parse(text)
