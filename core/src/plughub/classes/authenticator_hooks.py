"""What turns an authenticator written as a class into hooks."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from plughub.classes.authenticator import Authenticator
from plughub.classes.authenticator_model import form_data, model_of, refusal_of, updated, user_of
from plughub.classes.calling import call
from plughub.domain.names import shorten
from plughub.kinds import Identity, Login, LoginMethod, Rejected
from plughub.plugin.markers import hookimpl

log = logging.getLogger("plughub.authenticator")

_LOGIN_AGAIN: Final = "Your login is not valid any more. Log in again."
_BLOCKED: Final = "Your account is blocked here. Ask the administrator of this hub."


class AuthenticatorHooks:
    """The hooks of an authenticator class.

    Args:
        plugin: the plugin that offers the class.
        authenticator: an instance of it, with its settings.
        base_url: prefix of the hub.
    """

    def __init__(self, plugin: str, authenticator: Authenticator, base_url: str = "/hub/") -> None:
        self.plugin = plugin
        self.authenticator = authenticator
        self._base_url = base_url
        self._logs_in_elsewhere = type(authenticator).login_url is not Authenticator.login_url

    @hookimpl
    def hub_login_method(self) -> LoginMethod:
        """Describe the login page's part for this authenticator."""
        authenticator = self.authenticator
        url = authenticator.login_url(self._base_url) if self._logs_in_elsewhere else None
        return LoginMethod(
            label=authenticator.login_service,
            url=url and url.removeprefix(self._base_url.rstrip("/")),
            form=url is None,
            request_otp=authenticator.request_otp,
            otp_prompt=authenticator.otp_prompt,
            html=authenticator.get_custom_html(self._base_url),
            auto=authenticator.auto_login,
        )

    @hookimpl
    async def hub_authenticate(self, login: Login) -> Identity | Rejected | None:
        """Authenticate; the name is normalised as the class wants it."""
        if self._logs_in_elsewhere and login.password:
            return None  # what the form sent is not for this authenticator
        return await self._or_rejected(self._authenticate, login)

    @hookimpl
    async def hub_complete_login(self, identity: Identity) -> Identity | Rejected | None:
        """Decide about admin, run post_auth_hook and add_user."""
        return await self._or_rejected(self._complete, identity)

    @hookimpl
    async def hub_refresh_user(self, identity: Identity) -> Identity | Rejected | None:
        """Look again, at the block-list too."""
        return await self._or_rejected(self._refresh, identity)

    async def _authenticate(self, login: Login) -> Identity | None:
        answer = await self._call(self.authenticator.authenticate, None, form_data(login))
        if not answer:
            return None
        model = self._checked(answer if isinstance(answer, Mapping) else {"name": answer})
        name = await self._call(self.authenticator.normalize_username, model["name"])
        if not self.authenticator.validate_username(name):
            log.warning("plugin %r: %s cannot be the name of a user", self.plugin, shorten(name))
            return None
        return updated(Identity(name=name, plugin=self.plugin), model)

    async def _complete(self, identity: Identity) -> Identity:
        authenticator = self.authenticator
        model = model_of(identity)
        if model["admin"] is None:
            model["admin"] = await self._call(authenticator.is_admin, None, model)
        model = self._checked(await authenticator.run_post_auth_hook(None, model))
        done = updated(identity, model)
        await self._call(authenticator.add_user, user_of(done))
        return done if authenticator.enable_auth_state else replace(done, auth_state=None)

    async def _refresh(self, identity: Identity) -> Identity | Rejected | None:
        authenticator = self.authenticator
        model = model_of(identity)
        if not await self._call(authenticator.check_blocked_users, identity.name, model):
            return Rejected(_BLOCKED)
        answer = await self._call(authenticator.refresh_user, user_of(identity), None)
        if answer is True:
            return None
        if not isinstance(answer, Mapping):
            return Rejected(_LOGIN_AGAIN)
        done = updated(identity, self._checked({**answer, "name": identity.name}))
        return done if authenticator.enable_auth_state else replace(done, auth_state=None)

    def _checked(self, model: Mapping[str, Any]) -> dict[str, Any]:
        """Refuse an auth model that makes no sense, and drop groups that are not wanted."""
        kind = type(self.authenticator).__name__
        if not isinstance(model.get("name"), str):
            raise TypeError(f"the answer of {kind} has no username: give a text, or a dict with 'name'")
        known = dict(model)
        if known.get("groups") is not None and not self.authenticator.manage_groups:
            known.pop("groups")
            log.debug("%s names groups, which are left out: manage_groups is not set", kind)
        return known

    async def _call(self, function: Callable[..., Any], *args: object) -> Any:
        return await call(self.plugin, function, *args)

    async def _or_rejected(
        self, step: Callable[[Any], Awaitable[Identity | Rejected | None]], subject: Login | Identity
    ) -> Identity | Rejected | None:
        try:
            return await step(subject)
        except Exception as error:
            reason = refusal_of(error)
            if reason is None:
                raise
            return Rejected(reason)
