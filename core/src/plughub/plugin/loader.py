"""Discovery of installed plugins, of which only the selected ones are imported."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

import plughub
from plughub.domain.errors import StartError
from plughub.markers import PROJECT
from plughub.plugin.import_advice import advice_on_import
from plughub.plugin.locations import location_of_error, with_location
from plughub.plugin.silent_calls import naming_silence

_DISTRIBUTIONS: Final = {
    "simple": "plughub-localprocess",
    "null": "plughub-dummy",
    "shared-password": "plughub-dummy",
    "swarm": "plughub-docker",
    "system-user": "plughub-docker",
}
"""Distributions of our own plugins that are not named after the plugin."""


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """Installed plugin, imported or not.

    Attributes:
        name: its name for ``--plugins``.
        distribution: name of the package.
        version: its version.
        module: target of the entry point.
        requires: required range of the core, such as ``<0.2,>=0.1``; empty for any.
        entry_point: entry point that loads it.
    """

    name: str
    distribution: str
    version: str
    module: str
    requires: str
    entry_point: metadata.EntryPoint

    @property
    def title(self) -> str:
        """Name, distribution and version, for messages."""
        return f"plugin {self.name!r} ({self.distribution} {self.version})"

    @property
    def package(self) -> str:
        """Top-level package that contains it."""
        return self.module.partition(":")[0].partition(".")[0]

    @property
    def too_old_or_new(self) -> str:
        """Reason why it is incompatible with this core; empty if it is compatible."""
        fits = not self.requires or Requirement(f"{PROJECT}{self.requires}").specifier.contains(
            plughub.__version__, prereleases=True
        )
        return "" if fits else f"it needs plughub {self.requires}, this is plughub {plughub.__version__}"

    def load(self) -> Any:
        """Import the plugin and return its module or object.

        Raises:
            StartError: it is incompatible with this core, or its import fails.
        """
        if self.too_old_or_new:
            raise StartError(
                f"{self.title} does not fit: {self.too_old_or_new}",
                hint=f"pip install --upgrade {self.distribution} plughub",
            )
        try:
            with naming_silence(f"the import of {self.title}"):
                return self.entry_point.load()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise self._explain(error) from error

    def _explain(self, error: BaseException) -> StartError:
        """Return the message on a failed import, with the line and what to do."""
        location = location_of_error(error, self.package)
        text = error.msg if isinstance(error, SyntaxError) and location else str(error)
        message = (
            f"{self.title} is broken: importing {self.module} failed with {type(error).__name__}: "
            + " ".join(text.split())
        )
        return StartError(
            with_location(message, location),
            hint=advice_on_import(
                error,
                location,
                distribution=self.distribution,
                package=self.package,
                about=self.entry_point.dist,
            ),
        )


def installed_plugins() -> dict[str, InstalledPlugin]:
    """List the installed plugins by name, without importing any.

    Raises:
        StartError: two distributions have plugins of the same name.
    """
    found: dict[str, list[InstalledPlugin]] = defaultdict(list)
    for entry_point in metadata.entry_points(group=PROJECT):
        plugin = _describe_entry_point(entry_point)
        if plugin not in found[plugin.name]:
            found[plugin.name].append(plugin)
    for name, plugins in found.items():
        if len({plugin.distribution for plugin in plugins}) > 1:
            owners = " and ".join(f"{plugin.distribution} {plugin.version}" for plugin in plugins)
            raise StartError(
                f"plugin name {name!r} is offered by {owners}",
                hint="uninstall one of them",
            )
    return {name: plugins[0] for name, plugins in sorted(found.items())}


def find_plugin(name: str, installed: dict[str, InstalledPlugin]) -> InstalledPlugin:
    """Return the installed plugin with a name, or from a distribution with that name.

    Raises:
        StartError: it is not installed.
    """
    if name in installed:
        return installed[name]
    by_distribution = [p for p in installed.values() if p.distribution == canonicalize_name(name)]
    if len(by_distribution) == 1:
        return by_distribution[0]
    raise StartError(f"plugin {name!r} is not installed", hint=_hint(name, list(installed)))


def distribution_of(name: str) -> str:
    """Return the name of the distribution to install for a plugin, or the likely one.

    Args:
        name: name of the plugin, or of the distribution.
    """
    likely = f"{PROJECT}-{canonicalize_name(name).removeprefix(f'{PROJECT}-')}"
    return _DISTRIBUTIONS.get(name, likely)


def _hint(name: str, installed: Sequence[str]) -> str:
    similar = difflib.get_close_matches(name, installed, n=1)
    is_other = similar and name not in _DISTRIBUTIONS
    offer = f"did you mean {similar[0]!r}? " if is_other else f"pip install {distribution_of(name)}; "
    return f"{offer}installed: {', '.join(installed) or 'none'}"


def _describe_entry_point(entry_point: metadata.EntryPoint) -> InstalledPlugin:
    return InstalledPlugin(
        name=entry_point.name,
        distribution=canonicalize_name(next(iter(_fields(entry_point, "Name")), "unknown")),
        version=next(iter(_fields(entry_point, "Version")), "unknown"),
        module=entry_point.value,
        requires=_core_range(_fields(entry_point, "Requires-Dist")),
        entry_point=entry_point,
    )


def _fields(entry_point: metadata.EntryPoint, name: str) -> Sequence[str]:
    about = entry_point.dist
    # An incompletely removed package may have an entry point but no metadata.
    if about is None or not (about.read_text("METADATA") or about.read_text("PKG-INFO")):
        return []
    return about.metadata.get_all(name) or []


def _core_range(requirements: Sequence[str]) -> str:
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if canonicalize_name(requirement.name) == PROJECT and applies:
            return str(requirement.specifier)
    return ""
