"""Base class of authenticators."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any, Protocol

from plughub.classes.authenticator.model import form_data
from plughub.classes.authenticator.request_handler import handler_of
from plughub.classes.authenticator.settings import AuthenticatorSettings
from plughub.classes.user_code import call
from plughub.domain import names
from plughub.domain.errors import InvalidError
from plughub.kinds import Login, RequestInfo

AuthModel = dict[str, Any]
"""Result of a login: ``name``; optionally ``admin``, ``auth_state``, ``groups``, ``roles``, ``user_info``."""


class NamedUser(Protocol):
    """User with a name, the only attribute that every caller provides."""

    @property
    def name(self) -> str:
        """Normalised username."""


class Authenticator(AuthenticatorSettings):
    """Authenticates users, and decides which of them may log in.

    Override `authenticate`; all other methods have defaults. A login calls, in this order: `authenticate`,
    `normalize_username`, `validate_username`, `check_blocked_users`, then `allow_all` or `check_allowed`,
    `is_admin`, `post_auth_hook`, `reconcile_auth_state_hook`, `add_user`. Other plugins may veto the login
    before `is_admin`. A method may be ``async def``, or a plain ``def``, which then runs in a thread.
    """

    # ------------------------------------------------------------------------------------- to override

    async def authenticate(self, handler: Any, data: dict[str, str]) -> AuthModel | str | None:
        """Authenticate a user.

        Args:
            handler: read-only copy of the request, with ``request`` (``headers``, ``remote_ip``,
                ``cookies``, ``arguments``, ``protocol``, ``host``, ``uri``, ``path``, ``method``),
                ``get_argument`` and the like, ``get_cookie``, ``hub.base_url`` and ``log``. It lacks the
                hub's cookies and the header ``Authorization``, and it cannot answer the request. None for
                a one-time login link.
            data: fields of the login form: ``username``, ``password``, ``otp`` and those that
                `get_custom_html` adds.

        Returns:
            The username, or a dictionary with the key ``name`` and any of ``admin``, ``auth_state``,
            ``groups``,
            ``roles``, ``user_info``; None if the login is invalid.

        Raises:
            plughub.domain.errors.ForbiddenError: the login is refused, with a reason that the user reads.
                ``tornado.web.HTTPError(403, reason)`` means the same.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement authenticate")

    def normalize_username(self, username: str) -> str:
        """Normalise a username and apply username_map.

        Args:
            username: result of `authenticate`.

        Returns:
            The name by which the hub knows the user.
        """
        name = names.normalize_username(username)
        mapped: str = self.username_map.get(name, name)
        return mapped

    def validate_username(self, username: str) -> bool:
        """Return whether a normalised name is a valid username.

        Args:
            username: the normalised name.
        """
        try:
            names.check_username(username, self.username_pattern)
        except InvalidError:
            return False
        return True

    def check_blocked_users(self, username: str, authentication: AuthModel | None = None) -> Any:  # noqa: ARG002 - for subclasses
        """Return whether a user is not blocked.

        Args:
            username: the normalised name.
            authentication: the auth model of this login.

        Returns:
            True if the user is not blocked. May be a coroutine.
        """
        return not self._is_among(username, self.blocked_users)

    def check_allowed(self, username: str, authentication: AuthModel | None = None) -> Any:
        """Return whether a user may log in.

        A subclass that adds a rule calls ``super().check_allowed`` with both arguments.

        Args:
            username: the normalised name.
            authentication: the auth model of this login; its key ``exists`` tells whether the hub knows the
                user.

        Returns:
            True if the user may log in. May be a coroutine.
        """
        if self.allow_all or self._is_among(username, self.allowed_users):
            return True
        if self.allowed_users and self._is_among(username, self.admin_users):
            return True
        return self.allow_existing_users and bool((authentication or {}).get("exists"))

    def is_admin(self, handler: Any, authentication: AuthModel) -> Any:  # noqa: ARG002 - for subclasses
        """Return whether a user is an admin. Called if the result of `authenticate` does not contain it.

        Args:
            handler: as for `authenticate`.
            authentication: the auth model of this login.

        Returns:
            True or False, or None to leave it unchanged. May be a coroutine.
        """
        return True if self._is_among(authentication["name"], self.admin_users) else None

    async def refresh_user(self, user: Any, handler: Any = None) -> AuthModel | bool:  # noqa: ARG002 - for subclasses
        """Check again whether a user who logged in a while ago is still valid.

        Args:
            user: has ``name``, ``admin``, ``groups`` and ``await get_auth_state()``.
            handler: read-only copy of the user's request, without a form; None if there is none, as when an
                admin starts the user's server.

        Returns:
            True if nothing changed, False if the user must log in again, or a dictionary like that of
            `authenticate`
            with the changes.
        """
        return True

    async def load_managed_roles(self) -> Any:
        """Return the roles that this authenticator manages. Called at the start of the hub if manage_roles is
        set.

        Returns:
            Dictionaries like those of ``JupyterHub.load_roles``: ``name``, and any of ``description``,
            ``scopes``,
            ``users``, ``groups``, ``services``.

        Raises:
            NotImplementedError: reset_managed_roles_on_startup is set, and the subclass does not override
                this method.
        """
        if self.reset_managed_roles_on_startup:
            kind = type(self).__name__
            raise NotImplementedError(
                f"{kind} has no load_managed_roles: reset_managed_roles_on_startup would revoke all roles"
            )
        return ()

    def add_user(self, user: NamedUser) -> Any:
        """Prepare for a user. Called at each login, when an admin adds the user, and when a hub starts.

        Must be repeatable.

        Args:
            user: has ``name``, ``admin``, ``groups`` and ``await get_auth_state()``.

        Returns:
            Nothing. May be a coroutine.

        Raises:
            ValueError: the user is invalid; the login is refused, and an admin can read the text.
        """
        if not self.validate_username(user.name):
            raise ValueError(f"invalid username {names.shorten(user.name)}")

    def rename_user(self, user: NamedUser, name: str) -> Any:
        """Prepare for a new name of a user. Must be repeatable; an exception refuses the new name.

        Args:
            user: has the current ``name``.
            name: the new name.

        Returns:
            Nothing. May be a coroutine.
        """

    def delete_user(self, user: NamedUser) -> Any:
        """Clean up after a deleted user. Must be repeatable; an exception prevents the deletion.

        Args:
            user: has ``name``, ``admin``, ``groups`` and ``await get_auth_state()``.

        Returns:
            Nothing. May be a coroutine.
        """

    def pre_spawn_start(self, user: Any, spawner: Any) -> Any:
        """Prepare for the start of a server. May be a coroutine.

        Args:
            user: owner of the server.
            spawner: the spawner, which may be changed.
        """

    def post_spawn_stop(self, user: Any, spawner: Any) -> Any:
        """Clean up after the stop of a server. May be a coroutine.

        Args:
            user: owner of the server.
            spawner: the spawner.
        """

    def get_handlers(self, app: Any) -> Iterable[tuple[Any, ...]]:  # noqa: ARG002 - for subclasses
        """Return the pages of the authenticator, such as those of a login at another site.

        Args:
            app: always None; an argument for compatibility with JupyterHub.

        Returns:
            Tuples of a path below the hub's prefix, a handler class, which inherits from
            `plughub.handlers.PageHandler`, and optionally keyword arguments of its ``initialize``. Handlers
            have the attribute ``authenticator``. The paths ``/login`` and ``/logout`` have the meaning that
            `plughub.kinds.Page` describes.
        """
        return ()

    def login_url(self, base_url: str) -> str:
        """Return the URL at which a login begins. Override it for an external login service.

        Args:
            base_url: prefix of the hub, such as ``/hub/``.
        """
        return f"{base_url.rstrip('/')}/login"

    def get_custom_html(self, base_url: str) -> str:  # noqa: ARG002 - for subclasses
        """Return the HTML that replaces the login form; empty for the default form.

        Args:
            base_url: prefix of the hub, such as ``/hub/``.
        """
        return self.custom_html

    def request_handler(self, request: RequestInfo | None, base_url: str) -> Any:
        """Return what `authenticate` and other methods receive as ``handler``.

        Args:
            request: the request; None for a one-time login link.
            base_url: prefix of the hub, such as ``/hub/``.

        Returns:
            A read-only copy of the request; None without a request.
        """
        return handler_of(request, base_url, self)

    def login_data(self, login: Login) -> Any:
        """Return what `authenticate` receives as ``data``.

        Args:
            login: what the user submitted.

        Returns:
            A dictionary of the fields of the form.
        """
        return form_data(login)

    def of_login(self) -> Authenticator:
        """Return the authenticator whose methods and settings apply to the login in progress.

        Returns:
            This one, unless it combines several authenticators.
        """
        return self

    # ------------------------------------------------------------------------------------------ helpers

    async def run_authenticate(self, plugin: str, handler: Any, data: Any) -> AuthModel | str | None:
        """Call `authenticate`, synchronous or not.

        Args:
            plugin: name of the plugin, whose threads run a plain ``def``.
            handler: as for `authenticate`.
            data: as for `authenticate`.

        Returns:
            What `authenticate` returns.
        """
        answer: AuthModel | str | None = await call(plugin, self.authenticate, handler, data)
        return answer

    @property
    def accepts_stored_users(self) -> bool:
        """Return whether `add_user` need not be called at the start of a hub.

        True if neither `add_user` nor `validate_username` is overridden, and no setting invalidates users.
        """
        methods = (self.add_user, self.validate_username)
        own = (Authenticator.add_user, Authenticator.validate_username)
        return (
            tuple(getattr(method, "__func__", None) for method in methods) == own
            and not self.username_pattern
            and not self.delete_invalid_users
        )

    async def run_add_user(self, plugin: str, user: NamedUser) -> None:
        """Call `add_user`, synchronous or not.

        Args:
            plugin: name of the plugin, whose threads run a plain ``def``.
            user: as for `add_user`.
        """
        await call(plugin, self.add_user, user)

    def note_existence(self, username: str, *, exists: bool) -> None:
        """Note whether the hub knows a user, before `check_allowed` is called at a login.

        For classes that remember the users of the hub: another hub process may have deleted the user.

        Args:
            username: the normalised name.
            exists: whether the hub knows the user.
        """

    async def run_post_auth_hook(self, handler: Any, auth_model: AuthModel) -> AuthModel:
        """Run post_auth_hook, if it is set.

        Args:
            handler: as for `authenticate`.
            auth_model: the auth model of this login.

        Returns:
            The auth model that the hook returns.

        Raises:
            TypeError: the hook does not return an auth model.
        """
        if self.post_auth_hook is None:
            return auth_model
        answer = await call(type(self).__name__, self.post_auth_hook, self, handler, auth_model)
        if not isinstance(answer, dict):
            raise TypeError(f"{type(self).__name__}.post_auth_hook must return the auth model")
        return answer

    def check_allow_config(self) -> None:
        """Log a warning if no setting permits logins."""
        if not self.any_allow_config:
            self.log.warning(
                "%s: no setting allows any user to log in. List users in c.%s.allowed_users, or set "
                "allow_all = True to allow every user who authenticates. To silence this warning, set "
                "any_allow_config = True.",
                type(self).__name__,
                type(self).__name__,
            )

    def _is_among(self, username: str, listed: Container[str]) -> bool:
        mapped = (name for name, here in self.username_map.items() if here == username)
        return username in listed or any(name in listed for name in mapped)
