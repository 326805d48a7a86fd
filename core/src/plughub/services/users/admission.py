"""Admission: names reserved for users of an authenticator before their first login."""

from __future__ import annotations

from dataclasses import dataclass

from plughub.domain.errors import ConflictError, ForbiddenError, InvalidError
from plughub.domain.names import shorten
from plughub.domain.roles import USER_ROLE
from plughub.domain.users import User
from plughub.kinds import Identity
from plughub.services.settings import HubSettings
from plughub.storage.store import Transaction


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """What the hub knows about the account of a login.

    Attributes:
        user: the user; None for a new one.
        exists: the user is known to be this person, not just another one with the same name.
        admitted: an admin added the user for this authenticator.
    """

    user: User | None
    exists: bool = False
    admitted: bool = False


class Admission:
    """Decides which authenticator a name belongs to before its user has logged in.

    With several authenticators, the same name may denote different people. A name that one of them lists, or
    for which an admin added a user, is not given to an account of another one.

    Args:
        settings: settings of the hub.
        non_identifying: plugins that log in existing users without identifying them, such as one-time links.
    """

    def __init__(self, settings: HubSettings, non_identifying: frozenset[str] = frozenset()) -> None:
        self._settings = settings
        self._authenticators = frozenset(settings.authenticators) - non_identifying

    @property
    def is_shared(self) -> bool:
        """True when a name denotes the same user for all authenticators."""
        return any(self._authenticators <= self._joined(name) for name in self._authenticators) or (
            not self._authenticators
        )

    def authenticators_for(self, wanted: str) -> frozenset[str]:
        """Return the authenticators that a user added by an admin may log in with.

        Args:
            wanted: authenticator named by the admin; empty for none.

        Returns:
            The authenticators; empty where several are active that are not joined, and none was named.

        Raises:
            InvalidError: there is no such authenticator.
        """
        if not wanted:
            return self._authenticators if self.is_shared else frozenset()
        if wanted not in self._authenticators:
            known = ", ".join(sorted(self._authenticators)) or "none"
            raise InvalidError(f"there is no authenticator {shorten(wanted)}; active: {known}")
        return frozenset({wanted})

    def check_name(self, tx: Transaction, plugin: str, name: str, user: User | None) -> None:
        """Refuse a name that is reserved for another authenticator.

        Args:
            tx: the transaction.
            plugin: the authenticator of the login.
            name: the name that it returned.
            user: the user of that name, without any identity yet; None when there is none.

        Raises:
            ForbiddenError: the name is reserved for users of other authenticators.
        """
        claims = frozenset(
            other for other in self._authenticators if name in self._settings.policy_of(other).listed
        )
        if user is not None:
            claims |= self._admitted(tx, user)
        if claims and plugin not in self._with_joined(claims):
            owners = ", ".join(sorted(claims))
            raise ForbiddenError(f"the name {shorten(name)} is reserved for a user who logs in with {owners}")
        if user is not None and not claims and not self.is_shared and _holds_more(user):
            raise ForbiddenError(
                f"the name {shorten(name)} is reserved until an administrator assigns it to a login method",
                detail="it has roles or groups, and several authenticators are active: list it in "
                f"allowed_users of one of them, or send PATCH /users/{shorten(name)} with "
                f'{{"authenticator": "{plugin}"}}',
            )

    def assign(self, tx: Transaction, user: User, plugin: str) -> None:
        """Assign a user who never logged in to one authenticator only.

        Args:
            tx: the transaction, which has locked the user.
            user: the user.
            plugin: the authenticator. Nothing is changed when it, or one joined with it, knows the user.

        Raises:
            ConflictError: another authenticator knows the user.
        """
        if self.check_assignment(tx, user, plugin):
            tx.admissions.replace(user.id, {plugin})

    def check_assignment(self, tx: Transaction, user: User, plugin: str) -> bool:
        """Return whether a user can be assigned to an authenticator.

        Args:
            tx: the transaction.
            user: the user.
            plugin: the authenticator.

        Returns:
            True when none knows the user; False when this one, or one joined with it, does.

        Raises:
            ConflictError: another authenticator knows the user.
        """
        known = plugins_that_know(tx, user)
        if known and known.isdisjoint(self._joined(plugin)):
            raise ConflictError(
                f"user {shorten(user.name)} already logs in with {', '.join(sorted(known))}",
                hint="delete the user and add them again",
                detail="JupyterHub.one_person can join the two authenticators",
            )
        return not known

    def account_status(self, tx: Transaction, identity: Identity, user: User | None) -> AccountStatus:
        """Return what the hub knows about the account of a login.

        Args:
            tx: the transaction.
            identity: the identity.
            user: its user; None for a new one.
        """
        if user is None:
            return AccountStatus(None)
        plugin = identity.plugin
        admitted = plugin in self._with_joined(self._admitted(tx, user))
        known = plugins_that_know(tx, user)
        exists = admitted or self.is_shared or not known.isdisjoint(self._joined(plugin))
        return AccountStatus(user, exists, admitted)

    def _admitted(self, tx: Transaction, user: User) -> frozenset[str]:
        return tx.admissions.of_user(user.id) & self._authenticators

    def _joined(self, plugin: str) -> frozenset[str]:
        """Return an authenticator with those joined with it."""
        return frozenset({plugin}).union(*(group for group in self._settings.one_person if plugin in group))

    def _with_joined(self, plugins: frozenset[str]) -> frozenset[str]:
        return frozenset().union(*map(self._joined, plugins))


def plugins_that_know(tx: Transaction, user: User) -> set[str]:
    """Return the authenticators by which a user has logged in."""
    return {found.plugin for found in tx.users.identities(user.id)}


def _holds_more(user: User) -> bool:
    """Return whether a user has more roles or groups than a new user."""
    return user.admin or bool(user.groups) or not {USER_ROLE}.issuperset(user.roles)
