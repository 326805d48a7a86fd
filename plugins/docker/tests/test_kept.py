"""Kept containers and configuration changes: no change is ignored silently, no container is discarded."""

import pytest

from plughub.errors import PluginError
from plughub.testing.contracts.spawner import make_server

pytestmark = pytest.mark.docker

FIRST = {
    "remove": False,
    "mem_limit": "64M",
    "environment": {"A": "1", "SECRET": "hidden-from-labels"},
    "extra_host_config": {"binds": ["/tmp:/more:ro"]},
}
CHANGES = {
    "limits": {"mem_limit": "65M"},
    "environment": {"environment": {"A": "2"}},
    "mounts": {"extra_host_config": {"binds": ["/tmp:/more"]}},
    "command": {"args": ["--writes=1"]},
    "network": {"network_name": "host", "ip": "127.0.0.1"},
    "other arguments": {"extra_create_kwargs": {"labels": {"team": "a"}}},
}


@pytest.fixture
def start(spawners, caplog):
    """Start a server with settings and options, and stop it; return the container's id and the log."""
    known = {}

    async def go(options=(), **settings):
        caplog.clear()
        spawner = spawners(server=make_server("alice", options=dict(options), **known), **settings)
        try:
            endpoint = await spawner.start()
            assert (await spawner.facts())["environment"]["JUPYTERHUB_USER"] == "alice"
        finally:
            left = await spawner.hooks.stop("tested", spawner.record, now=True)
            known.update(mark=spawner.server.mark, state=left.state)
        return endpoint.state["object_id"], caplog.text

    return go


async def test_changes_since_a_kept_container_was_created_are_logged(start, engine):
    container, _ = await start(**FIRST)
    label = engine.inspect_container(container)["Config"]["Labels"]["plughub.made-with"]
    assert "hidden" not in label
    again, said = await start(**FIRST)
    assert again == container
    assert "different configuration" not in said
    for what, change in CHANGES.items():
        again, said = await start(**{**FIRST, **change})
        assert again == container
        assert f"which it retains: {what}. To apply" in said


async def test_a_rebuilt_image_is_logged(start, engine, tiny_image, prefix):
    engine.tag(tiny_image, prefix, "mine")
    made = engine.create_container(tiny_image, ["unused"], name=f"{prefix}-making")["Id"]
    try:
        container, _ = await start(remove=False, image=f"{prefix}:mine")
        engine.commit(made, prefix, "mine", changes=["LABEL again=yes"])
        again, said = await start(remove=False, image=f"{prefix}:mine")
        assert again == container
        assert f"which it retains: image {prefix}:mine (pulled or rebuilt since)" in said
    finally:
        engine.remove_container(container, force=True)
        engine.remove_image(f"{prefix}:mine", force=True)


async def test_a_kept_container_is_resumed_when_its_image_has_lost_its_name(
    start, engine, tiny_image, prefix
):
    engine.tag(tiny_image, prefix, "mine")
    settings = {"remove": False, "image": f"{prefix}:mine", "pull_policy": "skip"}
    container, _ = await start(**settings)
    engine.remove_image(f"{prefix}:mine")
    again, _ = await start(**settings, cmd=None)
    assert again == container


async def test_another_choice_is_refused_and_no_choice_keeps_the_earlier_one(
    start, engine, tiny_image, prefix
):
    engine.tag(tiny_image, prefix, "other")
    settings = {
        "remove": False,
        "image": f"{prefix}:other",
        "allowed_images": {"Tiny": tiny_image, "Other": f"{prefix}:other"},
        "allowed_environment": ["COURSE"],
    }
    try:
        container, _ = await start({"image": "Tiny", "environment": {"COURSE": "1"}}, **settings)
        with pytest.raises(PluginError, match="choose that image instead") as caught:
            await start({"image": "Other"}, **settings)
        assert caught.value.__cause__.status == 400  # type: ignore[attr-defined]
        with pytest.raises(PluginError, match="created with another environment") as caught:
            await start({"image": "Tiny", "environment": {"COURSE": "2"}}, **settings)
        assert caught.value.__cause__.status == 400  # type: ignore[attr-defined]
        again, said = await start({}, **settings)
        assert again == container
        assert "different configuration" not in said
    finally:
        engine.remove_image(f"{prefix}:other")
