"""What a user chose, and what her groups bring: how both reach the settings of a spawner."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from traitlets import TraitError
from traitlets.utils.importstring import import_item

from plughub.classes.user_code import call
from plughub.kinds import SpawnFailed

if TYPE_CHECKING:
    from plughub.classes.spawner.spawner import Spawner

FormData = Mapping[str, Sequence[Any]]


def pass_through(form: FormData) -> dict[str, Any]:
    """Take the form as it is: lists by field.

    Args:
        form: lists of texts by field.

    Returns:
        The same.
    """
    return dict(form)


def simplify(form: FormData) -> dict[str, Any]:
    """Take single values out of their lists; a ticked box becomes True.

    Args:
        form: lists of texts by field.

    Returns:
        The options.
    """
    return {name: _single(values) for name, values in form.items()}


def _single(values: Sequence[Any]) -> Any:
    if len(values) != 1:
        return values
    return True if values[0] == "on" else values[0]


def form_reader(value: Any) -> Any:
    """Find the function that ``Spawner.options_from_form`` names.

    Args:
        value: a callable, ``simple``, ``passthrough``, or the dotted name of a callable.

    Returns:
        The function.

    Raises:
        TraitError: there is no such function.
    """
    named = {"simple": simplify, "passthrough": pass_through, "": pass_through}
    if not isinstance(value, str):
        return value
    if value in named:
        return named[value]
    if "." not in value:
        raise TraitError(
            f"Spawner.options_from_form is {value!r}: give a callable, its dotted name, 'simple' "
            "or 'passthrough'"
        )
    return import_item(value)


def reader_of(spawner: Spawner) -> Callable[[FormData], Any]:
    """Return the function that turns a form into options."""
    reader: Callable[..., Any] = spawner.options_from_form
    takes_spawner = "spawner" in inspect.signature(reader).parameters
    return partial(reader, spawner=spawner) if takes_spawner else reader


async def read_form(spawner: Spawner, form: FormData, *, linked: bool = False) -> dict[str, Any]:
    """Turn what the start page sent into options.

    Args:
        spawner: the spawner.
        form: lists of texts by field.
        linked: they come from the query of a link.

    Returns:
        The options.
    """
    reader = spawner.options_from_query if linked else reader_of(spawner)
    return dict(await call(spawner.plugin, reader, form) or {})


async def apply_group_overrides(spawner: Spawner) -> None:
    """Change settings for a user who is in certain groups.

    Args:
        spawner: the spawner about to start.
    """
    overrides = spawner.group_overrides
    if callable(overrides):
        overrides = await call(spawner.plugin, overrides, spawner)
    groups = {str(group) for group in spawner.user.groups}
    for key in sorted(overrides or {}):
        if groups & set(overrides[key]["groups"]):
            settings = overrides[key]["spawner_override"]
            spawner.log.info("Group override %r changes %s", key, ", ".join(settings))
            for name, value in settings.items():
                _override(spawner, name, value(spawner) if callable(value) else value)


def _override(spawner: Spawner, name: str, value: Any) -> None:
    current = getattr(spawner, name)
    if isinstance(value, dict) and isinstance(current, dict):
        setattr(spawner, name, merged(current, value))
    else:
        setattr(spawner, name, value)


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two nested dictionaries; None takes a key away.

    Args:
        base: what was.
        changes: what is laid over it.

    Returns:
        A new dictionary.
    """
    result = dict(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


async def apply_user_options(spawner: Spawner) -> None:
    """Let the options that a user chose reach the settings that the administrator allows.

    Args:
        spawner: the spawner about to start.

    Raises:
        SpawnFailed: the options make no sense.
    """
    apply = spawner.apply_user_options
    options = dict(spawner.user_options)
    try:
        if isinstance(apply, Mapping):
            _apply_by_name(spawner, apply, options)
        elif apply is not None:
            await call(spawner.plugin, apply, spawner, options)
    except (ValueError, TypeError, TraitError) as error:
        told = f": {error}" if type(error) is ValueError else ""
        detail = "" if told else f"{type(error).__name__}: {error}"
        message = f"the options are not valid{told}"
        raise SpawnFailed(message, detail=detail, status=400, retry=False) from error


def _apply_by_name(spawner: Spawner, names: Mapping[str, str], options: Mapping[str, Any]) -> None:
    for option, value in options.items():
        name = names.get(option)
        if name is None:
            spawner.log.warning("Option %r is not in Spawner.apply_user_options and does nothing", option)
        elif not hasattr(spawner, name):
            raise TypeError(
                f"Spawner.apply_user_options leads {option!r} to {name!r}, which no setting is called"
            )
        else:
            setattr(spawner, name, _fitting(spawner, name, value))


def _fitting(spawner: Spawner, name: str, value: Any) -> Any:
    """Read a text as the kind of value that a setting takes; forms send texts only."""
    trait = spawner.traits().get(name)
    if trait is None or not isinstance(value, str):
        return value
    try:
        return trait._validate(spawner, value)  # noqa: SLF001 - traitlets has no public way to ask
    except TraitError:
        return trait.from_string(value)
