"""Whom a hub expects before they log in: people whom settings list or an administrator added."""

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
    """What the hub knows of a person who logs in.

    Attributes:
        user: the user; None for a new one.
        exists: the user is known to be this person, not only to have the same name.
        admitted: an administrator added the user for this authenticator.
    """

    user: User | None
    exists: bool = False
    admitted: bool = False


class Admission:
    """Decides whose a name is until its person has logged in.

    With several authenticators, the same name may be that of different people. A name that one of them
    lists, or for which an administrator added a user, is not given to an account of another one. A name with
    roles or groups, of which nobody said by which authenticator its person logs in, is given to no account
    until that is said.

    Args:
        settings: of the hub.
        visitors: plugins that let existing users in without identifying them, such as one-time links.
    """

    def __init__(self, settings: HubSettings, visitors: frozenset[str] = frozenset()) -> None:
        self._settings = settings
        self._authenticators = frozenset(settings.authenticators) - visitors

    @property
    def is_shared(self) -> bool:
        """Whether a name means one person, whichever authenticator gives it."""
        return any(self._authenticators <= self._joined(name) for name in self._authenticators) or (
            not self._authenticators
        )

    def authenticators_for(self, wanted: str) -> frozenset[str]:
        """Choose the authenticators by which a user whom an administrator adds may log in.

        Args:
            wanted: the one that the administrator named; empty when none was named.

        Returns:
            The authenticators; none where several are active that are not joined, and none was named.

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
        """Refuse to give a name that no one has logged in by to an account of the wrong authenticator.

        Args:
            tx: the transaction.
            plugin: the authenticator.
            name: as it gives it.
            user: the user of that name, whom no authenticator knows yet; None when there is none.

        Raises:
            ForbiddenError: the name is reserved for people of other authenticators, or until an administrator
                says whose it is.
        """
        claims = frozenset(
            other for other in self._authenticators if name in self._settings.policy_of(other).listed
        )
        if user is not None:
            claims |= self._admitted(tx, user)
        if claims and plugin not in self._with_joined(claims):
            owners = ", ".join(sorted(claims))
            raise ForbiddenError(
                f"the name {shorten(name)} is reserved for a person who logs in with {owners}"
            )
        if user is not None and not claims and not self.is_shared and _holds_more(user):
            raise ForbiddenError(
                f"the name {shorten(name)} is reserved until an administrator says by which login its person "
                "comes",
                detail="it has roles or groups, and several authenticators are active: list it in "
                f"allowed_users of one of them, or send PATCH /users/{shorten(name)} with "
                f'{{"authenticator": "{plugin}"}}',
            )

    def assign(self, tx: Transaction, user: User, plugin: str) -> None:
        """Let a user whom no authenticator knows yet log in by one of them, and by no other.

        Args:
            tx: the transaction, which has locked the user.
            user: the user.
            plugin: the authenticator. Nothing is changed when it, or one that is joined with it, knows the
                user already.

        Raises:
            ConflictError: another authenticator knows the user.
        """
        if self.check_assignment(tx, user, plugin):
            tx.admissions.replace(user.id, {plugin})

    def check_assignment(self, tx: Transaction, user: User, plugin: str) -> bool:
        """Tell whether a user can still be assigned to an authenticator.

        Args:
            tx: the transaction.
            user: the user.
            plugin: the authenticator.

        Returns:
            True when none knows the user; False when this one, or one that is joined with it, does.

        Raises:
            ConflictError: another authenticator knows the user.
        """
        known = {found.plugin for found in tx.users.identities(user.id)}
        if known and known.isdisjoint(self._joined(plugin)):
            raise ConflictError(
                f"user {shorten(user.name)} logs in with {', '.join(sorted(known))} already",
                hint="delete the user and add them again",
                detail="JupyterHub.one_person can join the two authenticators",
            )
        return not known

    def standing(self, tx: Transaction, identity: Identity, user: User | None) -> AccountStatus:
        """Tell what the hub knows of a person who logs in.

        Args:
            tx: the transaction.
            identity: the person.
            user: the user that the identity is; None for a new one.

        Returns:
            What it knows.
        """
        if user is None:
            return AccountStatus(None)
        plugin = identity.plugin
        admitted = plugin in self._with_joined(self._admitted(tx, user))
        known = {found.plugin for found in tx.users.identities(user.id)}
        exists = admitted or self.is_shared or not known.isdisjoint(self._joined(plugin))
        return AccountStatus(user, exists, admitted)

    def _admitted(self, tx: Transaction, user: User) -> frozenset[str]:
        return tx.admissions.of_user(user.id) & self._authenticators

    def _joined(self, plugin: str) -> frozenset[str]:
        """Give an authenticator with those that are joined with it."""
        return frozenset({plugin}).union(*(group for group in self._settings.one_person if plugin in group))

    def _with_joined(self, plugins: frozenset[str]) -> frozenset[str]:
        return frozenset().union(*map(self._joined, plugins))


def _holds_more(user: User) -> bool:
    """Tell whether a user has been given more than every new user has."""
    return user.admin or bool(user.groups) or not {USER_ROLE}.issuperset(user.roles)
