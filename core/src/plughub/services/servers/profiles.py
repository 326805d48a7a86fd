"""Profiles that spawners offer: the users who may choose them, and the options that they take."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from plughub.domain.errors import ForbiddenError, InvalidError, PluginError
from plughub.domain.names import shorten
from plughub.domain.option_fields import UNLISTED, OptionError, OptionField, read_fields
from plughub.domain.words import _
from plughub.kinds import Profile, Server
from plughub.plugin.hooks import Hooks
from plughub.services.secrets.auth_states import AuthStates

PROFILE: Final = "profile"
"""Option, and field of the form, with the slug of the chosen profile."""
FORM_PREFIX: Final = "profile-option-"
"""Prefix of the form fields of a profile's options, as in KubeSpawner."""

NONE_FOR_USER: Final = _("There is no profile that you may use.")


@dataclass(frozen=True, slots=True)
class OfferedProfile:
    """Profile that a user may choose, with the fields of its options."""

    record: Profile
    fields: tuple[OptionField, ...]

    def form_name(self, field: OptionField) -> str:
        """Return the name of a field in the form of the start page, where each profile has its own fields."""
        return f"{FORM_PREFIX}{self.record.slug}--{field.name}"

    def read(self, form: Mapping[str, Sequence[Any]], *, linked: bool) -> dict[str, Any]:
        """Return the options of this profile from a submitted form or a link.

        Raises:
            OptionError: a value is invalid.
        """
        found: dict[str, Any] = {PROFILE: self.record.slug}
        for field in self.fields:
            name = field.name if linked else self.form_name(field)
            texts = list(form.get(name, ()))
            other = [text for text in form.get(f"{name}{UNLISTED}", ()) if text != ""]
            if field.unlisted and other and (linked or texts[-1:] == [UNLISTED]):
                texts = other
            elif texts[-1:] == [UNLISTED]:
                raise OptionError(field.name, _("%(field)s: enter a value", field=field.title))
            value = field.parse(texts, is_form=not linked)
            if value is not None:
                found[field.name] = value
        return found

    def check(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return options with checked values of this profile, and its defaults for missing ones.

        Raises:
            OptionError: a value is invalid or missing.
        """
        own: dict[str, Any] = {PROFILE: self.record.slug}
        for field in self.fields:
            value = options.get(field.name, options.get(f"{field.name}{UNLISTED}"))
            value = field.default if value is None else field.check(value)
            if value is not None:
                own[field.name] = value
            elif field.required:
                raise OptionError(field.name, _("%(field)s: enter a value", field=field.title))
        others = {f"{field.name}{UNLISTED}" for field in self.fields} | own.keys()
        return {**{name: one for name, one in options.items() if name not in others}, **own}


class Profiles:
    """Profiles of the spawners.

    Args:
        hooks: the hooks.
        auth_states: secrets of users, which a spawner may need to choose the profiles.
    """

    def __init__(self, hooks: Hooks, auth_states: AuthStates) -> None:
        self._hooks = hooks
        self._auth_states = auth_states

    async def of(self, backend: str, server: Server) -> tuple[OfferedProfile, ...]:
        """Return the profiles that the user of a server may choose.

        Args:
            backend: the spawner.
            server: the server, as plugins see it.

        Returns:
            The profiles; none if the spawner has none.

        Raises:
            ForbiddenError: all profiles are for members of groups in which the user is not.
            PluginError: the spawner failed, or returned an invalid profile.
        """
        if not self._hooks.offers_profiles(backend):
            return ()
        if server.user.auth_state is None:
            server = await self._auth_states.with_auth_state(server, server.user.id)
        groups = set(server.user.groups)
        found = await self._hooks.profiles(backend, server)
        if not all(isinstance(one, Profile) for one in found):
            raise PluginError(backend, "hub_profiles", "it must return a list of Profile")
        usable = [one for one in found if not one.groups or groups & set(one.groups)]
        if found and not usable:
            raise ForbiddenError(NONE_FOR_USER, hint=_("Ask your administrator to add you to a group."))
        return tuple(OfferedProfile(one, _fields(backend, one)) for one in usable)

    async def check(
        self, backend: str, view: Callable[[], Awaitable[Server]], options: Mapping[str, Any] | None
    ) -> tuple[Mapping[str, Any] | None, str]:
        """Check the options of a start against the profiles of its user.

        Args:
            backend: the spawner.
            view: returns the server with the options of its last start; called only if there are profiles.
            options: chosen options; None for those of the last start.

        Returns:
            The options to store, with the values of the profile, and the title of the profile. Unchanged,
            without a title, if the spawner offers none.

        Raises:
            ForbiddenError: there is no profile for the user.
            InvalidError: the user may not choose the profile, or one of its options is invalid.
        """
        if not self._hooks.offers_profiles(backend):
            return options, ""
        server = await view()
        offered = await self.of(backend, server)
        if not offered:
            return options, ""
        given = server.options if options is None else options
        profile = choose(offered, given.get(PROFILE))
        checked = profile.check(given)
        return (None if options is None and checked == given else checked), profile.record.title


def choose(offered: Sequence[OfferedProfile], slug: Any = None) -> OfferedProfile:
    """Return the profile with a slug, or the default one.

    Args:
        offered: profiles of the user; not empty.
        slug: the chosen slug; empty for the default profile.

    Raises:
        InvalidError: the user has no such profile.
    """
    if not slug:
        return next((one for one in offered if one.record.default), offered[0])
    found = next((one for one in offered if one.record.slug == slug), None)
    if found is None:
        known = ", ".join(one.record.slug for one in offered)
        raise InvalidError(
            _(
                "there is no profile %(slug)s for you; available: %(known)s",
                slug=shorten(str(slug)),
                known=known,
            )
        )
    return found


def without_profile(
    offered: Sequence[OfferedProfile], form: Mapping[str, Sequence[Any]], *, linked: bool
) -> dict[str, Sequence[Any]]:
    """Return the part of a form or link that does not belong to a profile."""
    if not linked:
        return {
            name: one for name, one in form.items() if name != PROFILE and not name.startswith(FORM_PREFIX)
        }
    fields = {field.name for one in offered for field in one.fields}
    own = {PROFILE, *fields, *(f"{name}{UNLISTED}" for name in fields)}
    return {name: one for name, one in form.items() if name not in own}


def _fields(backend: str, profile: Profile) -> tuple[OptionField, ...]:
    try:
        return read_fields(profile.options)
    except (TypeError, ValueError) as error:
        raise PluginError(backend, "hub_profiles", f"profile {profile.slug!r}: {error}") from error
