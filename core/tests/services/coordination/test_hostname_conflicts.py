"""Machines and containers with the same name, whose hubs do not see each other's processes."""

import asyncio
import os
import subprocess
import sys

import pytest

from plughub.classes.processes.identity import ProcessIdentity, process_space
from plughub.domain.errors import StartError
from plughub.services.coordination.hub_registry import HubRegistry
from plughub.testing.conditions import repeat

LEASE = 0.5


def member(hub):
    return HubRegistry(hub.store, hub.settings, lambda _changes: None)


async def other(hub, *, space="of another container", host="here", ago=0.0):
    """Register a hub on another machine; its pid is also used by a process on this one."""

    def join(tx):
        me = os.getpid()
        tx.hub_processes._now = tx.now() - ago
        tx.hub_processes.join(
            "other", host=host, pid=me, birth=ProcessIdentity.of(me).ticks, url="http://o", space=space
        )

    await hub.store.write(join)


async def joined(hub):
    return {found.id for found in await hub.store.read(lambda tx: tx.hub_processes.list())}


async def beating(hub):
    await repeat(lambda: hub.store.write(lambda tx: tx.hub_processes.send_heartbeat("other")))


async def test_a_hub_does_not_start_with_the_host_name_of_a_live_hub_in_a_container(make_hub):
    hub = make_hub(lease=60)  # it does not take that long: the first heartbeat is enough
    await other(hub)
    beats = asyncio.create_task(beating(hub))
    try:
        with pytest.raises(StartError, match="with the same host name, 'here'") as refused:
            await member(hub).join()
    finally:
        beats.cancel()
        await asyncio.gather(beats, return_exceptions=True)
    assert "JupyterHub.host_name" in refused.value.hint
    assert await joined(hub) == {"other"}


@pytest.mark.parametrize("ago", [0, 3600])
async def test_a_hub_takes_over_from_a_killed_container_with_its_host_name(make_hub, ago):
    hub = make_hub(lease=LEASE)
    await other(hub, ago=ago)
    await hub.store.write(lambda tx: tx.leases.acquire("poll", "other", 3600))
    await member(hub).join()
    assert await joined(hub) == {hub.settings.hub_id}
    assert await hub.store.read(lambda tx: tx.leases.holders()) == {}


async def test_one_of_two_concurrent_startups_is_refused(make_hub, monkeypatch):
    hub = make_hub(lease=LEASE)

    async def and_another_one_joins(_store, _settings):
        await other(hub)
        return {}

    monkeypatch.setattr(
        "plughub.services.coordination.hub_registry.wait_for_hostname_conflicts", and_another_one_joins
    )
    with pytest.raises(StartError, match="host name, 'here'"):
        await member(hub).join()
    assert await joined(hub) == {"other"}


@pytest.mark.parametrize(
    "how",
    [{"host": "there"}, {"space": process_space()}, {"space": ""}],
    ids=["other name", "same", "unknown"],
)
async def test_hubs_with_other_host_names_or_in_the_same_container_cause_no_wait(make_hub, how):
    hub = make_hub(lease=3600)
    await other(hub, **how)
    await member(hub).join()
    assert await joined(hub) == {"other", hub.settings.hub_id}


@pytest.mark.root
def test_processes_in_another_pid_namespace_are_elsewhere():
    tell = "from plughub.classes.processes.identity import process_space; print(process_space())"
    ask = [sys.executable, "-c", tell]
    apart = ["unshare", "--pid", "--fork", "--mount-proc", *ask]
    here, there = (
        subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        for command in (ask, apart)
    )
    assert here == process_space()
    assert there != here
    assert there.split()[0] == here.split()[0], "it is the same machine"
