"""Calls to authenticators for users: before an admin adds them, and at startup for all users."""

from __future__ import annotations

import logging
from collections.abc import Collection
from functools import partial
from typing import Final

from plughub.domain.errors import HubError, PluginError
from plughub.domain.names import shorten
from plughub.domain.timings import STOP_SERVER_SECONDS
from plughub.domain.users import User
from plughub.kinds import UserInfo
from plughub.plugin.failure_log import log_failure
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

    def is_needed(self, plugin: str) -> bool:
        """Return whether an authenticator prepares users."""
        return self._hooks.prepares_users(plugin)

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
                log_failure(log, logging.ERROR, error)
                reason = str(error)
            if reason:
                refused[name] = reason
        return refused


class StartupUserSync:
    """Checks users with their authenticators, once, in the background of the startup.

    Only users of an authenticator that prepares users are read. It makes no query if no authenticator does.

    Args:
        store: the storage.
        settings: settings of the hub.
        preparation: calls the authenticators.
        deletion: deletes refused users.
        delete_invalid: authenticators whose refused users are deleted; for others they are only logged.
        blocked: names of users to skip.
        accepting: authenticators that accept every stored user and have nothing to prepare.
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
        accepting: frozenset[str] = frozenset(),
    ) -> None:
        self._store = store
        self._settings = settings
        self._preparation = preparation
        self._deletion = deletion
        self._delete_invalid = delete_invalid
        self._blocked = blocked
        self._accepting = accepting

    async def run(self) -> None:
        """Check the users, in the order of their keys."""
        preparing = frozenset(filter(self._preparation.is_needed, self._settings.authenticators))
        preparing -= self._accepting
        last: int | None = 0 if preparing else None
        while last is not None:
            last, users = await self._store.read(partial(self._page, after=last, preparing=preparing))
            for user, plugins in users:
                await self._sync_user(user, plugins)

    def _page(
        self, tx: Transaction, *, after: int, preparing: frozenset[str]
    ) -> tuple[int | None, list[tuple[User, tuple[str, ...]]]]:
        """Return the last key of a page, None at the end, and its users to check with their plugins."""
        keys = tx.user_list.keys_after(after, PAGE)
        plugins = authenticators_of(tx, self._settings, keys)
        users = tx.user_list.by_ids([key for key in keys if not preparing.isdisjoint(plugins[key])])
        return keys[-1] if keys else None, [(user, plugins[user.id]) for user in users]

    async def _sync_user(self, user: User, plugins: tuple[str, ...]) -> None:
        """Check a user, and delete a refused one if configured."""
        if user.name in self._blocked:
            return
        info = user_view(user)
        try:
            reason = await self._preparation.prepare(info, plugins)
            if not reason:
                return
            if not self._delete_invalid.issuperset(plugins):
                log.warning(
                    "%s cannot be a user any more: %s (see Authenticator.delete_invalid_users)",
                    shorten(user.name),
                    reason,
                )
                return
            log.warning("deleting user %s, refused by the authenticator: %s", shorten(user.name), reason)
            await self._deletion.delete(user, STOP_SERVER_SECONDS)
        except HubError as error:
            log.warning("leaving user %s unchanged: %s", shorten(user.name), error)
