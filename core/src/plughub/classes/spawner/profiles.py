"""Profiles of a spawner: reading ``Spawner.profiles``, and applying the chosen one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from traitlets import TraitError, TraitType

from plughub.classes.spawner.overrides import override_setting
from plughub.classes.traits import ByteSpecification
from plughub.classes.user_code import call
from plughub.domain.option_fields import UNLISTED, OptionError, OptionField, read_fields
from plughub.domain.words import _
from plughub.kinds import Profile, SpawnFailed

if TYPE_CHECKING:
    from plughub.classes.spawner.spawner import Spawner

PROFILE: Final = "profile"
"""Option that holds the slug of the chosen profile."""
SETTINGS: Final = frozenset(
    {
        *("image", "cmd", "args", "environment", "default_url", "notebook_dir"),
        *("cpu_limit", "cpu_guarantee", "mem_limit", "mem_guarantee"),
    }
)
"""Settings that a profile may name directly, without ``override``."""
FIXED: Final = frozenset(
    {
        *("poll_interval", "poll_jitter", "server_token_scopes", "oauth_client_allowed_scopes"),
        *("profiles", "options_form", "options_from_form", "group_overrides"),
        *("spawner_label", "spawner_description"),
    }
)
"""Settings that the hub reads once for each spawner, or before the profile is applied."""
OVERRIDES: Final = ("override", "kubespawner_override", "spawner_override")
_TEXTS: Final = frozenset({"display_name", "name", "slug", "description", "description_html", "icon"})
_KEYS: Final = _TEXTS | SETTINGS | {*OVERRIDES, "default", "groups", "form", "profile_options"}
_VALUE: Final = "{value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpawnerProfile:
    """Profile with the settings that it changes.

    Attributes:
        record: the profile as the hub shows it.
        override: values by setting.
        fields: options of the profile.
        choices: settings of each listed choice, by option and key.
        templates: settings of each option, in which ``{value}`` stands for its value.
    """

    record: Profile
    override: Mapping[str, Any]
    fields: tuple[OptionField, ...] = ()
    choices: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    templates: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def names(self) -> frozenset[str]:
        """Return the names of all settings that it may change."""
        return frozenset(name for part in self._parts() for name in part)

    def values(self, setting: str) -> list[Any]:
        """Return the values that it may give to a setting."""
        return [part[setting] for part in self._parts() if setting in part]

    def applied(self) -> frozenset[str]:
        """Return the options that change settings, and mean nothing else to the spawner."""
        of_choices = {name for name, by_key in self.choices.items() if any(by_key.values())}
        return frozenset(of_choices | set(self.templates))

    def _parts(self) -> list[Mapping[str, Any]]:
        of_choices = (one for by_key in self.choices.values() for one in by_key.values())
        return [self.override, *of_choices, *self.templates.values()]

    def settings(self, options: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Return the settings to change, in this order.

        Args:
            options: options of the user.

        Raises:
            OptionError: a value is invalid.
        """
        found = [self.override]
        for one in self.fields:
            value = options.get(one.name, options.get(f"{one.name}{UNLISTED}"))
            value = one.default if value is None else one.check(value)
            listed = self.choices.get(one.name, {})
            if isinstance(value, str) and value in listed:
                found.append(listed[value])
            elif value is not None and (template := self.templates.get(one.name)):
                found.append(_filled(one, template, value))
        return found


def has_profiles(spawner_class: type[Spawner], config: Any) -> bool:
    """Return whether profiles are configured for a spawner class.

    A class that has an attribute, a method or a trait of its own under this name applies its profiles itself.

    Args:
        spawner_class: the class.
        config: the configuration; None for none.
    """
    own = next(vars(cls)["profiles"] for cls in spawner_class.__mro__ if "profiles" in vars(cls))
    if not isinstance(own, TraitType) or not own.metadata.get("offers_profiles"):
        return False
    sections = [cls.__name__ for cls in spawner_class.__mro__]
    generator = spawner_class._all_trait_default_generators.get("profiles")  # noqa: SLF001 - traitlets has no public name
    has_default = getattr(generator, "__self__", None) is not own
    return has_default or any("profiles" in (config or {}).get(name, {}) for name in sections)


async def profiles_of(spawner: Spawner) -> tuple[SpawnerProfile, ...]:
    """Return the profiles of a spawner for its user.

    Raises:
        ValueError: the setting is invalid.
    """
    given = spawner.profiles
    if callable(given):
        given = await call(spawner.plugin, given, spawner)
    return read_profiles(given or ())


def check_profiles(spawner: Spawner) -> None:
    """Check the setting when the hub starts, unless it is a function.

    Raises:
        ValueError: it is invalid, or changes a setting that the class does not have.
    """
    for profile in _listed_profiles(spawner):
        names, of_profile = profile.names(), f"profile {profile.record.slug!r} in Spawner.profiles sets"
        if missing := sorted(name for name in names if not hasattr(type(spawner), name)):
            raise ValueError(
                f"{of_profile} {', '.join(missing)}, which {type(spawner).__name__} does not have; set the "
                "profiles of each spawner class separately"
            )
        if fixed := sorted(names & FIXED):
            raise ValueError(f"{of_profile} {', '.join(fixed)}, which are the same for all starts")


def longest(spawner: Spawner, setting: str) -> float:
    """Return a time limit that suffices for all profiles, because the hub knows one for each spawner.

    Args:
        spawner: the spawner.
        setting: ``start_timeout`` or ``http_timeout``.
    """
    values = [one for profile in _listed_profiles(spawner) for one in profile.values(setting)]
    limits = [float(one) for one in values if isinstance(one, int | float)]
    return max([float(getattr(spawner, setting)), *limits])


def _listed_profiles(spawner: Spawner) -> tuple[SpawnerProfile, ...]:
    """Return the profiles of a spawner unless they depend on the user."""
    if not has_profiles(type(spawner), spawner.config) or callable(spawner.profiles):
        return ()
    return read_profiles(spawner.profiles or ())


async def apply_profile(spawner: Spawner) -> None:
    """Apply the profile that the user chose to a spawner that is about to start.

    Raises:
        SpawnFailed: the profile does not exist, is not for this user, or an option is invalid.
    """
    if not has_profiles(type(spawner), spawner.config):
        return
    groups = {str(group) for group in spawner.user.groups}
    found = await profiles_of(spawner)
    if not found:
        return
    usable = [one for one in found if not one.record.groups or groups & set(one.record.groups)]
    profile = _chosen(usable, spawner.user_options.get(PROFILE))
    try:
        changes = profile.settings(spawner.user_options)
    except OptionError as error:
        message = _("the options are not valid: %(reason)s", reason=error.message)
        raise SpawnFailed(message, status=400, retry=False) from error
    spawner.profile = profile.record.slug
    names = {one.name for one in profile.fields}
    spawner.profile_options = frozenset({PROFILE, *names, *(f"{name}{UNLISTED}" for name in names)})
    applied = {*profile.applied(), *(f"{name}{UNLISTED}" for name in profile.applied())}
    options = spawner.user_options
    spawner.user_options = {name: value for name, value in options.items() if name not in applied}
    spawner.log.info("profile %r of %s", spawner.profile, spawner.record.full_name)
    for settings in changes:
        for name, value in settings.items():
            override_setting(spawner, name, value(spawner) if callable(value) else value)


def _chosen(profiles: Sequence[SpawnerProfile], slug: Any) -> SpawnerProfile:
    if slug:
        for profile in profiles:
            if profile.record.slug == slug:
                return profile
        raise SpawnFailed(_("the chosen profile is not available any more"), status=400, retry=False)
    if not profiles:
        raise SpawnFailed(_("there is no profile for this user"), status=403, retry=False)
    return next((one for one in profiles if one.record.default), profiles[0])


def read_profiles(given: Any) -> tuple[SpawnerProfile, ...]:
    """Convert a list of profiles, in the shape of KubeSpawner's ``profile_list`` or with our own keys.

    Args:
        given: dictionaries.

    Raises:
        ValueError: one is invalid; the message names it.
    """
    found: list[SpawnerProfile] = []
    for number, one in enumerate(given):
        try:
            found.append(_read(one))
        except (TypeError, ValueError, KeyError, AttributeError, TraitError, re.error) as error:
            raise ValueError(f"Spawner.profiles[{number}]: {_text_of(error)}") from error
    slugs = [one.record.slug for one in found]
    if twice := sorted({slug for slug in slugs if slugs.count(slug) > 1}):
        raise ValueError(f"Spawner.profiles: two profiles have the slug {', '.join(twice)}; set their slug")
    return tuple(found)


def _read(given: Mapping[str, Any]) -> SpawnerProfile:
    if not isinstance(given, Mapping):
        raise TypeError(f"must be a dictionary, not {given!r}")
    if unknown := sorted(set(given) - _KEYS):
        raise ValueError(f"unknown keys: {', '.join(unknown)}; allowed: {', '.join(sorted(_KEYS))}")
    title = str(given.get("display_name") or given.get("name") or "")
    slug = str(given.get("slug") or _slug(title))
    if not title or not slug:
        raise ValueError("display_name is missing")
    override = {name: given[name] for name in sorted(SETTINGS & set(given))} | _override_of(given)
    schema, choices, templates = _options(given)
    record = Profile(
        slug=slug,
        title=title,
        description=str(given.get("description", "")),
        description_html=str(given.get("description_html", "")),
        icon=str(given.get("icon", "")),
        default=bool(given.get("default", False)),
        groups=tuple(str(group) for group in given.get("groups", ())),
        cpu_limit=_cores(override.get("cpu_limit")),
        memory_limit=_bytes(override.get("mem_limit")),
        options=schema,
    )
    return SpawnerProfile(
        record=record, override=override, fields=read_fields(schema), choices=choices, templates=templates
    )


def _options(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return the schema of a profile's options, the settings of its choices, and those of its values."""
    form = given.get("form", {})
    properties: dict[str, Any] = {}
    choices: dict[str, Any] = {}
    templates: dict[str, Any] = {}
    for name, option in given.get("profile_options", {}).items():
        properties[name] = _option_schema(name, option)
        choices[name] = {str(key): _override_of(one) for key, one in option.get("choices", {}).items()}
        templates[name] = _override_of(option.get("unlisted_choice", {}))
    for name, one in form.get("properties", {}).items():
        properties[name] = {key: value for key, value in one.items() if key not in OVERRIDES}
        templates[name] = _override_of(one)
    schema = {**form, "type": "object", "properties": properties} if properties else {}
    return schema, choices, {name: one for name, one in templates.items() if one}


def _option_schema(name: str, option: Mapping[str, Any]) -> dict[str, Any]:
    """Convert an option of KubeSpawner's ``profile_options`` to JSON Schema."""
    schema: dict[str, Any] = {"type": "string", "title": str(option.get("display_name", name))}
    if text := option.get("description"):
        schema["description"] = str(text)
    given = option.get("choices", {})
    listed = [{"const": str(key), "title": str(one.get("display_name", key))} for key, one in given.items()]
    chosen = next((str(key) for key, one in given.items() if one.get("default")), None)
    if listed:
        schema["default"] = chosen or listed[0]["const"]
    unlisted = option.get("unlisted_choice", {})
    if not unlisted.get("enabled"):
        return {**schema, "oneOf": listed}
    label = unlisted.get("display_name_in_choices") or unlisted.get("display_name") or "Other…"
    free = {
        "type": "string",
        "title": str(label),
        "pattern": str(unlisted.get("validation_regex", "")),
        "patternMessage": str(unlisted.get("validation_message", "")),
        "minLength": 1,
    }
    if not listed:
        return {**schema, **free, "title": str(unlisted.get("display_name") or schema["title"])}
    return {**schema, "anyOf": [{"oneOf": listed}, free]}


def _override_of(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for key in OVERRIDES for name, value in (given.get(key) or {}).items()}


def _filled(one: OptionField, template: Any, value: Any) -> Any:
    """Return a template with ``{value}`` replaced; a text that is nothing else becomes the value itself."""
    if isinstance(template, Mapping):
        return {key: _filled(one, item, value) for key, item in template.items()}
    if isinstance(template, list | tuple):
        return [_filled(one, item, value) for item in template]
    if template == _VALUE:
        return _without_braces(one, value)
    return (
        template.replace(_VALUE, str(_without_braces(one, value))) if isinstance(template, str) else template
    )


def _without_braces(one: OptionField, value: Any) -> Any:
    """Return a value that settings with placeholders such as ``{username}`` do not read as one."""
    if isinstance(value, str) and set(value) & set("{}"):
        raise OptionError(one.name, _("%(field)s: must not contain braces", field=one.title))
    return value


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _cores(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _bytes(value: Any) -> int | None:
    if value is None or callable(value):
        return None
    return ByteSpecification().validate(None, value)


def _text_of(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if isinstance(error, KeyError | AttributeError) else str(error)
