"""Stop of all servers of blocked users, although some stops fail."""

import asyncio

from plughub.domain.backoff import Backoff
from plughub.domain.errors import ConflictError
from plughub.services.servers import bulk_stop
from plughub.services.servers.bulk_stop import stop_all


class FlakyStops:
    """Stops servers; the first attempts fail for some of them."""

    def __init__(self, servers, errors):
        self.servers = servers
        self.errors = errors

    async def stop(self, server):
        if self.errors.get(server.user):
            raise self.errors[server.user].pop()
        return await self.servers.stop(server)


async def test_all_servers_are_stopped_although_some_stops_fail_first_and_one_server_was_deleted(
    hub, machine, monkeypatch, caplog
):
    monkeypatch.setattr(bulk_stop, "STOP_ALL_BACKOFF", Backoff(0.01, 0.01))
    records = [await hub.started(name) for name in ("alice", "bob", "carol", "dan")]
    await hub.deletion.delete(await hub.user("alice"), 10)
    errors = {"bob": [ConflictError("at the same moment")], "carol": [RuntimeError("unforeseen")]}
    async with asyncio.timeout(30):
        await stop_all(FlakyStops(hub.servers, errors), records)  # type: ignore[arg-type]
        await asyncio.gather(*(hub.servers.wait(record, 20) for record in records))
    assert machine.running == {}
    assert "cannot request the stop of bob/: at the same moment" in caplog.text
    assert "cannot request the stop of carol/" in caplog.text
