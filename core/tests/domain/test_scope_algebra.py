"""Algebraic laws of comparisons between sets of scopes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plughub.domain.scopes import (
    DEFINITIONS,
    Access,
    ScopeFilter,
    ScopeOwner,
    ScopeTree,
    check_scopes,
    effective_token_scopes,
    excess_scopes,
    expand_scopes,
    intersect_scopes,
    users_in_filters,
)

OWNER = ScopeOwner(user="alice", server="alice/lab", service="grader")
FILTERS = (
    "!user=alice",
    "!user=bob",
    "!server=alice/",
    "!server=alice/lab",
    "!server=bob/lab",
    "!group=class",
    "!group=staff",
    "!service=grader",
)
RESOURCES = (
    None,
    ScopeFilter.user("alice"),
    ScopeFilter.user("bob"),
    ScopeFilter.server("alice", ""),
    ScopeFilter.server("alice", "lab"),
    ScopeFilter.server("bob", "lab"),
    ScopeFilter.group("class"),
    ScopeFilter.group("staff"),
    ScopeFilter.service("grader"),
)

bases = st.sampled_from(
    ["servers", "read:servers", "read:users:name", "tokens", "groups", "shares", "admin:users"]
)
raw_scopes = st.builds(
    lambda base, limit: base + limit, bases, st.sampled_from(["", "!user", "!server", *FILTERS])
)
raw_sets = st.frozensets(
    raw_scopes | st.sampled_from(["self", "inherit", "(no_scope)", "admin-ui"]), max_size=6
)
held_sets = raw_sets.map(lambda raw: expand_scopes(raw, OWNER))
memberships = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(["alice", "bob"], st.frozensets(st.sampled_from(["class", "staff"])))
)


CYCLE = ScopeTree(
    {
        name: {"description": "x", "subscopes": [f"custom:{other}"]}
     for name, other in (("custom:aaa", "bbb"), ("custom:bbb", "ccc"), ("custom:ccc", "aaa"))}
)  # fmt: skip


@given(raw_sets)
def test_condensed_scopes_expand_to_the_same_set(raw):
    held = expand_scopes(raw, OWNER)
    condensed = ScopeTree().condense(held)
    assert expand_scopes(condensed, OWNER) == held
    assert set(condensed) <= held


def test_scopes_that_imply_each_other_are_all_kept():
    held = CYCLE.expand(["custom:aaa"])
    assert set(CYCLE.condense(held)) == held == {"custom:aaa", "custom:bbb", "custom:ccc"}


def allowed(held: frozenset[str], groups: dict[str, frozenset[str]]) -> set[tuple[str, ScopeFilter | None]]:
    """Return everything that a set of scopes allows, by brute force."""
    return {
        (scope, resource)
        for scope in DEFINITIONS
        for resource in RESOURCES
        if check_scopes(held, [scope], resource, groups.get(resource.user_name, ()) if resource else ())
        is Access.ALLOWED
    }


@given(held_sets, held_sets, memberships)
def test_the_order_of_the_sides_does_not_matter(these, those, groups) -> None:
    assert intersect_scopes(these, those, groups) == intersect_scopes(those, these, groups)


@given(held_sets, memberships)
def test_a_set_has_all_of_itself_in_common_with_itself(held, groups) -> None:
    assert intersect_scopes(held, held, groups) == held


@given(held_sets, held_sets, memberships)
def test_an_intersection_allows_no_more_than_either_side(these, those, groups) -> None:
    common = allowed(intersect_scopes(these, those, groups), groups)
    assert common <= allowed(these, groups)
    assert common <= allowed(those, groups)


@given(held_sets, held_sets, memberships)
def test_an_intersection_has_all_that_both_sides_allow_unless_both_name_groups_only(
    these, those, groups
) -> None:
    both = allowed(these, groups) & allowed(those, groups)
    lost = both - allowed(intersect_scopes(these, those, groups), groups)
    assert not lost & (allowed(these, {}) | allowed(those, {}))


@given(held_sets, held_sets, held_sets, memberships)
def test_more_scopes_on_one_side_never_shrink_the_intersection(these, more, those, groups) -> None:
    small = allowed(intersect_scopes(these, those, groups), groups)
    large = allowed(intersect_scopes(expand_scopes(these | more), those, groups), groups)
    assert small <= large


@given(raw_sets)
def test_expanding_twice_is_expanding_once(raw) -> None:
    once = expand_scopes(raw, OWNER)
    assert expand_scopes(once, OWNER) == once
    assert expand_scopes(once) == once


@given(raw_sets, raw_sets, memberships)
def test_more_scopes_never_expand_to_less(raw, more, groups) -> None:
    assert allowed(expand_scopes(raw, OWNER), groups) <= allowed(expand_scopes(raw | more, OWNER), groups)


@given(bases, st.sampled_from(["!user", "!server", "!service", *FILTERS]), memberships)
def test_a_filter_never_adds_permissions(base, limit, groups) -> None:
    assert allowed(expand_scopes([base + limit], OWNER), groups) <= allowed(expand_scopes([base]), groups)


@given(held_sets, held_sets, memberships)
def test_scopes_that_are_not_excess_are_held(wanted, held, groups) -> None:
    granted = wanted - excess_scopes(wanted, held, groups) - {"inherit", "(no_scope)"}
    assert allowed(granted, groups) <= allowed(held, groups)


@given(held_sets, memberships)
def test_held_scopes_are_never_excess(held, groups) -> None:
    assert not excess_scopes(held, held, groups)
    assert not excess_scopes(held, held | {"shutdown"}, groups)


@given(held_sets, held_sets, memberships)
def test_a_token_never_does_what_its_owner_may_not(token, owner, groups) -> None:
    assert allowed(effective_token_scopes(token, owner, groups), groups) <= allowed(owner, groups)


@given(held_sets, held_sets)
def test_groups_of_users_in_no_filter_do_not_matter(these, those) -> None:
    groups = {"alice": frozenset({"class"}), "bob": frozenset({"staff", "class"})}
    named = {name: groups[name] for name in users_in_filters(these, those)}
    assert intersect_scopes(these, those, named) == intersect_scopes(these, those, groups)


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        ("servers", "servers!user=alice", "servers!user=alice"),
        ("servers!user=alice", "servers!server=alice/lab", "servers!server=alice/lab"),
        ("servers!group=class", "servers!user=alice", "servers!user=alice"),
        ("servers!group=class", "servers!server=alice/lab", "servers!server=alice/lab"),
        ("servers!user=bob", "servers!server=alice/lab", ""),
        ("servers!group=staff", "servers!user=alice", ""),
        ("servers", "tokens", ""),
    ],
)
def test_a_server_is_part_of_its_user_and_a_user_of_their_groups(one: str, other: str, common: str) -> None:
    found = intersect_scopes(frozenset({one}), frozenset({other}), {"alice": ["class"]})
    assert found == ({common} if common else set())


def test_a_token_that_inherits_may_do_what_its_owner_may() -> None:
    owner = frozenset({"servers!user=alice"})
    assert effective_token_scopes(frozenset({"inherit", "shutdown"}), owner) == owner


def test_an_admin_of_users_cannot_grant_what_only_the_admin_role_has() -> None:
    held = expand_scopes(["admin:users"])
    assert excess_scopes(expand_scopes(["admin:users", "shutdown"]), held) == {"shutdown"}


def test_scopes_that_were_not_expanded_are_in_excess() -> None:
    held = expand_scopes(["admin:users", "servers"])
    assert excess_scopes(frozenset({"self", "servers!user"}), held) == {"self", "servers!user"}


def test_to_inherit_and_to_do_nothing_can_always_be_asked_for() -> None:
    assert not excess_scopes(frozenset({"inherit", "(no_scope)"}), frozenset())
