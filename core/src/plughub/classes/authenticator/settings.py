"""Settings of authenticators."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Any

import traitlets
from traitlets import Bool, Dict, Integer, Set, TraitError, Unicode, default, observe, validate

from plughub.classes.plain_settings import PlainSettings
from plughub.domain import names


class AuthenticatorSettings(PlainSettings):
    """Settings of `Authenticator`: set them on ``c.Authenticator`` or on the class in use."""

    # ------------------------------------------------------------------------------------- permissions

    admin_users = Set(
        Unicode(),
        help="Users who become admins when they log in. Removing a name does not revoke admin rights.",
    ).tag(config=True)

    allowed_users = Set(
        Unicode(),
        help="""Users who may log in. If it is empty, no user may log in unless another allow setting
        permits it. If it is not empty, admin_users may log in too.
        """,
    ).tag(config=True)

    whitelist = Set(
        Unicode(), help="Deprecated: set allowed_users. Both with different names are refused."
    ).tag(config=True)

    blocked_users = Set(Unicode(), help="Users who may not log in, regardless of all allow settings.").tag(
        config=True
    )

    blacklist = Set(
        Unicode(), help="Deprecated: set blocked_users. Both with different names are refused."
    ).tag(config=True)

    allow_all = Bool(
        default_value=False, help="Allow every user who authenticates successfully to log in."
    ).tag(config=True)

    allow_existing_users = Bool(
        help="""Allow every user whom the hub already knows to log in. Defaults to True if allowed_users is
        set, otherwise to False. Users whom an administrator added may log in unless this is set to False.
        """,
    ).tag(config=True)

    any_allow_config = Bool(
        help="""Whether any allow setting permits logins. Set it to True to silence the startup warning that
        no user can log in.
        """,
    ).tag(config=True)

    # ------------------------------------------------------------------------------------------ names

    username_pattern = Unicode(
        help="Regular expression that normalised usernames must match completely; empty for any."
    ).tag(config=True)

    username_map = Dict(
        key_trait=Unicode(),
        value_trait=Unicode(),
        help="Mapping from usernames of the authenticator to usernames of the hub.",
    ).tag(config=True)

    delete_invalid_users = Bool(
        default_value=False,
        help="Delete users whom add_user rejects when the hub starts; otherwise they are only logged.",
    ).tag(config=True)

    # ------------------------------------------------------------------------------- result of a login

    post_auth_hook = traitlets.Any(
        None,
        allow_none=True,
        help="""Function that is called as ``hook(authenticator, handler, auth_model)`` after all login
        checks, and returns the auth model. May be async. ``handler`` is a read-only copy of the request,
        as for ``authenticate``.
        """,
    ).tag(config=True)

    manage_groups = Bool(
        default_value=False,
        help="Set a user's groups to those that authenticate and refresh_user return.",
    ).tag(config=True)

    manage_roles = Bool(
        default_value=False,
        help="""Create and assign the roles that authenticate, refresh_user and load_managed_roles return.
        load_roles then cannot assign roles to users and groups.
        """,
    ).tag(config=True)

    reset_managed_roles_on_startup = Bool(
        default_value=False,
        help="Remove managed roles that load_managed_roles does not return when the hub starts.",
    ).tag(config=True)

    reconcile_auth_state_hook = traitlets.Any(
        None,
        allow_none=True,
        help="""Function that is called as ``hook(authenticator, auth_model, existing_auth_state)`` at the
        end of a login or refresh, and returns the auth_state to save. May be async. Requires
        enable_auth_state.
        """,
    ).tag(config=True)

    enable_auth_state = Bool(
        default_value=False,
        help="""Save the auth_state of a login, encrypted, for spawners and refresh_user. Requires a key in
        JUPYTERHUB_CRYPT_KEY or c.CryptKeeper.keys.
        """,
    ).tag(config=True)

    # ---------------------------------------------------------------------------------------- refresh

    auth_refresh_age = Integer(
        300, min=0, help="Seconds after which refresh_user is called again for an active user; 0 to disable."
    ).tag(config=True)

    refresh_pre_spawn = Bool(
        default_value=False, help="Call refresh_user before each start of a server."
    ).tag(config=True)

    refresh_pre_stop = Bool(default_value=False, help="Call refresh_user before a user stops a server.").tag(
        config=True
    )

    auth_refresh_strict = Bool(
        default_value=False,
        help="""Also refuse requests with a token, and starts by an admin, if refresh_user rejects the user.
        Otherwise only browser requests, which can be redirected to the login page, are refused.
        """,
    ).tag(config=True)

    # ---------------------------------------------------------------------------------- the login page

    auto_login = Bool(
        default_value=False,
        help="Redirect the login page to login_url instead of showing a link. Requires a custom login_url.",
    ).tag(config=True)

    auto_login_oauth2_authorize = Bool(
        default_value=False,
        help="Apply auto_login also to users whom a server or service sends to the hub to log in.",
    ).tag(config=True)

    request_otp = Bool(
        default_value=False,
        help="Show a field for a one-time password; authenticate receives its value as ``otp``.",
    ).tag(config=True)

    otp_prompt = Unicode("OTP:", help="Label of the field for the one-time password.").tag(config=True)

    login_service = Unicode(help="Name of the login service on the login page, such as GitHub.")

    custom_html = Unicode(help="HTML that replaces the login form.")

    @property
    def admits_added_users(self) -> bool:
        """Permission to log in for users whom an administrator added: True unless allow_existing_users is
        False.
        """
        sections = (self.config.get(cls.__name__, {}) for cls in type(self).__mro__)
        is_set = any("allow_existing_users" in section for section in sections)
        return self.allow_existing_users or not is_set

    def hub_names(self, listed: Collection[str]) -> frozenset[str]:
        """Return the usernames of the hub for names in a setting, which may be those of the authenticator.

        Args:
            listed: names, of the authenticator or of the hub.
        """
        return frozenset(self.username_map.get(name, name) for name in listed)

    def allow_settings(self) -> list[str]:
        """Return the full names of the settings that can permit logins, such as
        ``c.PAMAuthenticator.allow_all``.
        """
        return [f"c.{type(self).__name__}.{name}" for name in self._allow_traits()]

    def _allow_traits(self) -> list[str]:
        traits = self.traits(config=True).items()
        found = {
            name for name, trait in traits if name.startswith("allow") or trait.metadata.get("allow_config")
        }
        return sorted(found)

    @observe("whitelist")
    def _use_old_allowed_users(self, _: Mapping[str, Any]) -> None:
        self._use_old_name("whitelist", "allowed_users")

    @observe("blacklist")
    def _use_old_blocked_users(self, _: Mapping[str, Any]) -> None:
        self._use_old_name("blacklist", "blocked_users")

    def _use_old_name(self, old: str, current: str) -> None:
        """Set a restriction by its old name; refuse two different values, of which one would be lost."""
        given, value = getattr(self, old), getattr(self, current)
        if value and value != given:
            section = f"c.{type(self).__name__}"
            raise TraitError(f"{section}.{old} is an old name of {section}.{current}; set only {current}")
        setattr(self, current, given)

    @default("log")
    def _default_log(self) -> logging.Logger:
        return logging.getLogger(f"plughub.authenticator.{type(self).__name__}")

    @validate("admin_users", "allowed_users", "whitelist", "blocked_users", "blacklist")
    def _normalize_listed(self, proposal: Mapping[str, Any]) -> set[str]:
        return {names.normalize_username(name) for name in proposal["value"]}

    @validate("username_map")
    def _normalize_map(self, proposal: Mapping[str, Any]) -> dict[str, str]:
        known = proposal["value"].items()
        return {names.normalize_username(name): names.normalize_username(here) for name, here in known}

    @default("allow_existing_users")
    def _existing_users_by_default(self) -> bool:
        return bool(self.allowed_users)

    @default("any_allow_config")
    def _any_allow_by_default(self) -> bool:
        return any(getattr(self, name) for name in self._allow_traits())
