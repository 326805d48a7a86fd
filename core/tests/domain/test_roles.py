import pytest

from plughub.domain.errors import InvalidError
from plughub.domain.roles import (
    DEFAULT_ROLES,
    Role,
    check_role,
    check_role_name,
    default_role,
    owner_scopes,
)
from plughub.domain.scopes import Access, ScopeFilter, ScopeOwner, ScopeTree, check_scopes, expand_scopes

TREE = ScopeTree()


@pytest.mark.parametrize("name", ["user", "a-b", "course.2026~x_y", "a" * 255, "abc"])
def test_a_valid_role_name_is_accepted(name: str) -> None:
    assert check_role_name(name) == name


@pytest.mark.parametrize("name", ["", "a", "ab", "1ab", "ab-", "aB1", "a b", "a" * 256, "abc\n"])
def test_an_invalid_role_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidError, match="invalid role name"):
        check_role_name(name)


def test_the_default_roles_are_good_roles() -> None:
    assert [role.name for role in DEFAULT_ROLES] == ["user", "admin", "server", "token"]
    for role in DEFAULT_ROLES:
        assert check_role(role, TREE) is role


def test_the_admin_role_reaches_everything_but_the_metascopes() -> None:
    held = owner_scopes(TREE, ScopeOwner(user="root"), default_role("admin").scopes)
    assert set(TREE.definitions) - held == {"self", "inherit", "(no_scope)"}


def test_the_admin_role_cannot_be_redefined() -> None:
    with pytest.raises(InvalidError, match="cannot be changed"):
        check_role(Role(name="admin", scopes=("servers",)), TREE)


def test_a_role_with_a_scope_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidError, match=r"scope 'server' for role 'helper' does not exist"):
        check_role(Role(name="helper", scopes=("server",)), TREE)


def test_a_server_reports_activity_of_its_user_and_opens_itself() -> None:
    owner = ScopeOwner(user="alice", server="alice/lab")
    assert owner_scopes(TREE, owner, default_role("server").scopes) == {
        "users:activity!user=alice",
        "read:users:activity!user=alice",
        "access:servers!server=alice/lab",
    }


def test_a_user_has_the_scopes_of_their_roles_and_shares() -> None:
    given = (*default_role("user").scopes, "read:servers!group=class", "access:servers!server=bob/lab")
    held = owner_scopes(TREE, ScopeOwner(user="alice"), given)
    assert held == expand_scopes(["self"], ScopeOwner(user="alice")) | expand_scopes(
        ["read:servers!group=class", "access:servers!server=bob/lab"]
    )
    assert check_scopes(held, ["access:servers"], ScopeFilter.server("bob", "lab")) is Access.ALLOWED
    assert check_scopes(held, ["access:servers"], ScopeFilter.server("bob", "")) is Access.FILTERED


def test_a_role_that_inherits_gives_its_holder_nothing() -> None:
    assert owner_scopes(TREE, ScopeOwner(user="alice"), default_role("token").scopes) == frozenset()
