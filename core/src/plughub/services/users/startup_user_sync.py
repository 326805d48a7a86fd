"""Having authenticators prepare for users: before an admin adds them, and at the start of a hub for all."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Final

from plughub.domain.errors import HubError, PluginError
from plughub.domain.names import shorten
from plughub.domain.timings import STOP_SERVER_SECONDS
from plughub.domain.users import User, UserQuery
from plughub.kinds import UserInfo
from plughub.plugin.hooks import Hooks
from plughub.services.settings import HubSettings
from plughub.services.users.deletion import UserDeletion, authenticators_of
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.users")
PAGE: Final = 200


class UserPreparation:
    """Has authenticators prepare for users.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: of the hub.
    """

    def __init__(self, store: Store, hooks: Hooks, settings: HubSettings) -> None:
        self._store = store
        self._hooks = hooks
        self._settings = settings

    async def refusal(self, user: UserInfo, plugins: Collection[str]) -> str:
        """Have authenticators prepare for a user.

        Args:
            user: who.
            plugins: the authenticators.

        Returns:
            Why she cannot be a user; empty when one of them, or nobody who was asked, minds.

        Raises:
            PluginError: one failed, and none accepts her.
        """
        reasons, failed = [], None
        asked = [plugin for plugin in plugins if self._hooks.prepares_users(plugin)]
        for plugin in asked:
            try:
                refusal = await self._hooks.add_user(plugin, user)
            except PluginError as error:
                failed = error
                continue
            if refusal is not None:
                reasons.append(f"{plugin}: {refusal.reason}" if len(asked) > 1 else refusal.reason)
        if not asked or len(reasons) + bool(failed) < len(asked):
            return ""
        if failed is not None:
            raise failed
        return "; ".join(reasons)

    async def before_adding(self, names: Collection[str], plugins: Collection[str] = ()) -> dict[str, str]:
        """Have authenticators prepare for users whom an admin adds.

        Args:
            names: normalised; who is stored already is passed over.
            plugins: the authenticators; all when empty.

        Returns:
            Why some cannot be users, by name.
        """
        known = await self._store.read(lambda tx: tx.user_list.known(names))
        refused = {}
        for name in sorted(set(names) - known):
            try:
                reason = await self.refusal(UserInfo(name=name), plugins or self._settings.authenticators)
            except PluginError as error:
                log.error("%s", error, exc_info=error.__cause__)
                reason = str(error)
            if reason:
                refused[name] = reason
        return refused


class StartupUserSync:
    """Has authenticators prepare for all users, once, in the background of the start of a hub.

    Args:
        store: the storage.
        settings: of the hub.
        preparation: asks the authenticators.
        deletion: deletes users whom they refuse.
        delete_invalid: authenticators whose refused users are deleted; others are reported.
        blocked: names of people who are not prepared for.
    """

    def __init__(
        self,
        store: Store,
        settings: HubSettings,
        preparation: UserPreparation,
        deletion: UserDeletion,
        *,
        delete_invalid: frozenset[str] = frozenset(),
        blocked: frozenset[str] = frozenset(),
    ) -> None:
        self._store = store
        self._settings = settings
        self._preparation = preparation
        self._deletion = deletion
        self._delete_invalid = delete_invalid
        self._blocked = blocked

    async def call(self) -> None:
        """Go through all users."""
        offset, left = 0, True
        while left:
            query = UserQuery(sort="id", offset=offset, limit=PAGE)
            users = await self._store.read(lambda tx, query=query: self._with_plugins(tx, query))  # type: ignore[misc]
            gone = 0
            for user, plugins in users:
                gone += await self._ask(user, plugins)
            offset, left = offset + PAGE - gone, len(users) == PAGE

    def _with_plugins(self, tx: Transaction, query: UserQuery) -> list[tuple[User, tuple[str, ...]]]:
        users = tx.user_list.page(query)
        return [(user, authenticators_of(tx, self._settings, user.id)) for user in users]

    async def _ask(self, user: User, plugins: tuple[str, ...]) -> bool:
        """Prepare for a user; answers whether she was deleted."""
        if user.name in self._blocked or not plugins:
            return False
        info = UserInfo(name=user.name, admin=user.admin, groups=user.groups)
        try:
            reason = await self._preparation.refusal(info, plugins)
            if not reason:
                return False
            if not self._delete_invalid.issuperset(plugins):
                log.warning(
                    "%s cannot be a user any more: %s (Authenticator.delete_invalid_users would delete her)",
                    shorten(user.name),
                    reason,
                )
                return False
            log.warning("deleting %s, who cannot be a user any more: %s", shorten(user.name), reason)
            await self._deletion.delete(user, STOP_SERVER_SECONDS)
        except HubError as error:
            log.warning("%s is left as she is: %s", shorten(user.name), error)
            return False
        return True
