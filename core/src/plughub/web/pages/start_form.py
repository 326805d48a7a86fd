"""Form of the start page: the profiles of a spawner with their options, and the spawner's own form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from plughub.domain.option_fields import UNLISTED, OptionError, OptionField
from plughub.kinds import Profile
from plughub.services.servers.profiles import PROFILE, OfferedProfile, choose, without_profile
from plughub.web.pages.base import trusted

GIB: Final = 1024**3
MIB: Final = 1024**2
FEW: Final = 4
"""Choices up to this number are all visible; more are a list to open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartForm:
    """What a spawner asks users before a start.

    Attributes:
        html: form fields of the spawner; empty for none.
        profiles: profiles that the user may choose.
    """

    html: str = ""
    profiles: tuple[OfferedProfile, ...] = ()

    def __bool__(self) -> bool:
        """Return whether there is anything to choose."""
        return bool(self.html or len(self.profiles) > 1 or any(one.fields for one in self.profiles))

    def split(
        self, form: Mapping[str, Sequence[Any]], *, linked: bool
    ) -> tuple[dict[str, Any], dict[str, Sequence[Any]] | None]:
        """Return the options of the chosen profile, and the fields for the spawner; None if it has no form.

        Args:
            form: submitted fields, or the options of a link.
            linked: they are the options of a link.

        Raises:
            InvalidError: the user has no such profile, or a value is invalid.
        """
        if not self.profiles:
            return {}, dict(form)
        own = choose(self.profiles, _last(form, PROFILE)).read(form, linked=linked)
        rest = without_profile(self.profiles, form, linked=linked)
        return own, (rest if rest or self.html else None)

    def describe(self, form: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
        """Return the options of a link as names and texts for users.

        Raises:
            InvalidError: the user has no such profile, or a value is invalid.
        """
        if not self.profiles:
            return [(name, value) for name, values in form.items() for value in values]
        profile = choose(self.profiles, _last(form, PROFILE))
        options = profile.read(form, linked=True)
        shown: list[tuple[str, str]] = []
        for field in profile.fields:
            value = options.get(field.name, field.default)
            if value is not None:
                shown.append((field.title, field.describe(value)))
        rest = without_profile(self.profiles, form, linked=True)
        return shown + [(name, value) for name, values in rest.items() for value in values]

    def profile_card(self, form: Mapping[str, Sequence[str]]) -> dict[str, Any] | None:
        """Return the template variables of the profile that a link chooses; None if there are no profiles."""
        if not self.profiles:
            return None
        return _card_variables(choose(self.profiles, _last(form, PROFILE)).record)

    def cards(
        self,
        last: Mapping[str, Any],
        form: Mapping[str, Sequence[Any]],
        error: Exception | None = None,
    ) -> list[dict[str, Any]]:
        """Return the template variables of the profiles.

        Args:
            last: options of the last start, which the form suggests.
            form: what the user has submitted, which takes precedence.
            error: why it was refused.
        """
        if not self.profiles:
            return []
        known = {one.record.slug for one in self.profiles}
        wanted = next((slug for slug in (_last(form, PROFILE), last.get(PROFILE)) if slug in known), None)
        chosen = choose(self.profiles, wanted)
        default = choose(self.profiles)
        return [
            {
                "id": f"profile-{number}",
                **_card_variables(one.record),
                "is_default": one is default and len(self.profiles) > 1,
                "chosen": one is chosen,
                "fields": [
                    _field_variables(f"profile-{number}-{index}", one, field, last, form, error)
                    for index, field in enumerate(one.fields)
                ],
            }
            for number, one in enumerate(self.profiles)
        ]


def _card_variables(profile: Profile) -> dict[str, Any]:
    return {
        "slug": profile.slug,
        "title": profile.title,
        "description": profile.description,
        "description_html": trusted(profile.description_html),
        "icon": profile.icon,
        "cpu": _number(profile.cpu_limit),
        "memory": _size(profile.memory_limit),
    }


def _field_variables(
    key: str,
    profile: OfferedProfile,
    field: OptionField,
    last: Mapping[str, Any],
    form: Mapping[str, Sequence[Any]],
    error: Exception | None,
) -> dict[str, Any]:
    name = profile.form_name(field)
    is_submitted = _last(form, PROFILE) == profile.record.slug
    value = _submitted(field, form, name) if is_submitted else last.get(field.name, field.default)
    is_other = bool(field.unlisted) and value not in {None, "", *(c.value for c in field.choices)}
    values = value if isinstance(value, list) else [value]
    return {
        "id": key,
        "name": name,
        "title": field.title,
        "description": field.description,
        "kind": _kind(field),
        "option": field.name,
        "required": field.required and field.type != "boolean",
        "minimum": _number(field.minimum),
        "maximum": _number(field.maximum),
        "step": _number(field.step) or "any",
        "max_length": field.max_length,
        "value": "" if value is None else str(value),
        "checked": value is True,
        "choices": [
            {"value": str(c.value), "title": c.title, "chosen": not is_other and c.value in values}
            for c in field.choices
        ],
        "unlisted": field.unlisted,
        "is_other": is_other,
        "error": is_submitted and isinstance(error, OptionError) and error.field == field.name,
    }


def _submitted(field: OptionField, form: Mapping[str, Sequence[Any]], name: str) -> Any:
    """Return what the user has submitted for a field, valid or not."""
    texts = list(form.get(name, ()))
    if field.type == "boolean":
        return bool(texts)
    if texts[-1:] == [UNLISTED]:
        return _last(form, f"{name}{UNLISTED}")
    listed = {str(choice.value): choice.value for choice in field.choices}
    values = [listed.get(text, text) for text in texts]
    if field.type == "array":
        return values
    return values[-1] if values else None


def _kind(field: OptionField) -> str:
    """Return the control for a field."""
    if field.type == "array":
        return "checks"
    if field.choices:
        return "radios" if len(field.choices) <= FEW and not field.unlisted else "select"
    if field.type == "boolean":
        return "check"
    if field.type in {"integer", "number"}:
        return "number"
    return "long" if field.is_long else "text"


def as_form(
    profiles: Sequence[OfferedProfile], options: Mapping[str, Sequence[str]]
) -> dict[str, Sequence[str]]:
    """Return the options of a link under the names that the form of the chosen profile uses."""
    slug = _last(options, PROFILE)
    return dict(options) | dict(_renamed(profiles, slug, options))


def _renamed(
    profiles: Sequence[OfferedProfile], slug: Any, options: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, Sequence[str]]]:
    for profile in profiles:
        for field in profile.fields if profile.record.slug == slug else ():
            name = profile.form_name(field)
            texts = options.get(field.name, ())
            listed = {str(choice.value) for choice in field.choices}
            if field.unlisted and texts and texts[-1] not in listed:
                yield name, [UNLISTED]
                yield f"{name}{UNLISTED}", texts
            else:
                yield name, texts


def _last(form: Mapping[str, Sequence[Any]], name: str) -> Any:
    values = form.get(name) or [""]
    return values[-1]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _size(value: int | None) -> str:
    if not value:
        return ""
    return f"{value / GIB:.3g} GB" if value >= GIB else f"{value / MIB:.3g} MB"
