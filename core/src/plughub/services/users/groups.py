"""Groups: members, roles and properties."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from plughub.domain.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from plughub.domain.groups import Group, check_group_name
from plughub.domain.names import normalize_username, shorten
from plughub.domain.plain_json import plain_json
from plughub.domain.roles import owner_scopes
from plughub.domain.scopes import (
    FilterFacts,
    ScopeCoverage,
    ScopeOwner,
    ScopeTree,
    excess_scopes,
    gained_scopes,
    name_scopes,
)
from plughub.domain.words import _
from plughub.services.tokens.principals import Principal
from plughub.services.users.admin_protection import AdminRule
from plughub.storage.store import Store, Transaction


class GroupService:
    """Finds, creates and changes groups.

    Args:
        store: the storage.
        tree: hierarchy of scopes.
    """

    def __init__(self, store: Store, tree: ScopeTree) -> None:
        self._store = store
        self._tree = tree
        self._admins = AdminRule(tree)

    async def get(self, name: str) -> Group:
        """Find a group.

        Raises:
            NotFoundError: there is no such group.
        """
        return await self._store.read(lambda tx: _existing(tx, name))

    async def page(self, within: ScopeCoverage, offset: int, limit: int) -> tuple[list[Group], int]:
        """Return a page of groups and the total number.

        Args:
            within: only groups covered by these scopes.
            offset: groups before the page.
            limit: largest number of groups on the page.
        """
        return await self._store.read(
            lambda tx: (tx.groups.page(within, offset, limit), tx.groups.count(within))
        )

    async def create(
        self, names: Sequence[str], users: Collection[str] = (), *, by: Principal
    ) -> list[Group]:
        """Create groups.

        Args:
            names: names of the groups.
            users: names of the members of each.
            by: the caller.

        Returns:
            The groups.

        Raises:
            InvalidError: a name is not valid, or there is no such user.
            ConflictError: one of them exists already.
            ForbiddenError: the caller would gain access to a member through scopes for the group.
        """
        if not names:
            raise InvalidError("Must specify at least one group to create")
        for name in names:
            check_group_name(name)

        def work(tx: Transaction) -> list[Group]:
            new = tx.groups.create(names)
            existing = sorted(set(names) - set(new))
            if existing:
                raise ConflictError(
                    _(
                        "Group %(names)s already exists",
                        names=", ".join(shorten(name) for name in existing[:10]),
                    )
                )
            members = _users(tx, users)
            for name in new if members else ():
                self._check_joining(tx, _existing(tx, name), members, by)
                tx.groups.add_users(name, members)
            return [_existing(tx, name) for name in dict.fromkeys(names)]

        return await self._store.write(work)

    async def delete(self, name: str, by: Principal) -> None:
        """Delete a group; its members lose its roles.

        Args:
            name: its name.
            by: the caller.

        Raises:
            NotFoundError: there is no such group.
            ForbiddenError: the group has scopes that the caller does not hold.
        """

        def work(tx: Transaction) -> None:
            self._check_held(tx, _existing(tx, name), by)
            tx.groups.delete(name)

        await self._store.write(work)

    async def add(self, name: str, users: Collection[str], by: Principal) -> Group:
        """Add members, who get the scopes of the group.

        Args:
            name: name of the group.
            users: names of the members.
            by: the caller.

        Returns:
            The changed group.

        Raises:
            NotFoundError: there is no such group.
            InvalidError: there is no such user.
            ForbiddenError: the caller does not hold the scopes of the group, or would gain access to a member
                through scopes for the group.
        """

        def work(tx: Transaction) -> Group:
            group = _existing(tx, name)
            members = _users(tx, users)
            self._check_grant(group, set(members) - set(group.users), by)
            self._check_joining(tx, group, set(members) - set(group.users), by)
            tx.groups.add_users(name, members)
            return _existing(tx, name)

        return await self._store.write(work)

    async def remove(self, name: str, users: Collection[str], by: Principal) -> Group:
        """Remove members.

        Args:
            name: name of the group.
            users: names of the members.
            by: the caller.

        Returns:
            The changed group.

        Raises:
            NotFoundError: there is no such group.
            InvalidError: there is no such user.
            ForbiddenError: the group makes its members admins, and the caller is not one.
        """

        def work(tx: Transaction) -> Group:
            group = _existing(tx, name)
            if self._admins.grants_admin(group.scopes):
                self._admins.check(by, "change admins")
            tx.groups.remove_users(name, _users(tx, users))
            return _existing(tx, name)

        return await self._store.write(work)

    async def set_properties(self, name: str, properties: Mapping[str, Any]) -> Group:
        """Replace the properties of a group.

        Args:
            name: name of the group.
            properties: must be JSON.

        Returns:
            The changed group.

        Raises:
            NotFoundError: there is no such group.
            TooLargeError: the properties are too large.
            InvalidError: they are not JSON.
        """
        properties = plain_json(properties, "the properties of the group")

        def work(tx: Transaction) -> Group:
            _existing(tx, name)
            tx.groups.set_properties(name, properties)
            return _existing(tx, name)

        return await self._store.write(work)

    def _check_grant(self, group: Group, new: Collection[str], by: Principal) -> None:
        for member in sorted(new):
            granted = owner_scopes(self._tree, ScopeOwner(user=member), group.scopes)
            if excess := excess_scopes(granted, by.scopes):
                more = name_scopes(excess)
                raise ForbiddenError(
                    _(
                        "members of %(group)s have scopes that you do not hold: %(more)s",
                        group=shorten(group.name),
                        more=more,
                    ),
                    hint="ask an admin of this hub",
                )

    def _check_held(self, tx: Transaction, group: Group, by: Principal) -> None:
        """Refuse to delete a group whose scopes the caller does not hold."""
        # Roles from the config file would come back with a new group of that name.
        roles = [role for role in map(tx.roles.get, group.roles) if role is not None]
        given = self._tree.expand({scope for role in roles for scope in role.scopes})
        if excess := excess_scopes(given, by.scopes):
            raise ForbiddenError(
                _(
                    "%(group)s has scopes that you do not hold: %(excess)s",
                    group=shorten(group.name),
                    excess=name_scopes(excess),
                ),
                hint="ask an admin of this hub",
            )

    def _check_joining(self, tx: Transaction, group: Group, new: Collection[str], by: Principal) -> None:
        """Refuse members to whom the caller would gain access, and admins to whom any caller would."""
        for name in sorted(new):
            member = tx.users.get(name)
            if member is None:
                continue
            before = FilterFacts(name, member.groups)
            after = FilterFacts(name, {*member.groups, group.name})
            gained = gained_scopes(by.scopes, before, after)
            if not gained and self._admins.is_admin(member) and not self._admins.allows(by):
                gained = gained_scopes(self._over_members(tx, group.name), before, after)
            if gained:
                raise ForbiddenError(
                    _(
                        "as a member of %(group)s, %(name)s would be accessible through %(gained)s",
                        group=shorten(group.name),
                        name=shorten(name),
                        gained=name_scopes(gained),
                    ),
                    hint="ask an admin of this hub",
                )

    def _over_members(self, tx: Transaction, group: str) -> frozenset[str]:
        """Return the scopes over members of a group that any role grants."""
        # Role by role: expanded together, a scope without a filter would hide the same scope with a filter.
        scopes = frozenset().union(*(self._tree.expand(role.scopes) for role in tx.roles.all()))
        return frozenset(scope for scope in scopes if scope.endswith(f"!group={group}"))


def _existing(tx: Transaction, name: str) -> Group:
    group = tx.groups.get(name)
    if group is None:
        raise NotFoundError(_("there is no group %(name)s", name=shorten(name)))
    return group


def _users(tx: Transaction, names: Collection[str]) -> list[str]:
    wanted = sorted({normalize_username(name) for name in names})
    unknown = sorted(set(wanted) - tx.user_list.known(wanted)) if wanted else []
    if unknown:
        raise InvalidError(
            _("No such user: %(names)s", names=", ".join(shorten(name) for name in unknown[:10]))
        )
    return wanted
