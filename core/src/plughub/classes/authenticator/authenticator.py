"""The base class of authenticators that are written as classes with traits."""

from __future__ import annotations

from collections.abc import Container
from typing import Any, Protocol

from plughub.classes.authenticator.settings import AuthenticatorSettings
from plughub.classes.user_code import call
from plughub.domain import names
from plughub.domain.errors import InvalidError

AuthModel = dict[str, Any]
"""What a login brings: ``name``; perhaps ``admin``, ``auth_state``, ``groups``, ``roles``, ``user_info``."""


class NamedUser(Protocol):
    """A user, as far as an authenticator may rely on her."""

    @property
    def name(self) -> str:
        """Her normalised name."""


class Authenticator(AuthenticatorSettings):
    """Says who somebody is, and who may come in.

    Override `authenticate`; everything else has a default. The order at a login is: `authenticate`,
    `normalize_username`, `validate_username`, `check_blocked_users`, then `allow_all` or `check_allowed`,
    `is_admin`, `post_auth_hook`, `reconcile_auth_state_hook`, `add_user`. The vetoes of other plugins are
    heard before `is_admin`. A method may be ``async def``, or a plain ``def``, which then runs in a thread.
    """

    # -------------------------------------------------------------------------------- to be overridden

    async def authenticate(self, handler: Any, data: dict[str, str]) -> AuthModel | str | None:
        """Say who is logging in.

        Args:
            handler: always None; no plugin sees a request.
            data: fields of the login form: ``username``, ``password``, ``otp`` and whatever
                `get_custom_html` asked for.

        Returns:
            The username, or a dict with the key ``name`` and any of ``admin``, ``auth_state``,
            ``groups``, ``roles``, ``user_info``; None when the login is not good.

        Raises:
            plughub.domain.errors.ForbiddenError: refused, with a reason that the person reads.
                ``tornado.web.HTTPError(403, reason)`` means the same.
        """
        raise NotImplementedError(f"{type(self).__name__} has no authenticate")

    def normalize_username(self, username: str) -> str:
        """Bring a username to the form in which the hub knows it, and apply username_map.

        Args:
            username: as `authenticate` answered it.

        Returns:
            The name.
        """
        name = names.normalize_username(username)
        mapped: str = self.username_map.get(name, name)
        return mapped

    def validate_username(self, username: str) -> bool:
        """Tell whether a normalised name can be the name of a user.

        Args:
            username: the normalised name.

        Returns:
            Whether it can.
        """
        try:
            names.check_username(username, self.username_pattern)
        except InvalidError:
            return False
        return True

    def check_blocked_users(self, username: str, authentication: AuthModel | None = None) -> Any:  # noqa: ARG002 - for subclasses
        """Tell whether a user is free of the block-list.

        Args:
            username: the normalised name.
            authentication: the auth model of this login.

        Returns:
            True when she is not blocked. May be a coroutine.
        """
        return not self._is_among(username, self.blocked_users)

    def check_allowed(self, username: str, authentication: AuthModel | None = None) -> Any:
        """Tell whether a user may come in.

        A subclass that adds a rule calls ``super().check_allowed`` with both arguments.

        Args:
            username: the normalised name.
            authentication: the auth model of this login; ``exists`` in it says that the hub has the
                user already.

        Returns:
            True when she may. May be a coroutine.
        """
        if self.allow_all or self._is_among(username, self.allowed_users):
            return True
        if self.allowed_users and self._is_among(username, self.admin_users):
            return True
        return self.allow_existing_users and bool((authentication or {}).get("exists"))

    def is_admin(self, handler: Any, authentication: AuthModel) -> Any:  # noqa: ARG002 - for subclasses
        """Tell whether a user is an admin; asked when `authenticate` did not say.

        Args:
            handler: always None.
            authentication: the auth model of this login.

        Returns:
            True or False, or None to leave it as it is. May be a coroutine.
        """
        return True if self._is_among(authentication["name"], self.admin_users) else None

    async def refresh_user(self, user: Any, handler: Any = None) -> AuthModel | bool:  # noqa: ARG002 - for subclasses
        """Look again at a user who logged in a while ago.

        Args:
            user: has ``name``, ``admin``, ``groups`` and ``await get_auth_state()``.
            handler: always None.

        Returns:
            True when all is well, False when she must log in again, or a dict like that of
            `authenticate` with what changed.
        """
        return True

    async def load_managed_roles(self) -> Any:
        """Name the roles that this authenticator manages, at the start of the hub. Asked with manage_roles.

        Returns:
            Dicts like those of ``JupyterHub.load_roles``: ``name``, and any of ``description``,
            ``scopes``, ``users``, ``groups``, ``services``.

        Raises:
            NotImplementedError: reset_managed_roles_on_startup is set, and a subclass names no roles.
        """
        if self.reset_managed_roles_on_startup:
            kind = type(self).__name__
            raise NotImplementedError(
                f"{kind} has no load_managed_roles: reset_managed_roles_on_startup would take all roles away"
            )
        return ()

    def add_user(self, user: NamedUser) -> Any:
        """Prepare for a user: called at her logins, when an admin adds her, and when a hub starts.

        It must be repeatable.

        Args:
            user: has ``name``, ``admin``, ``groups`` and ``await get_auth_state()``.

        Returns:
            Nothing. May be a coroutine.

        Raises:
            ValueError: she cannot be a user; the login is refused, an admin reads the text.
        """
        if not self.validate_username(user.name):
            raise ValueError(f"invalid username {names.shorten(user.name)}")

    def rename_user(self, user: NamedUser, name: str) -> Any:
        """Follow a user who gets another name. Must be repeatable; an exception refuses the new name.

        Args:
            user: has the ``name`` that she has.
            name: the name that she gets.

        Returns:
            Nothing. May be a coroutine.
        """

    def delete_user(self, user: NamedUser) -> Any:
        """Clean up after a user who is deleted. Must be repeatable; an exception keeps her.

        Args:
            user: has ``name``, ``admin``, ``groups`` and ``await get_auth_state()``.

        Returns:
            Nothing. May be a coroutine.
        """

    def pre_spawn_start(self, user: Any, spawner: Any) -> Any:
        """Do something before a server starts. May be a coroutine.

        Args:
            user: whose server it is.
            spawner: the spawner, which may be changed.
        """

    def post_spawn_stop(self, user: Any, spawner: Any) -> Any:
        """Do something after a server stopped. May be a coroutine.

        Args:
            user: whose server it was.
            spawner: the spawner.
        """

    def login_url(self, base_url: str) -> str:
        """Name the address where a login begins; override it for logins elsewhere.

        Args:
            base_url: prefix of the hub, such as ``/hub/``.

        Returns:
            The address.
        """
        return f"{base_url.rstrip('/')}/login"

    def get_custom_html(self, base_url: str) -> str:  # noqa: ARG002 - for subclasses
        """Give the HTML that takes the place of the login form.

        Args:
            base_url: prefix of the hub, such as ``/hub/``.

        Returns:
            HTML, or an empty text for the form.
        """
        return self.custom_html

    # ------------------------------------------------------------------------------------------ helpers

    async def run_post_auth_hook(self, handler: Any, auth_model: AuthModel) -> AuthModel:
        """Run post_auth_hook, if there is one.

        Args:
            handler: always None.
            auth_model: the auth model of this login.

        Returns:
            What the hook answers.

        Raises:
            TypeError: the hook answers no auth model.
        """
        if self.post_auth_hook is None:
            return auth_model
        answer = await call(type(self).__name__, self.post_auth_hook, self, handler, auth_model)
        if not isinstance(answer, dict):
            raise TypeError(f"{type(self).__name__}.post_auth_hook must return the auth model")
        return answer

    def check_allow_config(self) -> None:
        """Warn when no setting lets anybody in."""
        if not self.any_allow_config:
            self.log.warning(
                "%s: no setting lets anybody in. Name people in c.%s.allowed_users, or set allow_all = True "
                "to let in everybody who can log in. To silence this warning set any_allow_config = True.",
                type(self).__name__,
                type(self).__name__,
            )

    def _is_among(self, username: str, listed: Container[str]) -> bool:
        mapped = (name for name, here in self.username_map.items() if here == username)
        return username in listed or any(name in listed for name in mapped)
