"""Adapter of an authenticator class to hooks."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from plughub.classes.authenticator.authenticator import Authenticator
from plughub.classes.authenticator.model import (
    login_name,
    managed_role,
    model_of,
    refusal_of,
    updated,
    user_of,
)
from plughub.classes.user_code import call
from plughub.domain.names import shorten
from plughub.kinds import (
    Identity,
    Login,
    LoginMethod,
    ManagedRole,
    Page,
    Refusal,
    Rejected,
    RequestInfo,
    UserInfo,
)
from plughub.markers import hookimpl

log = logging.getLogger("plughub.authenticator")

_LOGIN_AGAIN: Final = "Your login is not valid any more. Log in again."
_BLOCKED: Final = "Your account is blocked here. Ask the administrator of this hub."


class AuthenticatorHooks:
    """Hooks of an authenticator class.

    Args:
        plugin: name of the plugin to which the class belongs.
        authenticator: an instance of the class.
        base_url: prefix of the hub.
    """

    def __init__(self, plugin: str, authenticator: Authenticator, base_url: str = "/hub/") -> None:
        self.plugin = plugin
        self.authenticator = authenticator
        self._base_url = base_url
        self._logs_in_elsewhere = type(authenticator).login_url is not Authenticator.login_url
        self._has_own_pages = self._logs_in_elsewhere

    @hookimpl
    def hub_login_method(self) -> LoginMethod:
        """Describe this authenticator's part of the login page."""
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
            auto_oauth=authenticator.auto_login_oauth2_authorize,
        )

    @hookimpl
    def hub_register_pages(self) -> Sequence[Page]:
        """Return the pages of ``get_handlers``."""
        pages = [self._page(*entry) for entry in self.authenticator.get_handlers(None)]
        self._has_own_pages = self._logs_in_elsewhere or any(page.path == "/login" for page in pages)
        return pages

    @hookimpl
    async def hub_authenticate(self, login: Login, request: RequestInfo | None) -> Identity | Rejected | None:
        """Call ``authenticate``, and normalise the username."""
        if self._has_own_pages and not login.own_page:
            return None  # the class relies on the checks of its pages, so the hub's form must not reach it
        return await self._or_rejected(self._authenticate(login, self._handler(request)))

    @hookimpl
    async def hub_complete_login(
        self, identity: Identity, saved: Mapping[str, Any] | None, request: RequestInfo | None
    ) -> Identity | Rejected | None:
        """Call ``is_admin``, ``post_auth_hook`` and ``reconcile_auth_state_hook``."""
        return await self._or_rejected(self._complete(identity, saved, self._handler(request)))

    @hookimpl
    async def hub_refresh_user(
        self, identity: Identity, request: RequestInfo | None
    ) -> Identity | Rejected | None:
        """Check the block-list, and call ``refresh_user``."""
        return await self._or_rejected(self._refresh(identity, self._handler(request)))

    @hookimpl
    async def hub_managed_roles(self) -> Sequence[ManagedRole]:
        """Call ``load_managed_roles`` if ``manage_roles`` is set."""
        authenticator = self.authenticator
        if not authenticator.manage_roles:
            return ()
        return tuple(map(managed_role, await self._call(authenticator.load_managed_roles) or ()))

    @hookimpl
    async def hub_add_user(self, user: UserInfo) -> Refusal | None:
        """Call ``add_user``."""
        try:
            await self.authenticator.run_add_user(self.plugin, user_of(user))
        except Exception as error:
            reason = refusal_of(error) or (str(error) if isinstance(error, ValueError) else None)
            if reason is None:
                raise
            return Refusal(reason)
        return None

    @hookimpl
    async def hub_rename_user(self, user: UserInfo, name: str) -> None:
        """Call ``rename_user``."""
        await self._call(self.authenticator.rename_user, user_of(user), name)

    @hookimpl
    async def hub_delete_user(self, user: UserInfo) -> None:
        """Call ``delete_user``."""
        await self._call(self.authenticator.delete_user, user_of(user))

    def _page(self, path: str, handler: type, options: Mapping[str, Any] = MappingProxyType({})) -> Page:
        """Return a page whose handler knows the authenticator."""
        authenticator = getattr(handler, "authenticator", None) or self.authenticator
        facts = {"__module__": getattr(handler, "__module__", __name__), "authenticator": authenticator}
        owned = type(handler.__name__, (handler,), facts)
        return Page(path=f"/{path.lstrip('/')}", handler=owned, options=options)

    def _handler(self, request: RequestInfo | None) -> Any:
        return self.authenticator.request_handler(request, self._base_url)

    async def _authenticate(self, login: Login, handler: Any) -> Identity | None:
        authenticator = self.authenticator.of_login()
        data = authenticator.login_data(login)
        answer = await authenticator.run_authenticate(self.plugin, handler, data)
        if not answer:
            return None
        model = _checked(authenticator, answer if isinstance(answer, Mapping) else {"name": answer})
        name = await self._call(authenticator.normalize_username, model["name"])
        if not authenticator.validate_username(name):
            log.warning("plugin %r: %s is not a valid username", self.plugin, shorten(name))
            return None
        return updated(Identity(name=name, plugin=self.plugin), model)

    async def _complete(self, identity: Identity, saved: Mapping[str, Any] | None, handler: Any) -> Identity:
        authenticator = self.authenticator.of_login()
        model = model_of(identity)
        if model["admin"] is None:
            model["admin"] = await self._call(authenticator.is_admin, handler, model)
        model = _checked(authenticator, await authenticator.run_post_auth_hook(handler, model))
        if authenticator.manage_groups and model.get("groups") is None:
            log.warning(
                "manage_groups is set, but %s returned no groups for %s, whose groups remain unchanged",
                type(authenticator).__name__,
                shorten(identity.name),
            )
        return await self._reconciled(updated(identity, model), saved)

    async def _refresh(self, identity: Identity, handler: Any) -> Identity | Rejected | None:
        authenticator = self.authenticator
        model = model_of(identity)
        for known in dict.fromkeys((login_name(identity), identity.name)):
            if not await self._is_unblocked(known, model):
                return Rejected(_BLOCKED)
        answer = await self._call(authenticator.refresh_user, user_of(identity), handler)
        if answer is True:
            return None
        if not isinstance(answer, Mapping):
            return Rejected(_LOGIN_AGAIN)
        done = updated(identity, _checked(authenticator, {**answer, "name": identity.name}))
        return await self._reconciled(done, identity.auth_state)

    async def _is_unblocked(self, name: str, model: dict[str, Any]) -> bool:
        """Check the block-list of a user who logged in a while ago."""
        try:
            return bool(await self._call(self.authenticator.check_blocked_users, name, model))
        except Exception as error:
            # A rule may need the auth_state of the login, which is not saved.
            if model["auth_state"] is not None or refusal_of(error) is not None:
                raise
            return bool(Authenticator.check_blocked_users(self.authenticator, name, model))

    async def _reconciled(self, identity: Identity, saved: Mapping[str, Any] | None) -> Identity:
        """Return the identity with the auth_state to save."""
        authenticator = self.authenticator.of_login()
        if not authenticator.enable_auth_state:
            return replace(identity, auth_state=None)
        hook = authenticator.reconcile_auth_state_hook
        if hook is None:
            return identity
        before = None if saved is None else dict(saved)
        answer = await self._call(hook, authenticator, model_of(identity), before)
        if answer is not None and not isinstance(answer, Mapping):
            raise TypeError(
                f"{type(authenticator).__name__}.reconcile_auth_state_hook must return auth_state"
            )
        return replace(identity, auth_state=answer)

    async def _call(self, function: Callable[..., Any], *args: object) -> Any:
        return await call(self.plugin, function, *args)

    async def _or_rejected(self, step: Awaitable[Identity | Rejected | None]) -> Identity | Rejected | None:
        try:
            return await step
        except Exception as error:
            reason = refusal_of(error)
            if reason is None:
                raise
            return Rejected(reason)


def _checked(authenticator: Authenticator, model: Mapping[str, Any]) -> dict[str, Any]:
    """Validate an auth model, and remove groups and roles that are not managed."""
    kind = type(authenticator).__name__
    if not isinstance(model.get("name"), str):
        raise TypeError(f"{kind} returned no username: return a string, or a dict with 'name'")
    known = dict(model)
    if known.get("groups") is not None and not authenticator.manage_groups:
        known.pop("groups")
        log.debug("ignoring the groups that %s returned: manage_groups is not set", kind)
    if known.get("roles") is not None and not authenticator.manage_roles:
        known.pop("roles")
        log.debug("ignoring the roles that %s returned: manage_roles is not set", kind)
    return known
