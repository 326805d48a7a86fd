"""Shares and share codes, on every database."""

from datetime import timedelta

import pytest
from sqlalchemy import event, insert, update

from plughub.domain.clock import utcnow
from plughub.domain.servers import OperationKind
from plughub.domain.shares import ShareQuery
from plughub.storage import tables

ACCESS = "access:servers!server=alice/lab"
READ = "read:servers!server=alice/lab"


class ShareScenario:
    """Alice with a server, bob, and carol in a group."""

    def __init__(self, stored):
        self.stored = stored
        self.alice, self.bob, self.carol = stored(lambda tx: tx.user_list.create(["alice", "bob", "carol"]))
        stored(lambda tx: tx.groups.create(["class"]))
        stored(lambda tx: tx.groups.add_users("class", ["carol"]))
        self.group = stored(lambda tx: tx.groups.get("class")).id
        self.lab = stored(lambda tx: tx.servers.create(self.alice, "lab"))

    def grant(self, kind, key, *scopes):
        return self.stored(lambda tx: tx.shares.grant(self.lab, kind, key, scopes or (ACCESS,)))

    def shared_scopes(self, name):
        return {scope for scope in self.stored(lambda tx: tx.users.get(name)).scopes if "alice" in scope}

    def news(self):
        return [(topic, key) for _, topic, key in self.stored(lambda tx: tx.changes.since(0))]

    def code(self, ends=timedelta(hours=1), hashed="h1", prefix="abcd"):
        return self.stored(
            lambda tx: tx.shares.add_code(
                self.lab, hashed=hashed, prefix=prefix, scopes=[ACCESS], expires_at=utcnow() + ends
            )
        )


@pytest.fixture
def scenario(stored):
    return ShareScenario(stored)


def test_a_share_grants_scopes_until_it_is_revoked(scenario, stored):
    assert scenario.shared_scopes("bob") == set()
    share = scenario.grant("user", scenario.bob)
    assert (share.owner, share.server, share.kind, share.grantee) == ("alice", "lab", "user", "bob")
    assert scenario.shared_scopes("bob") == {ACCESS}
    assert scenario.shared_scopes("carol") == set()
    assert ("user", str(scenario.bob)) in scenario.news()
    assert stored(lambda tx: tx.shares.revoke(scenario.lab.id, "user", scenario.bob)) is None
    assert scenario.shared_scopes("bob") == set()
    assert scenario.news().count(("user", str(scenario.bob))) == 2


def test_a_second_grant_extends_the_first_and_can_be_revoked_in_part(scenario, stored):
    first = scenario.grant("user", scenario.bob)
    second = scenario.grant("user", scenario.bob, READ)
    assert (second.id, second.scopes, second.created) == (first.id, {ACCESS, READ}, first.created)
    left = stored(lambda tx: tx.shares.revoke(scenario.lab.id, "user", scenario.bob, [ACCESS]))
    assert left.scopes == {READ}
    assert stored(lambda tx: tx.shares.revoke(scenario.lab.id, "user", scenario.bob, [READ])) is None
    assert stored(lambda tx: tx.shares.count(ShareQuery(owner=scenario.alice))) == 0


def test_the_members_of_a_group_have_what_is_shared_with_it(scenario, stored):
    scenario.grant("group", scenario.group)
    assert scenario.shared_scopes("carol") == {ACCESS}
    assert stored(lambda tx: tx.groups.get("class")).scopes == {ACCESS}
    assert stored(lambda tx: tx.groups.get("class")).roles == ()
    assert ("group", "class") in scenario.news()
    stored(lambda tx: tx.groups.remove_users("class", ["carol"]))
    assert scenario.shared_scopes("carol") == set()


def test_listed_users_hold_the_same_as_single_ones(scenario, stored):
    scenario.grant("group", scenario.group, READ)
    scenario.grant("user", scenario.carol)
    listed = stored(lambda tx: tx.user_list.by_ids([scenario.alice, scenario.bob, scenario.carol]))
    for user in listed:
        assert user == stored(lambda tx, name=user.name: tx.users.get(name))
    assert listed[2].scopes >= {ACCESS, READ}


def test_a_share_follows_owner_and_server_when_they_are_renamed(scenario, stored):
    scenario.grant("user", scenario.bob)
    stored(lambda tx: tx.user_list.rename(scenario.alice, "alicia"))
    stored(lambda tx: tx.servers.rename(scenario.lab.id, "room"))
    assert stored(lambda tx: tx.users.get("bob")).scopes >= {"access:servers!server=alicia/room"}
    assert scenario.shared_scopes("bob") == set()
    (share,) = stored(lambda tx: tx.shares.page(ShareQuery(user=scenario.bob), 0, 10))
    assert (share.owner, share.server) == ("alicia", "room")
    assert share.scopes == {"access:servers!server=alicia/room"}
    assert sum(topic == "share" for topic, _ in scenario.news()) == 2


def test_deleting_a_server_deletes_its_shares_and_invalidates_caches(scenario, stored):
    scenario.grant("user", scenario.bob)
    scenario.code()
    stored(lambda tx: tx.servers.delete(scenario.lab.id))
    assert scenario.shared_scopes("bob") == set()
    assert stored(lambda tx: tx.shares.count_codes(ShareQuery(owner=scenario.alice))) == 0
    assert [topic for topic, _ in scenario.news()].count("share") == 1


def test_a_deleted_owner_shares_nothing(scenario, stored):
    scenario.grant("user", scenario.bob)
    stored(lambda tx: tx.user_list.delete(scenario.alice))
    assert scenario.shared_scopes("bob") == set()
    assert [topic for topic, _ in scenario.news()].count("share") == 1


def test_lists_by_owner_server_user_and_group(scenario, stored):
    scenario.grant("user", scenario.bob)
    scenario.grant("user", scenario.carol)
    scenario.grant("group", scenario.group)

    def listed(**query):
        shares = stored(lambda tx: tx.shares.page(ShareQuery(**query), 0, 10))
        assert len(shares) == stored(lambda tx: tx.shares.count(ShareQuery(**query)))
        return [share.grantee for share in shares]

    assert listed(owner=scenario.alice) == listed(server=scenario.lab.id) == ["bob", "carol", "class"]
    assert listed(owner=scenario.bob) == []
    assert listed(user=scenario.carol) == ["carol"]
    assert listed(user=scenario.carol, groups_too=True) == ["carol", "class"]
    assert listed(group=scenario.group) == ["class"]
    page = stored(lambda tx: tx.shares.page(ShareQuery(owner=scenario.alice), 1, 1))
    assert [share.grantee for share in page] == ["carol"]
    assert stored(lambda tx: tx.shares.revoke_all(scenario.lab.id)) == 3
    assert stored(lambda tx: tx.shares.revoke_all(scenario.lab.id)) == 0


def test_the_number_of_statements_does_not_grow_with_the_page(scenario, stored):
    keys = stored(lambda tx: tx.user_list.create([f"user{number}" for number in range(60)]))
    for key in keys:
        scenario.grant("user", key)
    counted = []
    event.listen(stored.database.engine, "before_cursor_execute", lambda *_: counted.append(1))

    def count(limit):
        del counted[:]
        assert len(stored(lambda tx: tx.shares.page(ShareQuery(owner=scenario.alice), 0, limit))) == limit
        return len(counted)

    count(1)
    assert count(2) == count(50)


def test_a_share_shows_whether_the_server_runs(scenario, stored):
    assert not scenario.grant("user", scenario.bob).ready
    stored(lambda tx: tx.servers.mark_ready(scenario.lab.id, utcnow()))
    assert stored(lambda tx: tx.shares.find(scenario.lab.id, "user", scenario.bob)).ready
    stored(lambda tx: tx.operations.begin(scenario.lab, OperationKind.STOP, backend="x"))
    assert not stored(lambda tx: tx.shares.find(scenario.lab.id, "user", scenario.bob)).ready


def test_expired_shares_grant_nothing_and_are_deleted(scenario, stored):
    share = scenario.grant("user", scenario.bob)
    connection = stored.database.run
    ended = utcnow() - timedelta(seconds=1)
    connection(
        lambda c: c.execute(
            update(tables.shares).where(tables.shares.c.id == share.id).values(expires_at=ended)
        )
    )
    scenario.code(ends=timedelta(seconds=-1))
    good = scenario.code(hashed="h2")
    assert scenario.shared_scopes("bob") == set()
    assert stored(lambda tx: tx.shares.find(scenario.lab.id, "user", scenario.bob)) is None
    assert [code.id for code in stored(lambda tx: tx.shares.codes(ShareQuery(), 0, 9))] == [good.id]
    assert [hashed for hashed, *_ in stored(lambda tx: tx.shares.code_candidates("abcd"))] == ["h2"]
    assert stored(lambda tx: tx.shares.purge()) == 2
    assert stored(lambda tx: tx.shares.purge()) == 0


def test_codes_are_counted_and_deleted(scenario, stored):
    code = scenario.code()
    assert (code.exchanges, code.last_exchange, code.scopes) == (0, None, {ACCESS})
    stored(lambda tx: tx.shares.record_exchange(code.id))
    stored(lambda tx: tx.shares.record_exchange(code.id))
    ((hashed, server, used),) = stored(lambda tx: tx.shares.code_candidates("abcd"))
    assert (hashed, server, used.exchanges) == ("h1", scenario.lab.id, 2)
    assert used.last_exchange is not None
    assert not stored(lambda tx: tx.shares.delete_code(scenario.lab.id + 1, code.id))
    assert stored(lambda tx: tx.shares.delete_code(scenario.lab.id, code.id))
    scenario.code(hashed="h2")
    scenario.code(hashed="h3")
    assert stored(lambda tx: tx.shares.delete_codes(scenario.lab.id)) == 2


def test_rows_that_jupyterhub_wrote_are_understood(scenario, stored):
    """JupyterHub's code may have left another filter, when a user was renamed."""
    row = {
        "owner_id": scenario.alice,
        "spawner_id": scenario.lab.id,
        "user_id": scenario.bob,
        "created_at": utcnow(),
    }
    old = ["access:servers!server=old-name/lab"]
    stored.database.run(lambda c: c.execute(insert(tables.shares).values(**row, scopes=old)))
    assert stored(lambda tx: tx.users.get("bob")).scopes >= {ACCESS}
    assert not any("old-name" in scope for scope in stored(lambda tx: tx.users.get("bob")).scopes)
