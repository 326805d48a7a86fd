"""Settings of subclasses that are no traits: plain class attributes, and traits that a subclass overrides."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from copy import deepcopy
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final

from traitlets import Any as AnyTrait
from traitlets import Bool, Dict, Float, Integer, List, TraitType, Unicode
from traitlets.config import Config, LoggingConfigurable
from traitlets.config.loader import DeferredConfig, LazyConfigValue

if TYPE_CHECKING:
    from plughub.classes.event_loop_thread import EventLoopThread

_BY_TYPE: Final = {bool: Bool, int: Integer, float: Float, str: Unicode, list: List, dict: Dict}


class PlainSettings(LoggingConfigurable):
    """Configurable whose subclasses may have plain class attributes as settings.

    ::

        class MySpawner(LocalProcessSpawner):
            quota: str = "1G"

        c.MySpawner.quota = "2G"

    A subclass may also replace a trait, by an attribute or by a method. ``super()`` then still finds the
    value of the trait.

    Attributes:
        own_event_loop: run the methods of the class on an event loop of its own, in a thread. Set it for a
            class whose ``async def`` methods block, or whose ``def`` methods need a running loop: requests
            to the hub then do not wait for it. Its ``def`` methods run on that loop instead of in threads.
        loop_thread: the thread with that loop; set by the hub.
    """

    own_event_loop: ClassVar[bool] = False
    loop_thread: EventLoopThread | None = AnyTrait(None, help="Thread with the event loop of the class.")  # type: ignore[assignment]

    @classmethod
    def setting_names(cls) -> frozenset[str]:
        """Return the names that a configuration may set: traits, plain attributes, and traits that methods
        override.
        """
        traits = cls.class_trait_names(config=True)
        return frozenset(traits) | plain_attributes(cls) | frozenset(_overridden_traits(cls))

    def configured(self, name: str) -> Any:
        """Return the value of a trait that a method overrides; None if it has none.

        Args:
            name: name of the trait and of the method.
        """
        return self._trait_values.get(name)

    def trait_defaults(self, *names: str, **metadata: Any) -> Any:
        """Return defaults of traits, even of one that a subclass overrides."""
        if len(names) == 1 and not self.has_trait(names[0]):
            for trait in _traits_named(type(self), names[0]):
                return trait.default(self)
        return super().trait_defaults(*names, **metadata)

    def traits(self, **metadata: Any) -> dict[str, TraitType[Any, Any]]:
        """Return the traits with some metadata, by name."""
        if metadata == {"config": True}:  # what traitlets asks for each new instance
            return dict(_configurable_traits(type(self)))
        return super().traits(**metadata)

    def _load_config(
        self,
        cfg: Config,
        section_names: list[str] | None = None,
        traits: dict[str, TraitType[Any, Any]] | None = None,
    ) -> None:
        super()._load_config(cfg, section_names, traits)
        overridden = _overridden_traits(type(self))
        if not overridden and not plain_attributes(type(self)):
            return
        for name, value in super()._find_my_config(cfg).items():
            if name in overridden:
                self._trait_values[name] = overridden[name]._validate(self, deepcopy(value))  # noqa: SLF001 - no public method validates
            elif name in plain_attributes(type(self)):
                setattr(self, name, _resolved(value, getattr(self, name)))

    def _find_my_config(self, cfg: Config) -> Any:
        """Return the configuration of the traits only: traitlets warns about everything else."""
        found = super()._find_my_config(cfg)
        for name in plain_attributes(type(self)) | set(_overridden_traits(type(self))):
            found.pop(name, None)
        return found


@functools.lru_cache(maxsize=256)
def plain_attributes(cls: type) -> frozenset[str]:
    """Return the public data attributes of a class that are no traits and are not annotated as ClassVar.

    Args:
        cls: any class; attributes of its base classes are included.
    """
    names: set[str] = set()
    for found in reversed(list(_own_classes(cls))):
        names -= set(vars(found))  # what a subclass replaces by a method or a trait is not plain any more
        names |= {name for name, value in vars(found).items() if _is_plain(name, value)}
    return frozenset(names - _class_variables(cls))


def _is_plain(name: str, value: Any) -> bool:
    return not (name.startswith("_") or callable(value) or hasattr(type(value), "__get__"))


def _class_variables(cls: type) -> set[str]:
    return {
        name
        for found in _own_classes(cls)
        for name, annotation in vars(found).get("__annotations__", {}).items()
        if "ClassVar" in str(annotation)
    }


def _own_classes(cls: type) -> Iterator[type]:
    # The module of a class in a config file is "builtins".
    return (
        found
        for found in cls.__mro__
        if found is not object and found.__module__.partition(".")[0] != "traitlets"
    )


@functools.lru_cache(maxsize=256)
def _overridden_traits(cls: type) -> Mapping[str, TraitType[Any, Any]]:
    """Return the configurable traits that a method of a subclass overrides."""
    found: dict[str, TraitType[Any, Any]] = {}
    for parent in cls.__mro__:
        for name, value in vars(parent).items():
            if isinstance(value, TraitType) and value.metadata.get("config") and name not in found:
                current = getattr(cls, name, None)
                if callable(current) and not isinstance(current, TraitType):
                    found[name] = value
    return MappingProxyType(found)


@functools.lru_cache(maxsize=256)
def _configurable_traits(cls: type[PlainSettings]) -> dict[str, TraitType[Any, Any]]:
    """Return the traits that a configuration may set, by name."""
    return cls.class_traits(config=True)


def _traits_named(cls: type, name: str) -> Iterator[TraitType[Any, Any]]:
    return (vars(parent)[name] for parent in cls.__mro__ if isinstance(vars(parent).get(name), TraitType))


def _resolved(value: Any, current: Any) -> Any:
    """Return the value of a setting that was written in a file or given on the command line."""
    if isinstance(value, LazyConfigValue):
        return value.get_value(deepcopy(current))
    if isinstance(value, DeferredConfig):
        return value.get_value(_BY_TYPE.get(type(current), Unicode)())
    return deepcopy(value)
