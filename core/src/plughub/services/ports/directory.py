"""What the services ask of the storage about many users at once, and of groups and roles."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

from plughub.domain.groups import Group
from plughub.domain.roles import Role
from plughub.domain.scopes import Reach
from plughub.domain.users import User, UserQuery

HolderKind = Literal["user", "group", "service"]
"""Who can hold a role."""


class Directory(Protocol):
    """Many users at once, and what is rarely done to one."""

    def page(self, query: UserQuery) -> list[User]:
        """List a page of users."""

    def count(self, query: UserQuery) -> int:
        """Count the users of all pages."""

    def by_ids(self, user_ids: Collection[int]) -> list[User]:
        """List users by key, in the order of their keys."""

    def known(self, names: Collection[str]) -> frozenset[str]:
        """Tell which names are names of users."""

    def create(self, names: Sequence[str]) -> list[int]:
        """Store users with default role and default server; answers the keys of those that are new."""

    def rename(self, user_id: int, name: str) -> None:
        """Give a user another name; ConflictError when somebody has it."""

    def delete(self, user_id: int) -> None:
        """Forget a user with all servers and tokens."""


class Admissions(Protocol):
    """Users whom administrators added, and the authenticators by which they may log in."""

    def of_user(self, user_id: int) -> frozenset[str]:
        """Tell by which authenticators a user may log in because an administrator added them."""

    def grant(self, user_ids: Collection[int], plugins: Collection[str]) -> None:
        """Let users log in by some authenticators."""


class Departures(Protocol):
    """Users who are being deleted."""

    def begin(self, user_id: int, *, holder: str, requested_by: str) -> bool:
        """Write down that a user is to be deleted; False when that stands there already."""

    def is_leaving(self, user_id: int) -> bool:
        """Tell whether a user is being deleted."""

    def withdraw(self, user_id: int) -> None:
        """Keep a user after all."""

    def take_abandoned(self, holder: str, living: Collection[str], busy: Collection[int]) -> list[int]:
        """Take over what nobody living goes on with, besides some users; answers the keys of the users."""


class Groups(Protocol):
    """Groups, their members and properties."""

    def get(self, name: str) -> Group | None:
        """Find a group."""

    def page(self, within: Reach, offset: int, limit: int) -> list[Group]:
        """List a page of the groups in a reach, by key."""

    def count(self, within: Reach) -> int:
        """Count the groups in a reach."""

    def create(self, names: Sequence[str]) -> list[str]:
        """Store groups; answers the names of those that are new."""

    def delete(self, name: str) -> None:
        """Forget a group."""

    def add_users(self, name: str, users: Collection[str]) -> None:
        """Add members; who is one already stays one."""

    def remove_users(self, name: str, users: Collection[str]) -> None:
        """Take members out."""

    def set_properties(self, name: str, properties: Mapping[str, Any]) -> None:
        """Store properties in place of those before."""


class Roles(Protocol):
    """Roles, what they hold, and who holds them."""

    def ensure(self, roles: Iterable[Role]) -> None:
        """Store roles that are missing and bring the others up to date."""

    def add_missing(self, roles: Iterable[Role]) -> None:
        """Store roles that are missing and leave the others as they are."""

    def all(self) -> list[Role]:
        """List the roles by name."""

    def get(self, name: str) -> Role | None:
        """Find a role."""

    def keep_only(self, names: Collection[str]) -> list[str]:
        """Delete all other roles, but none that an authenticator manages; answers their names."""

    def drop_managed(self, *, besides: Collection[str]) -> list[str]:
        """Delete the roles that authenticators manage, besides some; answers the names of the deleted."""

    def managed_of_user(self, user_id: int) -> frozenset[str]:
        """Name the roles that a user has from an authenticator."""

    def grant(self, role: str, kind: HolderKind, names: Collection[str], *, managed: bool = False) -> None:
        """Give a role to users, groups or services; managed: by an authenticator."""

    def revoke(self, role: str, kind: HolderKind, names: Collection[str]) -> None:
        """Take a role from users, groups or services."""

    def holders(self, role: str, kind: HolderKind, *, managed: bool | None = None) -> frozenset[str]:
        """Name the users, groups or services that hold a role themselves; None: whoever gave it."""

    def without_any(self) -> list[str]:
        """Name the users who hold no role themselves."""
