from hypothesis import given
from hypothesis import strategies as st

from plughub.domain.names import check_server_name, similar_server_name
from plughub.services.servers.legacy_names import check_legacy_names


async def names(hub) -> dict[str, str]:
    user = await hub.user()
    return {server.name: server.display_name for server in await hub.servers.of_user(user)}


async def made(hub, *wanted: str) -> None:
    user = await hub.user()

    def work(tx):
        for name in wanted:
            tx.servers.create(user.id, name)

    await hub.store.write(work)


async def test_servers_with_invalid_names_are_renamed_and_keep_the_old_name_for_display(hub, machine):
    await made(hub, "My_Lab", "my-lab", "good")
    left = await check_legacy_names(hub.store, hub.hooks, hub.settings, rename=True)
    found = await names(hub)
    assert left == 0
    assert {"", "my-lab", "good"} < set(found)
    (renamed,) = set(found) - {"", "my-lab", "good"}
    assert renamed.startswith("my-lab-")
    assert found[renamed] == "My_Lab"
    assert [(old, new) for *_, old, new in machine.renamed] == [("My_Lab", renamed)]


async def test_a_server_that_cannot_be_renamed_keeps_its_name(hub, machine, caplog):
    await made(hub, "Bad_1", "Bad_2")
    machine.rename_error = RuntimeError("the volume is in use")
    assert await check_legacy_names(hub.store, hub.hooks, hub.settings, rename=True) == 2
    assert {"Bad_1", "Bad_2"} < set(await names(hub))
    assert "cannot rename server 'Bad_1'" in caplog.text
    assert "the volume is in use" in caplog.text
    assert "2 servers have invalid names" in caplog.text


async def test_nothing_is_renamed_unless_configured(hub, caplog):
    await made(hub, "Bad_1")
    assert await check_legacy_names(hub.store, hub.hooks, hub.settings, rename=False) == 1
    assert "Bad_1" in await names(hub)
    assert "allow_existing_invalid_named_servers" in caplog.text


@given(st.text(max_size=300), st.booleans())
def test_every_name_has_a_valid_unused_replacement(name, clash):
    taken = {similar_server_name(name, ())} if clash else set()
    good = similar_server_name(name, taken)
    assert check_server_name(good) == good
    assert good
    assert good not in taken
