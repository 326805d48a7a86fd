from hypothesis import given
from hypothesis import strategies as st

from plughub.domain.names import check_server_name, similar_server_name
from plughub.services.servers.legacy_names import look_at_old_names


async def names(hub) -> dict[str, str]:
    user = await hub.user()
    return {server.name: server.display_name for server in await hub.servers.of_user(user)}


async def made(hub, *wanted: str) -> None:
    user = await hub.user()

    def work(tx):
        for name in wanted:
            tx.servers.create(user.id, name)

    await hub.store.write(work)


async def test_servers_with_old_names_get_good_ones_and_keep_the_old_one_for_people(hub, machine):
    await made(hub, "My_Lab", "my-lab", "good")
    left = await look_at_old_names(hub.store, hub.hooks, hub.settings, rename=True)
    found = await names(hub)
    assert left == 0
    assert {"", "my-lab", "good"} < set(found)
    (renamed,) = set(found) - {"", "my-lab", "good"}
    assert renamed.startswith("my-lab-")
    assert found[renamed] == "My_Lab"
    assert [(old, new) for *_, old, new in machine.renamed] == [("My_Lab", renamed)]


async def test_what_cannot_be_renamed_keeps_its_name(hub, machine, caplog):
    await made(hub, "Bad_1", "Bad_2")
    machine.rename_error = RuntimeError("the volume is in use")
    assert await look_at_old_names(hub.store, hub.hooks, hub.settings, rename=True) == 2
    assert {"Bad_1", "Bad_2"} < set(await names(hub))
    assert "server 'Bad_1' keeps its name" in caplog.text
    assert "the volume is in use" in caplog.text
    assert "2 servers have names that break the rule" in caplog.text


async def test_nothing_is_renamed_unless_that_is_wanted(hub, caplog):
    await made(hub, "Bad_1")
    assert await look_at_old_names(hub.store, hub.hooks, hub.settings, rename=False) == 1
    assert "Bad_1" in await names(hub)
    assert "allow_existing_invalid_named_servers" in caplog.text


@given(st.text(max_size=300), st.booleans())
def test_every_name_has_a_good_one_that_is_not_taken(name, clash):
    taken = {similar_server_name(name, ())} if clash else set()
    good = similar_server_name(name, taken)
    assert check_server_name(good) == good
    assert good
    assert good not in taken
