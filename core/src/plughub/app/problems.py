"""Everything that is wrong with a configuration: a hub that does not start says all of it in one go."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterable, Iterator
from typing import Any, Final

from traitlets import HasTraits, TraitError
from traitlets.config import Config, Configurable
from traitlets.config.loader import DeferredConfig, LazyConfigValue

from plughub.app.config import JupyterHub
from plughub.app.config_files import bad_value, with_setting
from plughub.app.observability import Observing
from plughub.app.origins import read_origins
from plughub.app.plugins import BASES, PluginChooser, plugin_names
from plughub.app.service_settings import addresses, proxy_settings
from plughub.app.unread_settings import check_settings
from plughub.domain.errors import HubError, StartError
from plughub.domain.origins import Origins
from plughub.storage.database import Database, make_engine
from plughub.storage.store import Store

_ENDINGS: Final = tuple(base.__name__ for base in BASES.values())


class _Problems:
    """Collects problems, each once."""

    def __init__(self) -> None:
        self.found: dict[str, HubError] = {}

    def add(self, error: HubError) -> None:
        shown = with_setting(error)
        self.found.setdefault(shown.message, shown)

    @contextlib.contextmanager
    def collecting(self) -> Iterator[None]:
        try:
            yield
        except TraitError as error:
            self.add(bad_value(error))
        except HubError as error:
            self.add(error)


def with_all_problems(first: HubError, config: Config, given: str | None) -> HubError:
    """Look for what else is wrong with a configuration with which a hub did not start.

    Args:
        first: why it did not start.
        config: the configuration.
        given: plugins as typed after ``--plugins``.

    Returns:
        An error that lists all problems; the first when it is the only one.
    """
    problems = _Problems()
    problems.add(first)
    # Looking for more must never hide why the hub did not start.
    with contextlib.suppress(Exception):
        _look(problems, copy.deepcopy(config), given)
    if len(problems.found) == 1:
        return first
    lines = [
        f"  {line}"
        for error in problems.found.values()
        for line in (*error.message.splitlines(), *([f"  {error.hint}"] if error.hint else []))
    ]
    return StartError(f"the configuration has {len(problems.found)} problems:\n" + "\n".join(lines))


def _look(problems: _Problems, config: Config, given: str | None) -> None:
    _take_out_wrong_settings_of_hub(problems, config)
    hub = JupyterHub(config=config)
    with problems.collecting():
        read_origins(hub)
    with problems.collecting():
        proxy_settings(hub, addresses(hub), Origins())
    with problems.collecting():
        make_engine(hub.db_url, hub.db_kwargs)
    store = Store(Database("sqlite://"))  # never opened
    chooser = PluginChooser(hub, config, store)
    failed: set[str] = set()
    for step, kinds in chooser.steps(plugin_names(given, hub)):
        done = False
        with problems.collecting():
            step()
            done = True
        failed |= set() if done else kinds
    selection = chooser.loaded()
    Observing(config, hub, store).join(selection)
    _take_out_wrong_values(problems, config, selection.classes)
    refused = {_name_of(getattr(hub, f"{kind}_class")) for kind in failed}
    _forget_sections(config, selection.classes, failed, refused)
    with problems.collecting():
        check_settings(config, hub, selection, chooser.installed)


def _take_out_wrong_settings_of_hub(problems: _Problems, config: Config) -> None:
    """Find settings of the hub that it does not take, and go on without them."""
    section = config.get("JupyterHub", Config())
    for name in list(section):
        done = False
        with problems.collecting():
            JupyterHub(config=Config({"JupyterHub": Config({name: section[name]})}))
            done = True
        if not done:
            del section[name]


def _take_out_wrong_values(
    problems: _Problems, config: Config, classes: Iterable[type[Configurable]]
) -> None:
    """Find values of the wrong type in classes that are not built here, and go on without them."""
    for cls in classes:
        traits = cls.class_traits(config=True)
        for section in cls.section_names():
            values = config.get(section, Config())
            for name in [name for name in values if name in traits]:
                try:
                    _check_type(cls, traits[name], values[name])
                except TraitError as error:
                    problems.add(bad_value(error))
                    del values[name]


def _check_type(cls: type[Configurable], trait: Any, value: Any) -> None:
    if isinstance(value, DeferredConfig):
        value = value.get_value(trait)
    wanted = not isinstance(value, LazyConfigValue) and not (value is None and trait.allow_none)
    if wanted and hasattr(trait, "validate"):
        trait.validate(HasTraits.__new__(cls), value)


def _name_of(wanted: Any) -> str:
    return wanted.__name__ if isinstance(wanted, type) else str(wanted).rpartition(".")[2]


def _forget_sections(
    config: Config, classes: Iterable[type[Configurable]], failed: set[str], refused: set[str]
) -> None:
    """Take out what may be settings of a class that could not be loaded: nobody knows what it has."""
    known = {cls.__name__ for cls in classes} - set(_ENDINGS)
    endings = tuple(BASES[kind].__name__ for kind in failed)
    for section in list(config):
        if section in refused or (endings and section.endswith(endings) and section not in known):
            del config[section]
