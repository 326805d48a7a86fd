"""A configured class replaces every active plugin from whose class it inherits."""

import sys
import types

import pytest
from traitlets.config import Config

from plughub.app.config import JupyterHub
from plughub.app.named_plugins import plugin_names
from plughub.app.plugins import PluginChooser
from plughub.auth import Authenticator
from plughub.domain.errors import StartError
from plughub.proxy import Proxy
from plughub.spawner import Spawner
from plughub.storage.database import Database
from plughub.storage.store import Store

BASES = {"spawner": Spawner, "authenticator": Authenticator, "proxy": Proxy}
SOURCE = """
from plughub import hookimpl
from plughub.{module} import {base}

class {name}({parent}):
    pass

@hookimpl
def hub_register_{kind}():
    return {name}

@hookimpl
def hub_authorize_spawn(server):
    return None
"""
MODULES = {"spawner": "spawner", "authenticator": "auth", "proxy": "proxy"}


@pytest.fixture
def offer(install):
    """Install a plugin with a class; return the class once the plugin is loaded."""

    def offer(kind, name, parent=None):
        base = BASES[kind].__name__
        known = parent and f'__import__("{parent.__module__}").{parent.__name__}'
        source = SOURCE.format(
            module=MODULES[kind], base=base, name=name.title(), parent=known or base, kind=kind
        )
        module = install(name, source)
        return getattr(__import__(module), name.title())

    return offer


@pytest.fixture
def three(offer):
    return {kind: offer(kind, f"some{kind}") for kind in BASES}


@pytest.fixture
def make_subclass(monkeypatch):
    """Create a class in a module of an administrator."""

    def make_subclass(*parents, name="Strict"):
        module = types.ModuleType("site_rules")
        cls = type(name, parents, {"__module__": "site_rules"})
        setattr(module, name, cls)
        monkeypatch.setitem(sys.modules, "site_rules", module)
        return cls

    return make_subclass


def choose(names, **settings):
    config = Config(JupyterHub=settings)
    hub = JupyterHub(config=config)
    return PluginChooser(hub, config, Store(Database("sqlite://"))).choose(plugin_names(names, hub))


NAMES = "somespawner,someauthenticator,someproxy"
REVERSED = "someproxy,someauthenticator,somespawner"


@pytest.mark.parametrize("kind", BASES)
@pytest.mark.parametrize("wanted", ["class", "dotted name"])
@pytest.mark.parametrize("way", ["command line", "reversed", "environment", "config file"])
def test_the_class_replaces_the_plugin_under_its_name(three, make_subclass, monkeypatch, kind, wanted, way):
    strict = make_subclass(three[kind])
    settings = {f"{kind}_class": strict if wanted == "class" else "site_rules.Strict"}
    names = {"command line": NAMES, "reversed": REVERSED}.get(way)
    if way == "environment":
        monkeypatch.setenv("PLUGHUB_PLUGINS", NAMES)
    elif way == "config file":
        settings["plugins"] = NAMES.split(",")
    selection = choose(names, **settings)
    assert selection.active.owners(kind) == (f"some{kind}",)
    assert strict in selection.classes
    assert three[kind] not in selection.classes
    assert "Strict" not in selection.active.names
    assert selection.replacements == {kind: (f"some{kind}", "Strict")}
    assert len(selection.active.implementations("hub_authorize_spawn")) == 3, "other hooks stay"
    if kind == "authenticator":
        assert type(selection.authenticators["someauthenticator"]) is strict


def test_a_successor_of_several_plugins_takes_the_first_place_only(three, offer, make_subclass, caplog):
    near = offer("authenticator", "near", three["authenticator"])
    strict = make_subclass(near)
    selection = choose(f"{NAMES},near", authenticator_class=strict)
    assert selection.active.owners("authenticator") == ("near",)
    assert {name: type(found) for name, found in selection.authenticators.items()} == {"near": strict}
    assert "replaces plugin 'someauthenticator'" in caplog.text


def test_the_class_of_an_unnamed_plugin_keeps_its_own_name(three, offer, make_subclass):
    """It would ask its own engine for the servers of the other one, and consider them stopped."""
    other = offer("spawner", "other", three["spawner"])
    selection = choose(NAMES, spawner_class=make_subclass(other))
    assert (selection.active.owners("spawner"), selection.default_spawner) == (("Strict",), "Strict")
    assert selection.replacements == {}


def test_a_plugin_that_only_the_class_setting_names_replaces_what_it_inherits_from(three, offer):
    offer("spawner", "other", three["spawner"])
    selection = choose(NAMES, spawner_class="other")
    assert (selection.active.owners("spawner"), selection.default_spawner) == (("other",), "other")


def test_named_plugins_all_stay_active(three, offer):
    offer("spawner", "other", three["spawner"])
    for names in (f"{NAMES},other", f"other,{NAMES}"):
        selection = choose(names, spawner_class="other")
        assert set(selection.active.owners("spawner")) == {"somespawner", "other"}
        assert selection.spawners[0] == "other"


def test_the_class_of_an_active_plugin_is_that_plugin(three):
    selection = choose(NAMES, spawner_class=three["spawner"])
    assert (selection.active.owners("spawner"), selection.default_spawner) == (
        ("somespawner",),
        "somespawner",
    )


@pytest.mark.parametrize("kind", BASES)
def test_two_successors_of_one_plugin_prevent_the_start_with_both_names(three, offer, make_subclass, kind):
    offer(kind, "rival", three[kind])
    with pytest.raises(StartError) as refused:
        choose(f"{NAMES},rival", **{f"{kind}_class": make_subclass(three[kind])})
    assert "Strict" in refused.value.message
    assert "'rival'" in refused.value.message
    assert refused.value.exit_code == 2


def test_a_plugin_that_inherits_from_the_class_may_stay_active(three, offer, make_subclass):
    strict = make_subclass(three["authenticator"])
    offer("authenticator", "stricter", strict)
    selection = choose(f"{NAMES},stricter", authenticator_class=strict)
    assert selection.active.owners("authenticator") == ("someauthenticator", "stricter")


def test_a_class_that_inherits_from_no_active_plugin_is_one_of_its_own(three, make_subclass):
    selection = choose(NAMES, authenticator_class=make_subclass(Authenticator))
    assert selection.active.owners("authenticator") == ("someauthenticator", "Strict")
