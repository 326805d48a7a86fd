"""Identities: users behind logins, and what authenticators report about them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Any

from plughub.domain.errors import ConflictError, ForbiddenError, InvalidError
from plughub.domain.names import shorten
from plughub.domain.plain_json import plain_json
from plughub.domain.roles import ADMIN_ROLE, HolderKind, Role, check_role
from plughub.domain.scopes import ScopeTree
from plughub.domain.users import User
from plughub.kinds import Identity, ManagedRole
from plughub.services.secrets.auth_states import EncryptedState
from plughub.services.settings import HubSettings
from plughub.services.users.admission import AccountStatus, Admission, plugins_that_know
from plughub.storage.store import Transaction

log = logging.getLogger("plughub.login")


def _plain(user_info: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the user_info that an authenticator reports; empty when it cannot be stored."""
    try:
        return plain_json(user_info, "the user_info")
    except InvalidError as error:
        log.warning("cannot store the user_info of user %s: %s", shorten(name), error.message)
        return {}


class IdentityService:
    """Stores what authenticators report about users. All methods run inside a transaction.

    Args:
        settings: settings of the hub.
        tree: hierarchy of scopes.
        non_identifying: plugins that log in existing users without identifying them.
    """

    def __init__(
        self, settings: HubSettings, tree: ScopeTree, non_identifying: frozenset[str] = frozenset()
    ) -> None:
        self._settings = settings
        self._tree = tree
        self.non_identifying = non_identifying
        self.admission = Admission(settings, non_identifying)

    def account_status(self, tx: Transaction, identity: Identity) -> AccountStatus:
        """Return what the hub knows about the account of a login.

        Args:
            tx: the transaction.
            identity: the identity, with plugin and subject.

        Raises:
            ForbiddenError: the name belongs to another user, or the user is being deleted.
        """
        return self.admission.account_status(tx, identity, self.find_user(tx, identity))

    def find_user(self, tx: Transaction, identity: Identity) -> User | None:
        """Find the user of an identity.

        Args:
            tx: the transaction.
            identity: the identity, with plugin and subject.

        Returns:
            The user; None for a new one.

        Raises:
            ForbiddenError: the name belongs to another user, or the user is being deleted.
        """
        user = self._find_user(tx, identity)
        if user is not None and tx.pending_deletions.is_pending(user.id):
            raise ForbiddenError(f"the user {shorten(user.name)} is being deleted", hint="try again later")
        return user

    def _find_user(self, tx: Transaction, identity: Identity) -> User | None:
        # The name first: a user who was just stored by another process is visible with all identities.
        name = identity.login_name or identity.name
        user = tx.users.get(name)
        key = tx.users.identity_owner(identity.plugin, identity.subject)
        if key is not None:
            return tx.users.by_id(key)
        if identity.plugin in self.non_identifying:
            self._check_promotion(tx, identity, user)
            return user
        joined = self._user_of_joined_plugin(tx, identity.plugin, name)
        if joined is not None:
            return joined
        others = {known.plugin for known in tx.users.identities(user.id)} if user is not None else set()
        if others:
            raise ForbiddenError(
                f"the name {shorten(name)} belongs to a user who logs in with "
                f"{', '.join(sorted(others))}; an administrator can join the two",
                detail="JupyterHub.one_person",
            )
        self.admission.check_name(tx, identity.plugin, name, user)
        return user

    def _check_promotion(self, tx: Transaction, identity: Identity, user: User | None) -> None:
        """Refuse to make an account an admin when it may belong to another person with the same name."""
        known = plugins_that_know(tx, user) if user is not None else set()
        if user is not None and known and identity.admin and not user.admin:
            raise ForbiddenError(
                f"the user {shorten(user.name)} logs in with {', '.join(sorted(known))} and is not an admin: "
                "a login link does not make them one",
                detail="list them in admin_users of that authenticator, or make a link for another name",
            )

    def _user_of_joined_plugin(self, tx: Transaction, plugin: str, name: str) -> User | None:
        """Return the only user whom a joined plugin knows by the same name."""
        # Names are those that the authenticators returned: the user may have been renamed. A user whom this
        # plugin knows by another subject is another person.
        groups = [group for group in self._settings.one_person if plugin in group]
        joined_plugins = frozenset().union(*groups) - {plugin}
        keys = tx.users.known_as(name, joined_plugins) if joined_plugins else []
        if len(keys) != 1 or any(known.plugin == plugin for known in tx.users.identities(keys[0])):
            return None
        return tx.users.by_id(keys[0])

    def store_login(
        self,
        tx: Transaction,
        identity: Identity,
        encrypted: EncryptedState | None,
        *,
        was_known: bool = False,
    ) -> User:
        """Create or update the user of a login.

        Args:
            tx: the transaction.
            identity: the identity.
            encrypted: encrypted auth state; None to keep what is stored.
            was_known: the login was allowed as that of an existing user.

        Returns:
            The user.

        Raises:
            ForbiddenError: the user was deleted in the meantime, or the name belongs to another user.
        """
        user = self.find_user(tx, identity)
        if user is None and was_known:
            raise ForbiddenError("your account has just been deleted", hint="try again")
        if user is not None:
            self._lock_and_recheck(tx, user, identity)
        else:
            try:
                user = tx.users.create(identity.login_name or identity.name)
            except ConflictError:
                # Created in the meantime, by another login of this user or of a person with the same name.
                user = self.find_user(tx, identity)
                if user is None:
                    raise
                self._lock_and_recheck(tx, user, identity)
        self.update(tx, user.id, identity, encrypted)
        return tx.users.by_id(user.id) or user

    def _lock_and_recheck(self, tx: Transaction, user: User, identity: Identity) -> None:
        """Lock a user, and refuse when another process has assigned the identity to another user."""
        tx.users.lock(user.id)
        now = self.find_user(tx, identity)
        if now is None or now.id != user.id:
            raise ForbiddenError(f"the user {shorten(user.name)} was just changed; try again")

    def update(
        self, tx: Transaction, user_id: int, identity: Identity, encrypted: EncryptedState | None
    ) -> None:
        """Store what an authenticator reports about a user, with the current time.

        Args:
            tx: the transaction.
            user_id: key of the user.
            identity: the identity.
            encrypted: encrypted auth state; None to keep what is stored.
        """
        tx.users.lock(user_id)
        user = tx.users.by_id(user_id)
        if user is None:
            return
        if identity.plugin not in self.non_identifying:
            tx.users.add_identity(user_id, identity.plugin, identity.subject, identity.login_name)
        if identity.admin is not None and identity.admin != user.admin:
            tx.users.set_admin(user_id, identity.admin)
        if identity.groups is not None and set(identity.groups) != set(user.groups):
            tx.users.set_groups(user_id, identity.groups)
        if identity.roles is not None:
            self._set_managed_roles(tx, user, identity.roles)
        user_info = _plain(identity.user_info, user.name)
        if user_info and user_info != dict(user.user_info):
            tx.users.update(user_id, user_info=user_info)
        if encrypted is not None:
            tx.users.set_auth_state(user_id, encrypted.data)

    # ---- roles that authenticators manage

    def sync_managed_roles(self, tx: Transaction, roles: Collection[ManagedRole], *, reset: bool) -> None:
        """Store the managed roles that authenticators name at startup.

        Args:
            tx: the transaction.
            roles: the roles.
            reset: delete all other managed roles and assignments.

        Raises:
            InvalidError: a role is not valid.
        """
        for role in roles:
            self._store_role(tx, role)
        if not reset:
            return
        named = {role.name: role for role in roles}
        deleted = tx.roles.drop_managed(except_for=named)
        if deleted:
            log.info("deleting roles that no authenticator names any more: %s", ", ".join(sorted(deleted)))
        for name, role in named.items():
            # without a list of users, they keep roles that came with a login
            holders_by_kind: Mapping[HolderKind, Collection[str] | None] = {
                "user": role.users,
                "group": role.groups or (),
                "service": role.services or (),
            }
            for kind, names in holders_by_kind.items():
                if names is not None:
                    tx.roles.revoke(name, kind, tx.roles.holders(name, kind, managed=True) - set(names))

    def _set_managed_roles(self, tx: Transaction, user: User, roles: Collection[ManagedRole]) -> None:
        """Replace the managed roles of a user."""
        wanted = {role.name for role in roles}
        for role in roles:
            self._store_role(tx, role)
        before = tx.roles.managed_of_user(user.id)
        if wanted == before:
            return
        for name in sorted(wanted - before):
            tx.roles.grant(name, "user", [user.name], managed=True)
        for name in sorted(before - wanted):
            tx.roles.revoke(name, "user", [user.name])
        if (ADMIN_ROLE in wanted) != (ADMIN_ROLE in before):
            tx.users.set_admin(user.id, ADMIN_ROLE in wanted)
        log.info("managed roles of user %s are now: %s", user.name, ", ".join(sorted(wanted)) or "none")

    def _store_role(self, tx: Transaction, role: ManagedRole) -> None:
        """Create or update a role, and assign it to exactly the listed holders."""
        known = tx.roles.get(role.name)
        before = known or Role(name=role.name, managed_by_auth=True)
        new = Role(
            name=role.name,
            description=before.description if role.description is None else role.description,
            scopes=before.scopes if role.scopes is None else role.scopes,
            managed_by_auth=before.managed_by_auth,
        )
        check_role(new, self._tree)
        if new != known:
            tx.roles.ensure([new])
        listed: Mapping[HolderKind, Collection[str] | None] = {
            "user": role.users,
            "group": role.groups,
            "service": role.services,
        }
        for kind, names in listed.items():
            if names is not None:
                self._assign(tx, role.name, kind, names)

    def _assign(self, tx: Transaction, role: str, kind: HolderKind, names: Collection[str]) -> None:
        held = tx.roles.holders(role, kind)
        tx.roles.revoke(role, kind, held - set(names))
        tx.roles.grant(role, kind, names, managed=True)
        missing = set(names) - tx.roles.holders(role, kind)
        if missing:
            log.warning("cannot assign role %s to unknown %ss: %s", role, kind, sorted(missing))
