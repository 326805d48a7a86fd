import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plughub.domain.errors import InvalidError
from plughub.domain.scopes import (
    DEFINITIONS,
    Access,
    ScopeCoverage,
    ScopeFilter,
    ScopeOwner,
    ScopeTree,
    access_scopes,
    check_scopes,
    coverage_of,
    describe_scopes,
    expand_scopes,
    identify_scopes,
    parse_scope,
    service_access_scopes,
)

ALICE = ScopeOwner(user="alice")


@pytest.mark.parametrize(
    ("scope", "parsed"),
    [
        ("servers", ("servers", None)),
        ("servers!user", ("servers", ScopeFilter("user"))),
        ("access:servers!server", ("access:servers", ScopeFilter("server"))),
        ("access:services!service", ("access:services", ScopeFilter("service"))),
        ("servers!user=alice", ("servers", ScopeFilter.user("alice"))),
        ("servers!server=alice/", ("servers", ScopeFilter.server("alice", ""))),
        ("servers!server=alice/lab", ("servers", ScopeFilter.server("alice", "lab"))),
        ("groups!group=class", ("groups", ScopeFilter.group("class"))),
        ("access:services!service=grader", ("access:services", ScopeFilter.service("grader"))),
        ("servers!user=a!b=c", ("servers", ScopeFilter.user("a!b=c"))),
    ],
)
def test_a_scope_is_taken_apart(scope: str, parsed: tuple[str, ScopeFilter | None]) -> None:
    assert parse_scope(scope) == parsed


@pytest.mark.parametrize(
    "scope",
    ["servers!", "servers!user=", "servers!group", "servers!team=x", "servers!server=alice", "servers!=x"],
)
def test_an_invalid_filter_is_refused(scope: str) -> None:
    with pytest.raises(InvalidError, match="scope 'servers!"):
        parse_scope(scope)


@given(st.sampled_from(["user", "group", "service"]), st.text(min_size=1))
def test_a_filter_reads_back_whatever_the_name(kind: str, name: str) -> None:
    limit = ScopeFilter(kind, name)
    assert parse_scope(f"servers{limit}") == ("servers", limit)


def test_self_covers_everything_of_the_user() -> None:
    names = (
        "access:servers delete:servers read:servers read:shares read:tokens read:users read:users:activity "
        "read:users:groups read:users:name read:users:shares servers start:servers tokens users:activity users:shares"
    )
    assert expand_scopes(["self"], ALICE) == {f"{name}!user=alice" for name in names.split()}


def test_self_gives_a_service_nothing() -> None:
    assert expand_scopes(["self"], ScopeOwner(service="grader")) == frozenset()


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        (
            "admin:users",
            (
                "admin:auth_state admin:users delete:users list:users read:roles:users read:users read:users:activity "
                "read:users:groups read:users:name users users:activity"
            ),
        ),
        (
            "admin:servers",
            "admin:server_state admin:servers delete:servers read:servers read:users:name servers start:servers",
        ),
        (
            "admin:groups",
            "admin:groups delete:groups groups list:groups read:groups read:groups:name read:roles:groups",
        ),
        (
            "admin:services",
            "admin:services list:services read:roles:services read:services read:services:name",
        ),
        ("read:roles", "read:roles read:roles:groups read:roles:services read:roles:users"),
        (
            "shares",
            "access:servers groups:shares read:groups:shares read:shares read:users:shares shares users:shares",
        ),
        ("tokens", "read:tokens tokens"),
        ("inherit", "inherit"),
        ("(no_scope)", "(no_scope)"),
        ("admin-ui", "admin-ui"),
        ("shutdown", "shutdown"),
    ],
)
def test_a_scope_implies_its_subscopes(scope: str, names: str) -> None:
    assert expand_scopes([scope]) == set(names.split())


def test_subscopes_carry_the_filter() -> None:
    assert expand_scopes(["tokens!group=class"]) == {"tokens!group=class", "read:tokens!group=class"}


def test_a_server_filter_drops_what_is_not_about_servers() -> None:
    assert expand_scopes(["servers!server=alice/lab"]) == {
        "servers!server=alice/lab",
        "read:servers!server=alice/lab",
        "start:servers!server=alice/lab",
        "delete:servers!server=alice/lab",
    }


def test_self_filters_stand_for_the_owner_and_the_client() -> None:
    owner = ScopeOwner(user="alice", server="alice/lab", service="grader")
    raw = ["read:tokens!user", "access:servers!server", "access:services!service"]
    assert expand_scopes(raw, owner) == {
        "read:tokens!user=alice",
        "access:servers!server=alice/lab",
        "access:services!service=grader",
    }


@pytest.mark.parametrize(
    "scope",
    [
        "read:tokens!user",
        "access:servers!server",
        "access:services!service",
        "no:such",
        "servers!x=y",
        "self!user=bob",
    ],
)
def test_unresolvable_filters_grant_nothing(scope: str) -> None:
    assert expand_scopes([scope]) == frozenset()


def test_a_scope_without_filter_includes_the_same_scope_with_one() -> None:
    assert expand_scopes(["shutdown", "shutdown!user=x"]) == {"shutdown"}


def test_every_subscope_is_defined_and_described() -> None:
    for definition in DEFINITIONS.values():
        assert set(definition.subscopes) <= DEFINITIONS.keys()
        assert definition.description.endswith(".")


def test_scopes_that_exist_pass_the_check() -> None:
    ScopeTree().check([*DEFINITIONS, "servers!user", "servers!server=a/b", "read:users!group=g"])


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        ("server", "scope 'server' for role 'x' does not exist; did you mean 'servers'?"),
        ("zzz", "scope 'zzz' for role 'x' does not exist"),
        ("self!user=bob", "'self' takes no filter"),
    ],
)
def test_a_scope_that_does_not_exist_is_named(scope: str, message: str) -> None:
    with pytest.raises(InvalidError) as caught:
        ScopeTree().check([scope], "role 'x'")
    assert message in str(caught.value)


CUSTOM = {
    "custom:lab:read": {"description": "Look at files", "subscopes": ["custom:lab:list"]},
    "custom:lab:list": {"description": "List files"},
}


def test_custom_scopes_extend_one_tree_and_no_other() -> None:
    tree = ScopeTree(CUSTOM)
    assert tree.expand(["custom:lab:read!user"], ALICE) == {
        "custom:lab:read!user=alice",
        "custom:lab:list!user=alice",
    }
    assert ScopeTree().expand(["custom:lab:read"]) == frozenset()


def test_custom_scopes_may_imply_each_other() -> None:
    loop = {
        "custom:aaa": {"description": "a", "subscopes": ["custom:bbb"]},
        "custom:bbb": {"description": "b", "subscopes": ["custom:aaa"]},
    }
    assert ScopeTree(loop).expand(["custom:aaa"]) == {"custom:aaa", "custom:bbb"}


@pytest.mark.parametrize(
    ("name", "definition", "message"),
    [
        ("lab:read", {"description": "x"}, "invalid custom scope"),
        ("custom:-lab", {"description": "x"}, "invalid custom scope"),
        ("custom:lab:", {"description": "x"}, "invalid custom scope"),
        ("custom:xx", {"description": "x"}, "invalid custom scope"),
        ("custom:LAB", {"description": "x"}, "invalid custom scope"),
        ("custom:lab\n", {"description": "x"}, "invalid custom scope"),
        ("custom:lab", {}, "has no 'description'"),
        ("custom:lab", "text", "has no 'description'"),
        ("custom:lab", {"description": "x", "subscope": []}, "unknown keys: subscope"),
        ("custom:lab", {"description": "x", "subscopes": "custom:other"}, "must be a list"),
        ("custom:lab", {"description": "x", "subscopes": ["servers"]}, "not a custom scope"),
        ("custom:lab", {"description": "x", "subscopes": ["custom:other"]}, "not a custom scope"),
    ],
)
def test_a_wrong_definition_is_refused(name: str, definition: object, message: str) -> None:
    with pytest.raises(InvalidError, match=message):
        ScopeTree({name: definition})


LAB = ScopeFilter.server("alice", "lab")


@pytest.mark.parametrize(
    ("held", "resource", "groups", "answer"),
    [
        ("servers", None, (), Access.ALLOWED),
        ("servers", LAB, (), Access.ALLOWED),
        ("servers!server=alice/lab", LAB, (), Access.ALLOWED),
        ("servers!server=alice/", LAB, (), Access.FILTERED),
        ("servers!user=alice", LAB, (), Access.ALLOWED),
        ("servers!user=alic", LAB, (), Access.FILTERED),
        ("servers!group=class", LAB, ("class",), Access.ALLOWED),
        ("servers!group=class", LAB, ("other",), Access.FILTERED),
        ("servers!group=class", LAB, (), Access.FILTERED),
        ("servers!user=alice", ScopeFilter.user("alice"), (), Access.ALLOWED),
        ("servers!server=alice/lab", ScopeFilter.user("alice"), (), Access.FILTERED),
        ("servers!group=class", ScopeFilter.user("alice"), ("class",), Access.ALLOWED),
        ("servers!group=class", ScopeFilter.group("class"), (), Access.ALLOWED),
        ("servers!group=class", ScopeFilter.group("other"), ("class",), Access.FILTERED),
        ("servers!user=class", ScopeFilter.group("class"), (), Access.FILTERED),
        ("servers!service=grader", ScopeFilter.service("grader"), (), Access.ALLOWED),
        ("servers!user=grader", ScopeFilter.service("grader"), (), Access.FILTERED),
        ("servers!user=alice", None, (), Access.MISSING),
        ("tokens", LAB, (), Access.MISSING),
        ("servers!user", ScopeFilter.user(""), (), Access.MISSING),
    ],
)
def test_a_check_compares_filter_and_resource(
    held: str, resource: ScopeFilter | None, groups: tuple[str, ...], answer: Access
) -> None:
    assert check_scopes(frozenset({held}), ["servers"], resource, groups) is answer


def test_any_of_the_needed_scopes_is_enough() -> None:
    held = frozenset({"read:users!user=bob", "read:users:name!user=alice"})
    needed = ("read:users", "read:users:name")
    assert check_scopes(held, needed, ScopeFilter.user("alice")) is Access.ALLOWED
    assert check_scopes(held, needed, ScopeFilter.user("carol")) is Access.FILTERED


@pytest.mark.parametrize("scope", sorted(set(DEFINITIONS) - {"self", "inherit"}))
@pytest.mark.parametrize("limit", ["user=x", "server=x/y", "group=x", "service=x"])
def test_a_filtered_scope_never_counts_where_there_is_no_resource(scope: str, limit: str) -> None:
    held = expand_scopes([f"{scope}!{limit}"])
    assert check_scopes(held, DEFINITIONS) is Access.MISSING


def test_a_list_call_learns_what_it_may_show() -> None:
    held = frozenset({"list:users!user=alice", "list:users!group=class"})
    assert coverage_of(held, "list:users") == ScopeCoverage(
        users=frozenset({"alice"}), groups=frozenset({"class"})
    )
    assert coverage_of(frozenset({"list:users"}), "list:users").everything
    assert not coverage_of(held, "list:groups").covers(ScopeFilter.group("class"))


def test_a_server_is_opened_by_its_access_scope() -> None:
    held = access_scopes("alice", "")
    assert held == {"access:servers!server=alice/"}
    assert check_scopes(held, ["access:servers"], ScopeFilter.server("alice", "")) is Access.ALLOWED
    assert service_access_scopes("grader") == {"access:services!service=grader"}


def test_every_principal_can_read_its_identity() -> None:
    assert identify_scopes("alice") == {"read:users:name!user=alice", "read:users:groups!user=alice"}
    assert identify_scopes("grader", "service") == {"read:services:name!service=grader"}
    assert expand_scopes(identify_scopes(), ALICE) == identify_scopes("alice")


def test_scopes_are_described_for_the_reader() -> None:
    lines = describe_scopes(
        ["servers!user=alice", "tokens", "read:users!group=class", "access:servers!server", "no:such"],
        ScopeTree(),
        "alice",
    )
    assert {line.scope: line.filter for line in lines} == {
        "servers": "only you",
        "tokens": "",
        "read:users": "users in group class",
        "access:servers": "this server",
    }


def test_a_cached_check_takes_microseconds() -> None:
    held = expand_scopes(["self"], ALICE)
    check_scopes(held, ("servers",), LAB)
    begin = time.process_time()
    for _ in range(10_000):
        check_scopes(held, ("servers",), LAB)
    # about one microsecond each; parsing again each time would take twenty times the bound
    assert time.process_time() - begin < 0.1
