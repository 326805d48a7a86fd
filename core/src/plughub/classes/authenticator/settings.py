"""The settings that every authenticator class has."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Any

import traitlets
from traitlets import Bool, Dict, Integer, Set, Unicode, default, validate
from traitlets.config import LoggingConfigurable

from plughub.domain import names


class AuthenticatorSettings(LoggingConfigurable):
    """Settings of `Authenticator`: set them on ``c.Authenticator`` or on the class in use."""

    # ------------------------------------------------------------------------------- who may come in

    admin_users = Set(
        Unicode(),
        help="Users who become admins when they log in. Taking a name out takes nothing away again.",
    ).tag(config=True)

    allowed_users = Set(
        Unicode(),
        help="""
        Users who may log in. Empty means nobody, unless another allow setting lets people in.
        When it is not empty, admin_users may log in too.
        """,
    ).tag(config=True)

    blocked_users = Set(Unicode(), help="Users who may not log in, whatever else allows them.").tag(
        config=True
    )

    allow_all = Bool(default_value=False, help="Let everybody in who can prove who they are.").tag(
        config=True
    )

    allow_existing_users = Bool(
        help="""
        Let everybody in whom the hub has as a user already.
        Default: True when allowed_users is set, else False. Users whom an administrator added may log in
        unless this is set to False.
        """,
    ).tag(config=True)

    any_allow_config = Bool(
        help="""
        Whether any setting lets people in. Set it to True to silence the warning at start that
        nobody can log in.
        """,
    ).tag(config=True)

    # ------------------------------------------------------------------------------------------ names

    username_pattern = Unicode(
        help="Regular expression that the whole normalised username must match; empty for any."
    ).tag(config=True)

    username_map = Dict(
        key_trait=Unicode(),
        value_trait=Unicode(),
        help="Usernames as the authenticator knows them, and what they are called here.",
    ).tag(config=True)

    delete_invalid_users = Bool(
        default_value=False,
        help="Delete users at the start of the hub whom add_user finds invalid; else they are reported.",
    ).tag(config=True)

    # --------------------------------------------------------------------------- what a login brings

    post_auth_hook = traitlets.Any(
        None,
        allow_none=True,
        help="""
        Called as ``hook(authenticator, handler, auth_model)`` when all checks have passed; answers
        the auth model. May be async. ``handler`` is None.
        """,
    ).tag(config=True)

    manage_groups = Bool(
        default_value=False,
        help="The groups that authenticate and refresh_user name become the user's groups.",
    ).tag(config=True)

    manage_roles = Bool(
        default_value=False,
        help="""
        The roles that authenticate, refresh_user and load_managed_roles name are made and given.
        load_roles may give no roles to users and groups then.
        """,
    ).tag(config=True)

    reset_managed_roles_on_startup = Bool(
        default_value=False,
        help="At the start of the hub, take away managed roles that load_managed_roles does not name.",
    ).tag(config=True)

    reconcile_auth_state_hook = traitlets.Any(
        None,
        allow_none=True,
        help="""
        Called as ``hook(authenticator, auth_model, existing_auth_state)`` at the end of a login or a
        refresh; answers the auth_state to save. May be async. Needs enable_auth_state.
        """,
    ).tag(config=True)

    enable_auth_state = Bool(
        default_value=False,
        help="""
        Save the auth_state of a login, encrypted, for spawners and refresh_user. Needs a key in
        JUPYTERHUB_CRYPT_KEY or c.CryptKeeper.keys.
        """,
    ).tag(config=True)

    # ---------------------------------------------------------------------------------------- refresh

    auth_refresh_age = Integer(
        300, min=0, help="Seconds after which refresh_user looks again at an active user; 0 for never."
    ).tag(config=True)

    refresh_pre_spawn = Bool(
        default_value=False, help="Call refresh_user before each start of a server."
    ).tag(config=True)

    refresh_pre_stop = Bool(default_value=False, help="Call refresh_user before a user stops a server.").tag(
        config=True
    )

    auth_refresh_strict = Bool(
        default_value=False,
        help="""
        A user whom refresh_user refuses is refused at once in requests with a token and in starts
        by an admin too, where nobody could be sent to log in.
        """,
    ).tag(config=True)

    # ---------------------------------------------------------------------------------- the login page

    auto_login = Bool(
        default_value=False,
        help="Go to login_url at once instead of showing a link to it. Needs a login_url of its own.",
    ).tag(config=True)

    auto_login_oauth2_authorize = Bool(
        default_value=False,
        help="Do as auto_login does for people who come from a server or service that asks who they are.",
    ).tag(config=True)

    request_otp = Bool(
        default_value=False, help="Ask for a one-time password too; authenticate finds it as ``otp``."
    ).tag(config=True)

    otp_prompt = Unicode("OTP:", help="What stands before the field for the one-time password.").tag(
        config=True
    )

    login_service = Unicode(help="Name of the service that people log in with, such as GitHub.")

    custom_html = Unicode(help="HTML that takes the place of the form for name and password.")

    @property
    def admits_added_users(self) -> bool:
        """Whether users whom an administrator added may log in: unless allow_existing_users is off."""
        sections = (self.config.get(cls.__name__, {}) for cls in type(self).__mro__)
        is_set = any("allow_existing_users" in section for section in sections)
        return self.allow_existing_users or not is_set

    def hub_names(self, listed: Collection[str]) -> frozenset[str]:
        """Give the names that people have here whom a setting lists by the names of the authenticator.

        Args:
            listed: names, of the authenticator or of the hub.

        Returns:
            Names of users.
        """
        return frozenset(self.username_map.get(name, name) for name in listed)

    def allow_settings(self) -> list[str]:
        """List the settings that can let people in.

        Returns:
            Their full names, such as ``c.PAMAuthenticator.allow_all``.
        """
        return [f"c.{type(self).__name__}.{name}" for name in self._allow_traits()]

    def _allow_traits(self) -> list[str]:
        traits = self.traits(config=True).items()
        found = {
            name for name, trait in traits if name.startswith("allow") or trait.metadata.get("allow_config")
        }
        return sorted(found)

    @default("log")
    def _default_log(self) -> logging.Logger:
        return logging.getLogger(f"plughub.authenticator.{type(self).__name__}")

    @validate("admin_users", "allowed_users", "blocked_users")
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
