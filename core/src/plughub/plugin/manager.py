"""Active plugins in their order, validated before any hook is called."""

from __future__ import annotations

import difflib
import functools
import inspect
import itertools
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType, MappingProxyType, MethodType
from typing import Any, Final

import pluggy

from plughub import hookspecs
from plughub.contract import ATTRIBUTE, contract_problem
from plughub.deprecations import DEPRECATED
from plughub.domain.errors import StartError
from plughub.markers import PREFIX, PROJECT, TERMS_ATTRIBUTE, CallMode, HookTerms
from plughub.plugin.locations import location_of, with_location

log = logging.getLogger("plughub.plugins")
PART_SEPARATOR: Final = ":"

HOOKS: Final = MappingProxyType(
    {
        name: getattr(function, TERMS_ATTRIBUTE)
        for name, function in vars(hookspecs).items()
        if name.startswith(PREFIX)
    }
)
"""Call mode and limits of each hook by its name."""

SPAWNER: Final = ("hub_spawn", "hub_register_spawner")
AUTHENTICATOR: Final = ("hub_authenticate", "hub_login_method", "hub_register_authenticator")
PROXY: Final = ("hub_route_add", "hub_register_proxy")
KINDS: Final = MappingProxyType({"spawner": SPAWNER, "authenticator": AUTHENTICATOR, "proxy": PROXY})
"""Hooks by kind of backend; one of them makes a plugin a backend of the kind."""

ALSO: Final = MappingProxyType(
    {
        "hub_spawn": ("hub_poll", "hub_stop"),
        "hub_route_add": ("hub_route_delete", "hub_routes", "hub_proxy_start", "hub_proxy_stop"),
    }
)
"""Hooks that a backend with a certain hook must also implement; without them it could never be stopped."""

_ANY_NUMBER: Final = frozenset({inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD})
_NEARLY_SAME: Final = 0.9


class _PrefixedPluginManager(pluggy.PluginManager):
    """pluggy manager that reads no attributes but hooks, so that no property of a plugin is evaluated."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        if not name.startswith(PREFIX):
            return None
        return super().parse_hookimpl_opts(plugin, name)

    def parse_hookspec_opts(self, module_or_class: Any, name: str) -> pluggy.HookspecOpts | None:
        return _specification(module_or_class, name) if name.startswith(PREFIX) else None


@functools.cache
def _specification(module: Any, name: str) -> pluggy.HookspecOpts | None:
    """Return what pluggy has to know of a hook."""
    return pluggy.PluginManager(PROJECT).parse_hookspec_opts(module, name)


class ActivePlugins:
    """Active plugins.

    Hooks are called in the order in which the plugins were added. A plugin may consist of several parts, such
    as its module and the adapter of its spawner class; all parts have the plugin's name.
    """

    def __init__(self) -> None:
        self._manager = _PrefixedPluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._names: list[str] = []
        self._retired: set[tuple[str, str]] = set()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the plugins in the order in which they are called."""
        return tuple(self._names)

    def add(self, name: str, plugin: object) -> None:
        """Activate a plugin after all others.

        Args:
            name: its name for ``--plugins``.
            plugin: a module or an object with hook implementations.

        Raises:
            StartError: it violates the contract.
        """
        if name in self._names:
            raise StartError(f"plugin {name!r} is named twice")
        if PART_SEPARATOR in name:
            raise StartError(f"plugin name {name!r} contains {PART_SEPARATOR!r}")
        _check(name, plugin)
        self._register(name, name, plugin)
        self._names.append(name)
        if inert := why_inert(plugin):
            log.warning("plugin %r does nothing: %s", name, inert)

    def add_part(self, name: str, part: str, plugin: object) -> None:
        """Add a part to an active plugin.

        Args:
            name: the plugin.
            part: name of the part, such as ``spawner``.
            plugin: an object with hook implementations.

        Raises:
            StartError: the plugin is not active, or the part violates the contract.
        """
        if name not in self._names:
            raise StartError(f"plugin {name!r} is not active and cannot have the part {part!r}")
        _check(name, plugin)
        self._register(name, f"{name}{PART_SEPARATOR}{part}", plugin)

    def retire(self, name: str, kind: str) -> None:
        """Exclude a plugin from the backends of a kind; its other hooks stay active.

        Args:
            name: the plugin.
            kind: ``spawner``, ``authenticator`` or ``proxy``.
        """
        self._retired.add((name, kind))

    def implementations(self, hook: str) -> list[pluggy.HookImpl]:
        """Return the implementations of a hook in the order in which they are called."""
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
        rank = {name: number for number, name in enumerate(self._names)}
        return sorted(caller.get_hookimpls(), key=lambda impl: (_priority(impl), rank[owner_of(impl)]))

    def owners(self, kind: str) -> tuple[str, ...]:
        """Return the names of the backends of a kind, in order.

        Args:
            kind: ``spawner``, ``authenticator`` or ``proxy``.
        """
        found = {owner_of(impl) for hook in KINDS[kind] for impl in self.implementations(hook)}
        return tuple(name for name in self._names if name in found and (name, kind) not in self._retired)

    def _register(self, name: str, full_name: str, plugin: object) -> None:
        if self._manager.has_plugin(full_name):
            raise StartError(f"plugin {name!r} has two parts with the name {full_name!r}")
        if other := self._manager.get_name(plugin):
            raise StartError(f"plugins {name!r} and {other!r} are the same object")
        try:
            self._manager.register(plugin, full_name)
        except pluggy.PluginValidationError as error:
            raise StartError(f"plugin {name!r} violates the contract: {error}") from error


def owner_of(impl: pluggy.HookImpl) -> str:
    """Return the name of the plugin of an implementation."""
    return impl.plugin_name.partition(PART_SEPARATOR)[0]


def _priority(impl: pluggy.HookImpl) -> int:
    return -1 if impl.tryfirst else int(impl.trylast)


@dataclass(frozen=True, slots=True)
class ContractProblem:
    """Violation of the contract by a plugin.

    Attributes:
        text: what is wrong.
        location: ``file:line`` of the function, or the file of the module; empty if unknown.
    """

    text: str
    location: str

    def __str__(self) -> str:
        return with_location(self.text, self.location)


def problems_of(plugin: object) -> Iterator[ContractProblem]:
    """Yield how a plugin violates the contract: its version, hooks that do not exist, or wrong signatures.

    Args:
        plugin: a module or an object with hook implementations.
    """
    stated = (
        getattr(plugin, ATTRIBUTE, None) if inspect.ismodule(plugin) else vars(type(plugin)).get(ATTRIBUTE)
    )
    if problem := contract_problem(stated):
        holder = plugin if inspect.ismodule(plugin) else type(plugin)
        yield ContractProblem(problem, location_of(holder))
    implemented = dict(_prefixed(plugin))
    for hook, function in implemented.items():
        marks: pluggy.HookimplOpts | None = getattr(function, f"{PROJECT}_impl", None)
        problem = _problem_with(hook, function, marks) if hook in HOOKS else _misspelled(hook, marks)
        if problem:
            yield ContractProblem(problem, location_of(function))
    yield from _missing(implemented)
    yield from _unprefixed(plugin)


def why_inert(plugin: object) -> ContractProblem | None:
    """Return why the hub never calls a plugin; None if it calls a hook.

    Args:
        plugin: a module or an object, perhaps with hook implementations.
    """
    hooks = [hook for hook, _ in _prefixed(plugin) if hook in HOOKS]
    if not hooks:
        classes = [name for name, value in _own_classes(plugin) if any(_marked(value))]
        problem = "it has no hook, which is a function such as hub_event below @hookimpl"
        if classes:
            problem = (
                f"it has no hook; to use those of its class {classes[0]}, add a line "
                f"plugin = {classes[0]}(), and :plugin to the entry point"
            )
        return ContractProblem(problem, location_of(plugin if inspect.ismodule(plugin) else type(plugin)))
    backends = {hook for kind in KINDS.values() for hook in kind}
    if backends.isdisjoint(hooks) and all(HOOKS[hook].calling is CallMode.OWN for hook in hooks):
        problem = f"the hub calls {' and '.join(hooks)} of a spawner, authenticator or proxy only"
        return ContractProblem(
            f"{problem}, which it becomes by a hook such as {', '.join(sorted(backends))}",
            location_of(getattr(plugin, hooks[0])),
        )
    return None


def _own_classes(plugin: object) -> Iterator[tuple[str, type]]:
    if inspect.ismodule(plugin):
        for name, value in vars(plugin).items():
            if isinstance(value, type) and value.__module__ == plugin.__name__:
                yield name, value


def _marked(holder: object) -> Iterator[tuple[str, FunctionType, pluggy.HookimplOpts]]:
    """Yield the functions that are marked as hook implementations, without evaluating properties."""
    for name, value in getattr(holder, "__dict__", {}).items():
        function = getattr(value, "__func__", value)  # of a static method or class method
        marks = getattr(function, f"{PROJECT}_impl", None) if isinstance(function, FunctionType) else None
        if marks is not None and name == function.__name__:  # else it is an alias
            yield name, function, marks


def _unprefixed(plugin: object) -> Iterator[ContractProblem]:
    """Yield the marked functions that the hub never reads, because they are not named like hooks."""
    holders = (plugin,) if inspect.ismodule(plugin) else (plugin, *type(plugin).__mro__)
    for name, function, marks in itertools.chain.from_iterable(map(_marked, holders)):
        if name.startswith(PREFIX):
            continue
        similar = difflib.get_close_matches(PREFIX + name.lstrip("_"), HOOKS, n=1)
        meant = [marks["specname"]] if marks.get("specname") else similar
        problem = f"{name} is marked with @hookimpl, but is not named like a hook"
        hint = f"; did you mean {meant[0]}?" if meant else ""
        yield ContractProblem(problem + hint, location_of(function))


def _missing(implemented: Mapping[str, Callable[..., object]]) -> Iterator[ContractProblem]:
    for hook, needed in ALSO.items():
        if hook in implemented and (missing := [name for name in needed if name not in implemented]):
            problem = f"it implements {hook}, and must also implement {' and '.join(missing)}"
            yield ContractProblem(problem, location_of(implemented[hook]))


def _check(name: str, plugin: object) -> None:
    """Refuse a plugin that violates the contract; report the use of deprecated hooks and arguments."""
    for problem in problems_of(plugin):
        raise StartError(f"plugin {name!r} violates the contract: {problem}")
    for hook, function in _prefixed(plugin):
        if hook in HOOKS:
            for used in (
                hook,
                *(f"{hook}({argument})" for argument in _arguments_of(function)),
            ):
                if used in DEPRECATED:
                    warning = with_location(str(DEPRECATED[used]), location_of(function))
                    log.warning("plugin %r uses %s", name, warning)


def _misspelled(hook: str, marks: pluggy.HookimplOpts | None) -> str:
    similar = difflib.get_close_matches(hook, HOOKS, n=1)
    if marks is not None:
        return f"there is no hook {hook}" + (f"; did you mean {similar[0]}?" if similar else "")
    # A helper may have a similar name, but a misspelled check must not be ignored silently.
    if difflib.get_close_matches(hook, HOOKS, n=1, cutoff=_NEARLY_SAME):
        return f"there is no hook {hook}; if {similar[0]} is meant, mark it with @hookimpl, else rename it"
    return ""


def _problem_with(hook: str, function: Callable[..., object], marks: pluggy.HookimplOpts | None) -> str:
    if marks is None:
        return f"{hook} is not marked: write @hookimpl above it"
    if marks["wrapper"] or marks["hookwrapper"]:
        return f"{hook} is a wrapper, which this hub does not support"
    return _wrong_function_kind(hook, function) or _wrong_arguments(hook, function)


def _wrong_function_kind(hook: str, function: Callable[..., object]) -> str:
    terms: HookTerms = HOOKS[hook]
    is_awaited = inspect.iscoroutinefunction(function)
    if terms.calling is CallMode.REGISTER:
        return (
            f"{hook} is called once at start and not awaited: write def, not async def" if is_awaited else ""
        )
    if not inspect.iscoroutinefunction(getattr(hookspecs, hook)):
        return f"{hook} is an async generator: yield in it" if is_awaited else ""
    if inspect.isasyncgenfunction(function):
        return f"{hook} is awaited: return in it, do not yield"
    return ""


def _wrong_arguments(hook: str, function: Callable[..., object]) -> str:
    offered = _offered_to(hook)
    for name, parameter in _arguments_of(function).items():
        has_default = parameter.default is not parameter.empty
        if name in offered and (has_default or parameter.kind is parameter.KEYWORD_ONLY):
            return f"{hook} would never get {name!r}: remove its default and any * before it"
        if name not in offered and not has_default and parameter.kind not in _ANY_NUMBER:
            known = f"its arguments are {', '.join(offered)}" if offered else "it has no arguments"
            if similar := difflib.get_close_matches(name, offered, n=1):
                known = f"did you mean {similar[0]!r}? {known}"
            return f"{hook} has an unknown argument {name!r}; {known}"
    return ""


def _arguments_of(function: Callable[..., object]) -> Mapping[str, inspect.Parameter]:
    """Return the arguments of an implementation by name."""
    if not isinstance(function, MethodType):
        return inspect.signature(function).parameters
    return _arguments_of_method(function.__func__)


@functools.lru_cache(maxsize=256)
def _arguments_of_method(function: Callable[..., object]) -> Mapping[str, inspect.Parameter]:
    """Return the arguments of a method, which are the same for all objects of a class."""
    return inspect.signature(MethodType(function, object())).parameters


@functools.cache
def _offered_to(hook: str) -> Mapping[str, inspect.Parameter]:
    """Return the arguments of a hook by name."""
    return inspect.signature(getattr(hookspecs, hook)).parameters


def _prefixed(plugin: object) -> Iterator[tuple[str, Callable[..., object]]]:
    holder = plugin if inspect.ismodule(plugin) or isinstance(plugin, type) else type(plugin)
    own = vars(plugin) if holder is not plugin and hasattr(plugin, "__dict__") else {}
    for name in sorted({*dir(holder), *own}):
        if name.startswith(PREFIX) and inspect.isroutine(own.get(name) or getattr(holder, name)):
            yield name, getattr(plugin, name)
