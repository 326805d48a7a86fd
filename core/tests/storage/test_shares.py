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


class Cast:
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
def cast(stored):
    return Cast(stored)


def test_a_share_grants_scopes_until_it_is_revoked(cast, stored):
    assert cast.shared_scopes("bob") == set()
    share = cast.grant("user", cast.bob)
    assert (share.owner, share.server, share.kind, share.grantee) == ("alice", "lab", "user", "bob")
    assert cast.shared_scopes("bob") == {ACCESS}
    assert cast.shared_scopes("carol") == set()
    assert ("user", str(cast.bob)) in cast.news()
    assert stored(lambda tx: tx.shares.revoke(cast.lab.id, "user", cast.bob)) is None
    assert cast.shared_scopes("bob") == set()
    assert cast.news().count(("user", str(cast.bob))) == 2


def test_a_second_grant_extends_the_first_and_can_be_revoked_in_part(cast, stored):
    first = cast.grant("user", cast.bob)
    second = cast.grant("user", cast.bob, READ)
    assert (second.id, second.scopes, second.created) == (first.id, {ACCESS, READ}, first.created)
    left = stored(lambda tx: tx.shares.revoke(cast.lab.id, "user", cast.bob, [ACCESS]))
    assert left.scopes == {READ}
    assert stored(lambda tx: tx.shares.revoke(cast.lab.id, "user", cast.bob, [READ])) is None
    assert stored(lambda tx: tx.shares.count(ShareQuery(owner=cast.alice))) == 0


def test_the_members_of_a_group_have_what_is_shared_with_it(cast, stored):
    cast.grant("group", cast.group)
    assert cast.shared_scopes("carol") == {ACCESS}
    assert stored(lambda tx: tx.groups.get("class")).scopes == {ACCESS}
    assert stored(lambda tx: tx.groups.get("class")).roles == ()
    assert ("group", "class") in cast.news()
    stored(lambda tx: tx.groups.remove_users("class", ["carol"]))
    assert cast.shared_scopes("carol") == set()


def test_listed_users_hold_the_same_as_single_ones(cast, stored):
    cast.grant("group", cast.group, READ)
    cast.grant("user", cast.carol)
    listed = stored(lambda tx: tx.user_list.by_ids([cast.alice, cast.bob, cast.carol]))
    for user in listed:
        assert user == stored(lambda tx, name=user.name: tx.users.get(name))
    assert listed[2].scopes >= {ACCESS, READ}


def test_a_share_follows_owner_and_server_when_they_are_renamed(cast, stored):
    cast.grant("user", cast.bob)
    stored(lambda tx: tx.user_list.rename(cast.alice, "alicia"))
    stored(lambda tx: tx.servers.rename(cast.lab.id, "room"))
    assert stored(lambda tx: tx.users.get("bob")).scopes >= {"access:servers!server=alicia/room"}
    assert cast.shared_scopes("bob") == set()
    (share,) = stored(lambda tx: tx.shares.page(ShareQuery(user=cast.bob), 0, 10))
    assert (share.owner, share.server) == ("alicia", "room")
    assert share.scopes == {"access:servers!server=alicia/room"}
    assert sum(topic == "share" for topic, _ in cast.news()) == 2


def test_deleting_a_server_deletes_its_shares_and_invalidates_caches(cast, stored):
    cast.grant("user", cast.bob)
    cast.code()
    stored(lambda tx: tx.servers.delete(cast.lab.id))
    assert cast.shared_scopes("bob") == set()
    assert stored(lambda tx: tx.shares.count_codes(ShareQuery(owner=cast.alice))) == 0
    assert [topic for topic, _ in cast.news()].count("share") == 1


def test_a_deleted_owner_shares_nothing(cast, stored):
    cast.grant("user", cast.bob)
    stored(lambda tx: tx.user_list.delete(cast.alice))
    assert cast.shared_scopes("bob") == set()
    assert [topic for topic, _ in cast.news()].count("share") == 1


def test_lists_by_owner_server_user_and_group(cast, stored):
    cast.grant("user", cast.bob)
    cast.grant("user", cast.carol)
    cast.grant("group", cast.group)

    def listed(**query):
        shares = stored(lambda tx: tx.shares.page(ShareQuery(**query), 0, 10))
        assert len(shares) == stored(lambda tx: tx.shares.count(ShareQuery(**query)))
        return [share.grantee for share in shares]

    assert listed(owner=cast.alice) == listed(server=cast.lab.id) == ["bob", "carol", "class"]
    assert listed(owner=cast.bob) == []
    assert listed(user=cast.carol) == ["carol"]
    assert listed(user=cast.carol, groups_too=True) == ["carol", "class"]
    assert listed(group=cast.group) == ["class"]
    page = stored(lambda tx: tx.shares.page(ShareQuery(owner=cast.alice), 1, 1))
    assert [share.grantee for share in page] == ["carol"]
    assert stored(lambda tx: tx.shares.revoke_all(cast.lab.id)) == 3
    assert stored(lambda tx: tx.shares.revoke_all(cast.lab.id)) == 0


def test_the_number_of_statements_does_not_grow_with_the_page(cast, stored):
    keys = stored(lambda tx: tx.user_list.create([f"user{number}" for number in range(60)]))
    for key in keys:
        cast.grant("user", key)
    counted = []
    event.listen(stored.database.engine, "before_cursor_execute", lambda *_: counted.append(1))

    def count(limit):
        del counted[:]
        assert len(stored(lambda tx: tx.shares.page(ShareQuery(owner=cast.alice), 0, limit))) == limit
        return len(counted)

    count(1)
    assert count(2) == count(50)


def test_a_share_shows_whether_the_server_runs(cast, stored):
    assert not cast.grant("user", cast.bob).ready
    stored(lambda tx: tx.servers.mark_ready(cast.lab.id, utcnow()))
    assert stored(lambda tx: tx.shares.find(cast.lab.id, "user", cast.bob)).ready
    stored(lambda tx: tx.operations.begin(cast.lab, OperationKind.STOP, backend="x"))
    assert not stored(lambda tx: tx.shares.find(cast.lab.id, "user", cast.bob)).ready


def test_expired_shares_grant_nothing_and_are_deleted(cast, stored):
    share = cast.grant("user", cast.bob)
    connection = stored.database.run
    ended = utcnow() - timedelta(seconds=1)
    connection(
        lambda c: c.execute(
            update(tables.shares).where(tables.shares.c.id == share.id).values(expires_at=ended)
        )
    )
    cast.code(ends=timedelta(seconds=-1))
    good = cast.code(hashed="h2")
    assert cast.shared_scopes("bob") == set()
    assert stored(lambda tx: tx.shares.find(cast.lab.id, "user", cast.bob)) is None
    assert [code.id for code in stored(lambda tx: tx.shares.codes(ShareQuery(), 0, 9))] == [good.id]
    assert [hashed for hashed, *_ in stored(lambda tx: tx.shares.code_candidates("abcd"))] == ["h2"]
    assert stored(lambda tx: tx.shares.purge()) == 2
    assert stored(lambda tx: tx.shares.purge()) == 0


def test_codes_are_counted_and_deleted(cast, stored):
    code = cast.code()
    assert (code.exchanges, code.last_exchange, code.scopes) == (0, None, {ACCESS})
    stored(lambda tx: tx.shares.record_exchange(code.id))
    stored(lambda tx: tx.shares.record_exchange(code.id))
    ((hashed, server, used),) = stored(lambda tx: tx.shares.code_candidates("abcd"))
    assert (hashed, server, used.exchanges) == ("h1", cast.lab.id, 2)
    assert used.last_exchange is not None
    assert not stored(lambda tx: tx.shares.delete_code(cast.lab.id + 1, code.id))
    assert stored(lambda tx: tx.shares.delete_code(cast.lab.id, code.id))
    cast.code(hashed="h2")
    cast.code(hashed="h3")
    assert stored(lambda tx: tx.shares.delete_codes(cast.lab.id)) == 2


def test_rows_that_jupyterhub_wrote_are_understood(cast, stored):
    """JupyterHub's code may have left another filter, when a user was renamed."""
    row = {"owner_id": cast.alice, "spawner_id": cast.lab.id, "user_id": cast.bob, "created_at": utcnow()}
    old = ["access:servers!server=old-name/lab"]
    stored.database.run(lambda c: c.execute(insert(tables.shares).values(**row, scopes=old)))
    assert stored(lambda tx: tx.users.get("bob")).scopes >= {ACCESS}
    assert not any("old-name" in scope for scope in stored(lambda tx: tx.users.get("bob")).scopes)
