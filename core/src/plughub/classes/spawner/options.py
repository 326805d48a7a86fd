"""Application of user options and group overrides to the settings of a spawner."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

from traitlets import TraitError
from traitlets.utils.importstring import import_item

from plughub.classes.spawner.overrides import override_setting
from plughub.classes.user_code import accepts, call
from plughub.kinds import SpawnFailed

if TYPE_CHECKING:
    from plughub.classes.spawner.spawner import Spawner

FormData = Mapping[str, Sequence[Any]]


def pass_through(form: FormData) -> dict[str, Any]:
    """Return the form unchanged: lists by field.

    Args:
        form: lists of strings by field.
    """
    return dict(form)


def simplify(form: FormData) -> dict[str, Any]:
    """Replace lists of one element by the element; a checked box becomes True.

    Args:
        form: lists of strings by field.
    """
    return {name: _single(values) for name, values in form.items()}


def _single(values: Sequence[Any]) -> Any:
    if len(values) != 1:
        return values
    return True if values[0] == "on" else values[0]


def form_reader(value: Any) -> Any:
    """Return the function that ``Spawner.options_from_form`` names.

    Args:
        value: a callable, ``simple``, ``passthrough``, or the dotted name of a callable.

    Raises:
        TraitError: the value is anything else.
    """
    named = {"simple": simplify, "passthrough": pass_through, "": pass_through}
    if not isinstance(value, str):
        return value
    if value in named:
        return named[value]
    if "." not in value:
        raise TraitError(
            f"invalid Spawner.options_from_form {value!r}: use a function, its dotted name, 'simple' "
            "or 'passthrough'"
        )
    return import_item(value)


def reader_of(spawner: Spawner) -> Callable[[FormData], Any]:
    """Return the function that converts a form to options."""
    reader: Callable[..., Any] = spawner.options_from_form
    takes_spawner = "spawner" in inspect.signature(reader).parameters
    return partial(reader, spawner=spawner) if takes_spawner else reader


async def read_form(spawner: Spawner, form: FormData, *, linked: bool = False) -> dict[str, Any]:
    """Convert the data of the start page to options.

    Args:
        spawner: the spawner.
        form: lists of strings by field.
        linked: the data come from the query of a link.
    """
    reader = spawner.options_from_query if linked else reader_of(spawner)
    return dict(await call(spawner.plugin, reader, form) or {})


async def apply_group_overrides(spawner: Spawner) -> None:
    """Apply the settings for the user's groups to a spawner that is about to start."""
    overrides = spawner.group_overrides
    if callable(overrides):
        overrides = await call(spawner.plugin, overrides, spawner)
    groups = {str(group) for group in spawner.user.groups}
    for key in sorted(overrides or {}):
        if groups & set(overrides[key]["groups"]):
            settings = overrides[key]["spawner_override"]
            spawner.log.info("group override %r changes %s", key, ", ".join(settings))
            for name, value in settings.items():
                override_setting(spawner, name, value(spawner) if callable(value) else value)


async def apply_user_options(spawner: Spawner, *, loads: bool = True) -> None:
    """Apply the user's options as ``apply_user_options`` and ``load_user_options`` say.

    Args:
        spawner: about to start.
        loads: whether its class has a ``load_user_options`` of its own, which is called in a thread.

    Raises:
        SpawnFailed: the options are invalid.
    """
    apply = spawner.apply_user_options
    with _as_invalid_options(ValueError, TypeError, TraitError):
        if isinstance(apply, Mapping):
            own = spawner.own_options
            _apply_by_name(
                spawner,
                apply,
                {name: one for name, one in spawner.user_options.items() if name in own or name in apply},
            )
        elif apply is not None:
            await call(spawner.plugin, apply, spawner, dict(spawner.user_options))
    options = dict(spawner.user_options)
    if not loads or not accepts(spawner.load_user_options, options):
        return  # a method of KubeSpawner, which calls it in its ``start``
    # An option that names something unknown ends in a KeyError, or in the StopIteration of a search, which
    # the thread reports as RuntimeError.
    with _as_invalid_options(ValueError, TypeError, TraitError, LookupError, RuntimeError):
        await call(spawner.plugin, spawner.load_user_options, options)


@contextmanager
def refusing_options(spawner: Spawner) -> Iterator[None]:
    """Treat a ValueError that ``start`` of the spawner's class raises as its refusal of the user's options.

    One that comes from a library, or without options, is a failure like any other: its text may name paths
    and settings.

    Raises:
        SpawnFailed: the options are invalid.
    """
    try:
        yield
    except ValueError as error:
        if not spawner.user_options or not _raised_by_class(spawner, error):
            raise
        with _as_invalid_options(ValueError):
            raise


def _raised_by_class(spawner: Spawner, error: BaseException) -> bool:
    """Return whether code in the files of the spawner's classes, without the base class, raised an error."""
    if type(error) is not ValueError:
        return False
    *_, (frame, _) = walk_tb(error.__traceback__)
    classes = (cls for cls in type(spawner).__mro__ if not cls.__module__.startswith("plughub."))
    functions = (inspect.unwrap(one) for cls in classes for one in vars(cls).values() if callable(one))
    return any(getattr(function, "__globals__", None) is frame.f_globals for function in functions)


@contextmanager
def _as_invalid_options(*kinds: type[Exception]) -> Iterator[None]:
    try:
        yield
    except kinds as error:
        # The text of a ValueError is meant for the user; that of other errors is not.
        reason = f": {error}" if type(error) is ValueError else ""
        detail = "" if reason else f"{type(error).__name__}: {error}"
        message = f"the options are not valid{reason}"
        raise SpawnFailed(message, detail=detail, status=400, retry=False) from error


def _apply_by_name(spawner: Spawner, names: Mapping[str, str], options: Mapping[str, Any]) -> None:
    for option, value in options.items():
        name = names.get(option)
        if name is None:
            spawner.log.warning("option %r has no effect: it is not in Spawner.apply_user_options", option)
        elif not hasattr(spawner, name):
            raise TypeError(f"Spawner.apply_user_options maps {option!r} to {name!r}, which is not a setting")
        else:
            setattr(spawner, name, _converted(spawner, name, value))


def _converted(spawner: Spawner, name: str, value: Any) -> Any:
    """Convert a string to the type of a setting; forms contain only strings."""
    trait = spawner.traits().get(name)
    if trait is None or not isinstance(value, str):
        return value
    try:
        return trait._validate(spawner, value)  # noqa: SLF001 - traitlets has no public method for this
    except TraitError:
        return trait.from_string(value)
