"""Who is who: the user behind an identity, and what is stored of what an authenticator says of her."""

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
from plughub.services.users.admission import AccountStatus, Admission
from plughub.storage.store import Transaction

log = logging.getLogger("plughub.login")


def _plain(user_info: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return what an authenticator tells of a person; nothing where lists cannot carry it."""
    try:
        return plain_json(user_info, "the user_info")
    except InvalidError as error:
        log.warning("the user_info of user %s is not stored: %s", shorten(name), error.message)
        return {}


class IdentityService:
    """Stores what authenticators say of people. Every method runs inside a transaction.

    Args:
        settings: of the hub.
        tree: the scopes of the hub.
        visitors: plugins that let an existing person in without being one of her identities.
    """

    def __init__(
        self, settings: HubSettings, tree: ScopeTree, visitors: frozenset[str] = frozenset()
    ) -> None:
        self._settings = settings
        self._tree = tree
        self.visitors = visitors
        self.admission = Admission(settings, visitors)

    def standing(self, tx: Transaction, identity: Identity) -> AccountStatus:
        """Find the user that an identity is, and what is known of them.

        Args:
            tx: the transaction.
            identity: the person, with plugin and subject.

        Returns:
            What is known.

        Raises:
            ForbiddenError: the name is another person's, or the user is just being deleted.
        """
        return self.admission.standing(tx, identity, self.owner(tx, identity))

    def owner(self, tx: Transaction, identity: Identity) -> User | None:
        """Find the user that an identity is.

        Args:
            tx: the transaction.
            identity: the person, with plugin and subject.

        Returns:
            The user; None when she is new.

        Raises:
            ForbiddenError: the name is another person's, or the user is just being deleted.
        """
        user = self._owner(tx, identity)
        if user is not None and tx.pending_deletions.is_pending(user.id):
            raise ForbiddenError(f"the user {shorten(user.name)} is being deleted", hint="try again later")
        return user

    def _owner(self, tx: Transaction, identity: Identity) -> User | None:
        # The name first: whoever sees a user that another process has just stored sees her identities too.
        name = identity.login_name or identity.name
        user = tx.users.get(name)
        key = tx.users.identity_owner(identity.plugin, identity.subject)
        if key is not None:
            return tx.users.by_id(key)
        if identity.plugin in self.visitors:
            self._check_promotion(tx, identity, user)
            return user
        joined = self._joined(tx, identity.plugin, name)
        if joined is not None:
            return joined
        others = {known.plugin for known in tx.users.identities(user.id)} if user is not None else set()
        if others:
            raise ForbiddenError(
                f"the name {shorten(name)} belongs to somebody who logs in with "
                f"{', '.join(sorted(others))}; an administrator can join the two",
                detail="JupyterHub.one_person",
            )
        self.admission.check_name(tx, identity.plugin, name, user)
        return user

    def _check_promotion(self, tx: Transaction, identity: Identity, user: User | None) -> None:
        """Refuse to make an account an admin that may belong to another person of the same name."""
        known = {found.plugin for found in tx.users.identities(user.id)} if user is not None else set()
        if user is not None and known and identity.admin and not user.admin:
            raise ForbiddenError(
                f"the user {shorten(user.name)} logs in with {', '.join(sorted(known))} and is no admin: "
                "a login link does not make them one",
                detail="list them in admin_users of that authenticator, or make a link for another name",
            )

    def _joined(self, tx: Transaction, plugin: str, name: str) -> User | None:
        """Find the one user whom a plugin that is joined with this one knows by the same name.

        It goes by the names that authenticators give: that of the user may have been changed. Whom this
        plugin knows by another subject is another person.
        """
        groups = [group for group in self._settings.one_person if plugin in group]
        partners = frozenset().union(*groups) - {plugin}
        keys = tx.users.known_as(name, partners) if partners else []
        if len(keys) != 1 or any(known.plugin == plugin for known in tx.users.identities(keys[0])):
            return None
        return tx.users.by_id(keys[0])

    def remember(
        self, tx: Transaction, identity: Identity, sealed: EncryptedState | None, *, was_known: bool = False
    ) -> User:
        """Store a person who logs in, new or not.

        Args:
            tx: the transaction.
            identity: the person.
            sealed: their secrets; None to leave what is stored.
            was_known: the login was allowed as that of a user who was stored then.

        Returns:
            The user.

        Raises:
            ForbiddenError: the user was deleted in the meantime, or the name is another person's.
        """
        user = self.owner(tx, identity)
        if user is None and was_known:
            raise ForbiddenError("your account has just been deleted", hint="try again")
        if user is not None:
            self._check_again(tx, user, identity)
        else:
            try:
                user = tx.users.create(identity.login_name or identity.name)
            except ConflictError:
                # Somebody was first: perhaps she herself, perhaps another person of that name.
                user = self.owner(tx, identity)
                if user is None:
                    raise
                self._check_again(tx, user, identity)
        self.update(tx, user.id, identity, sealed)
        return tx.users.by_id(user.id) or user

    def _check_again(self, tx: Transaction, user: User, identity: Identity) -> None:
        """Lock a user, and refuse whom another process has made another person in the meantime."""
        tx.users.lock(user.id)
        now = self.owner(tx, identity)
        if now is None or now.id != user.id:
            raise ForbiddenError(f"the user {shorten(user.name)} was just changed; try again")

    def update(
        self, tx: Transaction, user_id: int, identity: Identity, sealed: EncryptedState | None
    ) -> None:
        """Store what an authenticator says of a user, and that it said so now.

        Args:
            tx: the transaction.
            user_id: key of the user.
            identity: the person.
            sealed: her secrets; None to leave what is stored.
        """
        tx.users.lock(user_id)
        user = tx.users.by_id(user_id)
        if user is None:
            return
        if identity.plugin not in self.visitors:
            tx.users.add_identity(user_id, identity.plugin, identity.subject, identity.login_name)
        if identity.admin is not None and identity.admin != user.admin:
            tx.users.set_admin(user_id, identity.admin)
        if identity.groups is not None and set(identity.groups) != set(user.groups):
            tx.users.set_groups(user_id, identity.groups)
        if identity.roles is not None:
            self._give_roles(tx, user, identity.roles)
        user_info = _plain(identity.user_info, user.name)
        if user_info and user_info != dict(user.user_info):
            tx.users.update(user_id, user_info=user_info)
        if sealed is not None:
            tx.users.set_auth_state(user_id, sealed.data)

    # ---- roles that authenticators manage

    def declare(self, tx: Transaction, roles: Collection[ManagedRole], *, reset: bool) -> None:
        """Bring the managed roles to what authenticators name at the start of the hub.

        Args:
            tx: the transaction.
            roles: what they name.
            reset: take away all else that authenticators gave before.

        Raises:
            InvalidError: a role is not good.
        """
        for role in roles:
            self._store_role(tx, role)
        if not reset:
            return
        named = {role.name: role for role in roles}
        gone = tx.roles.drop_managed(besides=named)
        if gone:
            log.info("roles that no authenticator names any more are deleted: %s", ", ".join(sorted(gone)))
        for name, role in named.items():
            # users who are not listed keep a role that came with a login
            kept: Mapping[HolderKind, Collection[str] | None] = {
                "user": role.users,
                "group": role.groups or (),
                "service": role.services or (),
            }
            for kind, names in kept.items():
                if names is not None:
                    tx.roles.revoke(name, kind, tx.roles.holders(name, kind, managed=True) - set(names))

    def _give_roles(self, tx: Transaction, user: User, roles: Collection[ManagedRole]) -> None:
        """Give a user these roles, and take away those that an authenticator gave before."""
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
        log.info("%s has the roles %s from her authenticator", user.name, ", ".join(sorted(wanted)) or "none")

    def _store_role(self, tx: Transaction, role: ManagedRole) -> None:
        """Make a role or bring it up to date, and have exactly those hold it who are listed."""
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
            log.warning("role %s cannot be given to %ss that are not there: %s", role, kind, sorted(missing))
