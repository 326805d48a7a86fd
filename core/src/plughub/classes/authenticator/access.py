"""Login rules: block-lists and allow-lists of all authenticators, as a built-in plugin."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from plughub.classes.authenticator.authenticator import Authenticator
from plughub.classes.authenticator.model import login_name, model_of, refusal_of
from plughub.classes.user_code import call
from plughub.domain.names import shorten
from plughub.kinds import Identity, Refusal
from plughub.markers import hookimpl

log = logging.getLogger("plughub.access")


class AccessRules:
    """Refuses blocked users, and users whom no setting allows.

    The settings of an authenticator apply to the users that it authenticates.

    Args:
        authenticators: the authenticator of each plugin that registers one as a class.
        fallback: a plain `Authenticator`, whose settings apply to all other plugins.
        exempt: plugins whose users need not be allowed, such as the one-time link. They can be blocked.
    """

    def __init__(
        self,
        authenticators: Mapping[str, Authenticator],
        fallback: Authenticator,
        exempt: frozenset[str] = frozenset(),
    ) -> None:
        self._authenticators = dict(authenticators)
        self._fallback = fallback
        self._exempt = exempt

    def rules_of(self, plugin: str) -> Authenticator:
        """Return the authenticator whose settings apply to the users of a plugin."""
        return self._authenticators.get(plugin, self._fallback)

    @hookimpl
    async def hub_authorize_login(self, identity: Identity) -> Refusal | None:
        """Refuse invalid names, blocked users, and users whom no setting allows."""
        rules = self.rules_of(identity.plugin).of_login()
        try:
            return await self._check(rules, identity)
        except Exception as error:
            reason = refusal_of(error)
            if reason is None:
                raise
            return Refusal(reason)

    async def _check(self, rules: Authenticator, identity: Identity) -> Refusal | None:
        name, model = login_name(identity), model_of(identity)
        if not rules.validate_username(name):
            log.warning("login refused: %s is not a valid username", shorten(name))
            return Refusal("Your username cannot be used on this hub. Ask its administrator.")
        for known in dict.fromkeys((name, identity.name)):
            if not await call(identity.plugin, rules.check_blocked_users, known, model):
                return _blocked(rules, identity)
        if identity.plugin in self._exempt or rules.allow_all:
            return None
        rules.note_existence(name, exists=identity.exists)
        # check_allowed may also raise to refuse a user, such as one with an unverified address, which
        # holds for users whom an administrator added as well.
        if await call(identity.plugin, rules.check_allowed, name, model):
            return None
        if identity.admitted and rules.admits_added_users:
            return None
        return _not_allowed(rules, identity)


def _blocked(rules: Authenticator, identity: Identity) -> Refusal:
    setting = f"c.{type(rules).__name__}.blocked_users"
    log.warning("login of %s by %r refused: blocked by %s", shorten(identity.name), identity.plugin, setting)
    return Refusal(f"You are known here as {identity.name}, but this account is blocked. {_ASK}")


def _not_allowed(rules: Authenticator, identity: Identity) -> Refusal:
    log.warning(
        "login of %s by %r refused: no setting allows it. Allow settings: %s",
        shorten(identity.name),
        identity.plugin,
        ", ".join(rules.allow_settings()),
    )
    return Refusal(f"You are known here as {identity.name}, but you are not allowed to use this hub. {_ASK}")


_ASK = "Ask its administrator."
