"""Calls to authenticators for users: before an admin adds them, and at startup for all users."""

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
from plughub.services.server_records import user_view
from plughub.services.settings import HubSettings
from plughub.services.users.deletion import UserDeletion, authenticators_of
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.users")
PAGE: Final = 200


class UserPreparation:
    """Calls authenticators for users.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: settings of the hub.
    """

    def __init__(self, store: Store, hooks: Hooks, settings: HubSettings) -> None:
        self._store = store
        self._hooks = hooks
        self._settings = settings

    async def prepare(self, user: UserInfo, plugins: Collection[str]) -> str:
        """Call authenticators for a user; one that accepts the user is enough.

        Args:
            user: the user.
            plugins: the authenticators.

        Returns:
            Why all of them refuse the user; empty when one accepts the user or none prepares users.

        Raises:
            PluginError: one failed, and none accepts the user.
        """
        reasons, failed = [], None
        preparing = [plugin for plugin in plugins if self._hooks.prepares_users(plugin)]
        for plugin in preparing:
            try:
                refusal = await self._hooks.add_user(plugin, user)
            except PluginError as error:
                failed = error
                continue
            if refusal is not None:
                reasons.append(f"{plugin}: {refusal.reason}" if len(preparing) > 1 else refusal.reason)
        if not preparing or len(reasons) + bool(failed) < len(preparing):
            return ""
        if failed is not None:
            raise failed
        return "; ".join(reasons)

    async def prepare_new(self, names: Collection[str], plugins: Collection[str] = ()) -> dict[str, str]:
        """Call authenticators for users whom an admin adds.

        Args:
            names: normalised names; existing users are skipped.
            plugins: the authenticators; all when empty.

        Returns:
            Reasons for refusals, by name.
        """
        known = await self._store.read(lambda tx: tx.user_list.known(names))
        refused = {}
        for name in sorted(set(names) - known):
            try:
                reason = await self.prepare(UserInfo(name=name), plugins or self._settings.authenticators)
            except PluginError as error:
                log.error("%s", error, exc_info=error.__cause__)
                reason = str(error)
            if reason:
                refused[name] = reason
        return refused


class StartupUserSync:
    """Checks all users with their authenticators, once, in the background of the startup.

    Args:
        store: the storage.
        settings: settings of the hub.
        preparation: calls the authenticators.
        deletion: deletes refused users.
        delete_invalid: authenticators whose refused users are deleted; for others they are only logged.
        blocked: names of users to skip.
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

    async def run(self) -> None:
        """Check all users."""
        offset, has_more = 0, True
        while has_more:
            query = UserQuery(sort="id", offset=offset, limit=PAGE)
            users = await self._store.read(lambda tx, query=query: self._with_plugins(tx, query))  # type: ignore[misc]
            deleted = 0
            for user, plugins in users:
                deleted += await self._sync_user(user, plugins)
            offset, has_more = offset + PAGE - deleted, len(users) == PAGE

    def _with_plugins(self, tx: Transaction, query: UserQuery) -> list[tuple[User, tuple[str, ...]]]:
        users = tx.user_list.page(query)
        return [(user, authenticators_of(tx, self._settings, user.id)) for user in users]

    async def _sync_user(self, user: User, plugins: tuple[str, ...]) -> bool:
        """Check a user; return whether they were deleted."""
        if user.name in self._blocked or not plugins:
            return False
        info = user_view(user)
        try:
            reason = await self._preparation.prepare(info, plugins)
            if not reason:
                return False
            if not self._delete_invalid.issuperset(plugins):
                log.warning(
                    "%s cannot be a user any more: %s (see Authenticator.delete_invalid_users)",
                    shorten(user.name),
                    reason,
                )
                return False
            log.warning("deleting user %s, refused by the authenticator: %s", shorten(user.name), reason)
            await self._deletion.delete(user, STOP_SERVER_SECONDS)
        except HubError as error:
            log.warning("leaving user %s unchanged: %s", shorten(user.name), error)
            return False
        return True
