"""Groups, on every database."""

from plughub.domain.roles import Role
from plughub.domain.scopes import ScopeCoverage

ALL = ScopeCoverage(everything=True)


def test_groups_with_members_roles_and_properties(stored):
    stored(lambda tx: tx.user_list.create(["bob", "alice", "carol"]))
    assert stored(lambda tx: tx.groups.create(["class", "staff"])) == ["class", "staff"]
    assert stored(lambda tx: tx.groups.create(["class"])) == []
    stored(lambda tx: tx.groups.add_users("class", ["bob", "alice"]))
    stored(lambda tx: tx.groups.add_users("class", ["bob", "carol"]))
    stored(lambda tx: tx.groups.remove_users("class", ["carol", "nobody"]))
    stored(lambda tx: tx.groups.set_properties("class", {"room": [1, None]}))
    stored(lambda tx: tx.roles.ensure([Role(name="tutor", scopes=("read:hub",))]))
    stored(lambda tx: tx.roles.grant("tutor", "group", ["class"]))
    group = stored(lambda tx: tx.groups.get("class"))
    assert (group.users, group.roles, group.scopes) == (("alice", "bob"), ("tutor",), {"read:hub"})
    assert group.properties == {"room": [1, None]}
    assert stored(lambda tx: tx.groups.page(ALL, 0, 10))[0] == group
    assert stored(lambda tx: tx.users.get("alice")).groups == ("class",)


def test_a_page_of_groups(stored):
    stored(lambda tx: tx.groups.create(["a", "b", "c"]))
    assert [group.name for group in stored(lambda tx: tx.groups.page(ALL, 1, 1))] == ["b"]
    some = ScopeCoverage(groups=frozenset({"c", "nothing"}))
    assert [group.name for group in stored(lambda tx: tx.groups.page(some, 0, 5))] == ["c"]
    assert stored(
        lambda tx: (tx.groups.count(ALL), tx.groups.count(some), tx.groups.count(ScopeCoverage()))
    ) == (
        3,
        1,
        0,
    )


def test_a_deleted_group_has_no_members(stored):
    stored(lambda tx: tx.user_list.create(["alice"]))
    stored(lambda tx: tx.groups.create(["class"]))
    stored(lambda tx: tx.groups.add_users("class", ["alice"]))
    stored(lambda tx: tx.groups.delete("class"))
    assert stored(lambda tx: tx.groups.get("class")) is None
    assert stored(lambda tx: tx.users.get("alice")).groups == ()
    news = [(topic, key) for _, topic, key in stored(lambda tx: tx.changes.since(0))]
    assert news.count(("group", "class")) == 2
