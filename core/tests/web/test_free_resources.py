"""Free resources of a shared machine on the start page."""

from __future__ import annotations

from dataclasses import replace

from plughub import hookimpl
from plughub.testing.doubles import TinyServers


class SharedMachine(TinyServers):
    """Servers on the machine of the hub."""

    @hookimpl
    def hub_spawner_info(self):
        return replace(super().hub_spawner_info(), host_bound=True)


async def start_page(hub):
    page = (await (await hub.logged_in("alice")).get("/hub/spawn/alice?backend=shared")).body.decode()
    assert 'id="start"' in page
    return page


async def test_the_start_page_shows_free_resources_where_servers_share_the_machine(make_hub):
    spawners = {"shared": SharedMachine(form="<input name=size>")}
    shown = await make_hub(options={"show_free_resources": True}, spawners=spawners)
    page = await start_page(shown)
    assert page.count("<meter") >= 2
    assert "GiB free of" in page
    other = (await (await shown.logged_in("alice")).get("/hub/spawn/alice?backend=tiny")).body
    assert b"<meter" not in other


async def test_the_start_page_keeps_it_to_itself_by_default(make_hub):
    hub = await make_hub(spawners={"shared": SharedMachine(form="<input name=size>")})
    assert "<meter" not in await start_page(hub)
