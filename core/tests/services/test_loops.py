import asyncio
import contextlib

import pytest
from sqlalchemy import text

from plughub.services.loops import for_ever


async def test_what_fails_in_a_way_that_nobody_thought_of_is_begun_again(hub, until, caplog, machine):
    server = await hub.started()
    rename = "ALTER TABLE {} RENAME TO {}"
    hub.database.run(lambda connection: connection.execute(text(rename.format("users", "users_away"))))
    looking = asyncio.create_task(for_ever(hub.poller.run))
    await until(lambda: "users" in caplog.text)
    hub.database.run(lambda connection: connection.execute(text(rename.format("users_away", "users"))))
    await machine.kill(server.launch)
    assert (await hub.servers.wait(await dead(hub, server), 10)).failure.exit_code == 3
    looking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await looking


async def dead(hub, server):
    async with asyncio.timeout(15), contextlib.aclosing(hub.servers.changes(server)) as changes:
        async for current in changes:
            if not current.ready:
                return current
    raise AssertionError


@pytest.mark.parametrize("turns", range(5))
async def test_a_loop_that_is_woken_and_ended_at_once_ends(make_hub, turns):
    hub = make_hub()
    await hub.user()
    looking = asyncio.create_task(hub.runner.look_for_work())
    for _ in range(5):
        await asyncio.sleep(0)
    hub.runner.told(free=True)
    for _ in range(turns):
        await asyncio.sleep(0)
    looking.cancel()
    ended, _ = await asyncio.wait({looking}, timeout=5)
    looking.cancel()
    assert ended
