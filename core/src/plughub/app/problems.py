"""Collection of all problems of a configuration, so that a failed start reports them together."""

from __future__ import annotations

import contextlib
import copy
import logging
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final

from traitlets import HasTraits, TraitError
from traitlets.config import Config, Configurable
from traitlets.config.loader import DeferredConfig, LazyConfigValue

from plughub.app.config import JupyterHub
from plughub.app.config_files import bad_value, with_setting
from plughub.app.declarations import declared_of, scopes_of
from plughub.app.named_plugins import plugin_names
from plughub.app.observability import Observing
from plughub.app.old_names import apply_old_names
from plughub.app.plugin_configuration import check_plugins
from plughub.app.plugins import BASES, PluginChooser, PluginSelection
from plughub.app.setting_checks import Check, backend_checks, setting_checks
from plughub.app.unread_settings import check_settings
from plughub.domain.errors import MISTAKE, HubError, StartError, exit_code_of
from plughub.plugin.manager import ActivePlugins
from plughub.storage.database import Database
from plughub.storage.store import Store

_ENDINGS: Final = tuple(base.__name__ for base in BASES.values())


class _Problems:
    """Problems, each message once."""

    def __init__(self) -> None:
        self.by_message: dict[str, HubError] = {}

    def add(self, error: HubError) -> None:
        shown = with_setting(error)
        # A start also names the plugin whose class was created with the value.
        self.by_message.setdefault(shown.message.partition(" (plugin ")[0], shown)

    def as_error(self) -> HubError:
        """Return the problem itself if there is one only, else an error that lists all."""
        if len(self.by_message) == 1:
            return next(iter(self.by_message.values()))
        lines = [
            f"  {line}"
            for error in self.by_message.values()
            for line in (*error.message.splitlines(), *([f"  {error.hint}"] if error.hint else []))
        ]
        return StartError(f"the configuration has {len(self.by_message)} problems:\n" + "\n".join(lines))

    @contextlib.contextmanager
    def collecting(self) -> Iterator[None]:
        try:
            yield
        except TraitError as error:
            self.add(bad_value(error))
        except HubError as error:
            self.add(error)

    def collect_from(self, checks: Iterable[Check]) -> None:
        for check in checks:
            with self.collecting():
                check()


def with_all_problems(first: HubError, config: Config, given: str | None) -> HubError:
    """Return an error that lists all problems of a configuration with which the hub did not start.

    Returns ``first`` itself if it is the only problem.
    """
    problems = _Problems()
    problems.add(first)
    # A failure of this search must not hide why the hub did not start.
    with contextlib.suppress(Exception), _without_log():
        _check_everything(problems, copy.deepcopy(config), given)
    return first if len(problems.by_message) == 1 else problems.as_error()


def refuse_problems(config: Config, given: str | None) -> None:
    """Check a configuration, also for mistakes that a start ignores, such as types in classes of spawners.

    Args:
        config: the configuration.
        given: plugin names of the command line.

    Raises:
        StartError: lists all problems.
    """
    problems = _Problems()
    with _without_log():
        _check_everything(problems, copy.deepcopy(config), given)
    if problems.by_message:
        raise problems.as_error()


@contextlib.contextmanager
def _without_log() -> Iterator[None]:
    """Log nothing: what the search for problems logs, the start logs too."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


@contextlib.contextmanager
def reporting_all_problems(config: Config, given: str | None) -> Iterator[None]:
    """Replace the first mistake in a configuration by an error that lists all of them.

    Args:
        config: the configuration.
        given: plugin names of the command line.

    Yields:
        While the configuration is read.

    Raises:
        HubError: the configuration has mistakes, or the work failed for another reason.
    """
    try:
        yield
    except (TraitError, HubError) as error:
        first = bad_value(error) if isinstance(error, TraitError) else error
        shown = with_all_problems(first, config, given) if exit_code_of(first) == MISTAKE else first
        if shown is error:
            raise
        raise shown from first


def _check_everything(problems: _Problems, config: Config, given: str | None) -> None:
    _remove_invalid_hub_settings(problems, config)
    with problems.collecting():
        apply_old_names(config)
    hub = JupyterHub(config=config)
    problems.collect_from(setting_checks(hub, config))
    store = Store(Database("sqlite://"))  # required by the constructors, never opened
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
    _remove_invalid_values(problems, config, selection.classes)
    with problems.collecting():
        declared_of(hub, PluginSelection(ActivePlugins()), scopes_of(hub), hub.base_url)
    refused = {_name_of(getattr(hub, f"{kind}_class")) for kind in failed}
    _remove_unknown_sections(config, selection.classes, failed, refused)
    with problems.collecting():
        check_settings(config, hub, selection, chooser.installed)
    if not failed:
        with problems.collecting():
            built = chooser.build()
            problems.collect_from([*backend_checks(hub, config, built), partial(check_plugins, hub, built)])


def _remove_invalid_hub_settings(problems: _Problems, config: Config) -> None:
    """Report invalid settings of the hub, and remove them so that the check can continue."""
    section = config.get("JupyterHub", Config())
    for name in list(section):
        done = False
        with problems.collecting():
            JupyterHub(config=Config({"JupyterHub": Config({name: section[name]})}))
            done = True
        if not done:
            del section[name]


def _remove_invalid_values(
    problems: _Problems, config: Config, classes: Iterable[type[Configurable]]
) -> None:
    """Report values of the wrong type in classes that are not instantiated here, and remove them."""
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


def _remove_unknown_sections(
    config: Config, classes: Iterable[type[Configurable]], failed: set[str], refused: set[str]
) -> None:
    """Remove sections that may belong to a class that failed to load: its settings are unknown."""
    known = {cls.__name__ for cls in classes} - set(_ENDINGS)
    endings = tuple(BASES[kind].__name__ for kind in failed)
    for section in list(config):
        if section in refused or (endings and section.endswith(endings) and section not in known):
            del config[section]
