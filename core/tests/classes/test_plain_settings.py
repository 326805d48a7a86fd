"""Settings of subclasses that are no traits, and traits that a subclass overrides."""

from typing import ClassVar

import pytest
from traitlets import Integer, TraitError, Unicode
from traitlets.config import Config
from traitlets.config.loader import DeferredConfigString

from plughub.auth import Authenticator
from plughub.classes.config_check import unknown_settings
from plughub.classes.plain_settings import PlainSettings, plain_attributes
from plughub.plugin.loader import installed_plugins
from plughub.proxy import Proxy
from plughub.spawner import Spawner


class Base(PlainSettings):
    limit = Integer(5).tag(config=True)
    reader = Unicode("base").tag(config=True)
    label: ClassVar[str] = "label"


class Mixin:
    shelf = "top"


class SiteSettings(Mixin, Base):
    limit: str = "1G"  # type: ignore[assignment]
    sizes = ("a",)
    rules = [1]  # noqa: RUF012
    _hidden = 1

    def reader(self):
        return f"own {super().reader}"

    def method(self):
        return 1

    @property
    def fact(self):
        return 2


def made(cls=SiteSettings, **settings):
    return cls(config=Config({cls.__name__: Config(settings)}))


def test_plain_attributes_are_set_on_the_instance_and_not_on_the_class():
    found = made(limit="2G", sizes=("b",), shelf="low")
    assert (found.limit, found.sizes, found.shelf) == ("2G", ("b",), "low")
    assert (SiteSettings.limit, SiteSettings().limit, made().shelf) == ("1G", "1G", "top")


def test_the_section_of_a_base_class_sets_them_too():
    assert SiteSettings(config=Config({"Base": {"limit": "3G"}})).limit == "3G"


def test_lists_are_extended_and_values_of_the_command_line_converted():
    config = Config()
    config.SiteSettings.rules.append(2)
    assert SiteSettings(config=config).rules == [1, 2]
    assert SiteSettings.rules == [1]

    class TypedSettings(Base):
        count = 1
        share = 1.5
        on = False

    given = {"count": "3", "share": "0.5", "on": "True"}
    found = made(TypedSettings, **{name: DeferredConfigString(text) for name, text in given.items()})
    assert (found.count, found.share, found.on) == (3, 0.5, True)


def test_a_trait_under_a_method_keeps_its_value_for_super():
    assert made().reader() == "own base"
    assert made(reader="file").reader() == "own file"
    assert (made().configured("reader"), made(reader="file").configured("reader")) == (None, "file")
    with pytest.raises(TraitError):
        made(reader=5)


@pytest.mark.parametrize("module", ["site", "builtins"], ids=["a module", "a config file"])
@pytest.mark.parametrize("base", [Spawner, Authenticator, Proxy])
def test_plain_settings_of_all_kinds_of_classes_are_known_and_typing_errors_are_found(base, module):
    cls = type("Mine", (base,), {"quota": "1G", "hidden": classmethod(print), "__module__": module})
    config = Config({"Mine": {"quota": "2G"}, base.__name__: {"quota": "2G"}})
    assert unknown_settings(config, [cls], {}).errors == []
    for wrong in ("qouta", "hidden", "label", "_trait_values", "start"):
        [problem] = unknown_settings(Config({"Mine": {wrong: 1}}), [cls], {}).errors
        assert problem.startswith(f"c.Mine.{wrong}: Mine has no such setting")
    [problem] = unknown_settings(Config({"Mine": {"qouta": 1}}), [cls], {}).errors
    assert "did you mean c.Mine.quota?" in problem


def test_no_class_of_a_plugin_has_plain_settings_by_accident():
    hooks = ("hub_register_spawner", "hub_register_authenticator", "hub_register_proxy")
    # The import hook of the plugin for JupyterHub would stay for the other tests of this process.
    installed = [plugin for name, plugin in installed_plugins().items() if name != "jupyterhub"]
    modules = [plugin.load() for plugin in installed]
    classes = [getattr(module, hook)() for module in modules for hook in hooks if hasattr(module, hook)]
    assert len(classes) > 5
    assert [cls for cls in [*classes, Spawner, Authenticator, Proxy] if plain_attributes(cls)] == []
