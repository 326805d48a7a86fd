"""Activity that is kept in memory, and its limits."""

from datetime import timedelta

from plughub.domain.clock import utcnow
from plughub.services.routes import activity
from plughub.services.routes.activity import ActivityService


async def test_the_cache_is_bounded_and_keeps_the_most_recently_active(hub, monkeypatch):
    monkeypatch.setattr(activity, "REMEMBERED", 3)
    service, now = ActivityService(hub.store, hub.settings), utcnow()
    for number in range(1, 8):  # none of them exists any more
        service.record_server(number, now)
        service.record_user(number, now)
        await service.flush()
    service.record_server(5, now + timedelta(minutes=5))
    service.record_server(8, now)
    await service.flush()
    assert set(service._written) == {5, 7, 8}
    assert set(service._users_written) == {5, 6, 7}


async def test_recently_written_activity_is_not_written_again(hub):
    server = await hub.started()
    at = utcnow() + timedelta(minutes=1)
    hub.activity.record_server(server.id, at)
    await hub.activity.flush()
    hub.activity.record_server(server.id, at)
    assert hub.activity._servers == {}
    assert (await hub.servers.get("alice", "")).last_activity == at
