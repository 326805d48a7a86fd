"""What a subclass passes to ``super().start``, and the helpers that it may extend; no engine is needed."""

import pytest
from traitlets import TraitError
from traitlets.config import Config

from plughub.classes.spawner.hooks import SpawnerHooks
from plughub.spawner import SpawnFailed
from plughub.testing.contracts.spawner import NAME, make_server
from plughub_docker.creation import create_arguments
from plughub_docker.spawner import DockerSpawner


class ImageSpawner(DockerSpawner):
    """Class that starts its servers with arguments of its own."""

    async def start(self):
        return await super().start(image=self.user_options["image"])


def build(cls=DockerSpawner, options=(), **settings):
    config = Config({"DockerSpawner": {"cmd": ["serve"], "image": "plain", **settings}})
    return SpawnerHooks(NAME, cls, config)._build(make_server("alice", options=dict(options)))


async def test_the_image_of_a_class_is_used_and_the_option_left_to_it():
    spawner = build(ImageSpawner, {"image": "mine"}, name_template="{imagename}-{username}")
    await spawner.choose("mine")
    assert (spawner.image, spawner.object_name) == ("mine", "mine-alice")
    await build(ImageSpawner, {"image": "mine"}).choose()  # as for a certificate, before start


async def test_an_image_that_the_user_chose_is_checked_where_images_are_listed():
    allowed = {"Science": "team/science:2"}
    spawner = build(ImageSpawner, {"image": "Science"}, allowed_images=allowed)
    await spawner.choose("Science")
    assert spawner.image == "team/science:2"
    with pytest.raises(SpawnFailed):
        await build(ImageSpawner, {"image": "evil"}, allowed_images=allowed).choose("evil")


async def test_without_a_class_no_image_can_be_chosen():
    with pytest.raises(SpawnFailed, match="does not allow choosing an image"):
        await build(options={"image": "evil"}).choose()


async def test_arguments_of_a_start_override_those_of_the_settings():
    spawner = build(
        extra_create_kwargs=lambda _: {"user": "1", "labels": {"a": "b"}},
        extra_host_config=lambda _: {"cap_drop": ["ALL"], "mem_limit": "1g"},
    )
    await spawner.choose()
    spawner.add_arguments({"user": "2"}, {"network_mode": "lab"}, {"mem_limit": "2g"})
    arguments, host = create_arguments(spawner, [])
    assert (arguments["user"], arguments["labels"]["a"]) == ("2", "b")
    assert (host["cap_drop"], host["mem_limit"], host["network_mode"]) == (["ALL"], "2g", "lab")
    assert spawner.network_name == "lab"


@pytest.mark.parametrize(
    "wrong",
    [({"image": "x"}, None, None), (None, {"nonsense": 1}, None), (None, None, {"auto_remove": True})],
    ids=str,
)
async def test_arguments_that_cannot_be_used_are_refused(wrong):
    spawner = build()
    await spawner.choose()
    with pytest.raises(SpawnFailed) as refused:
        spawner.add_arguments(*wrong)
    assert "DockerSpawner" in refused.value.detail


async def test_start_arguments_of_the_configuration_are_those_of_the_host():
    _, host = create_arguments(build(extra_start_kwargs={"privileged": True, "binds": ["/a:/b"]}), [])
    assert (host["privileged"], host["binds"]) == (True, ["/a:/b"])
    with pytest.raises((SpawnFailed, TraitError), match="configuration"):
        build(extra_start_kwargs={"nonsense": 1})


async def test_volumes_that_a_class_adds_or_removes():
    class MountSpawner(DockerSpawner):
        @property
        def volume_binds(self):
            kept = super().volume_binds
            del kept["/old"]
            return {**kept, "work-alice": {"bind": "/work", "mode": "ro"}}

        @property
        def volume_mount_points(self):
            return [*super().volume_mount_points, "/cache"]

    settings = {
        "volumes": {"/data/{username}": "/data", "/old": "/old"},
        "read_only_volumes": {"/data/{username}": "/ro"},
    }
    plain = build(**settings)
    assert plain.volume_mount_points == ["/data", "/old", "/ro"]
    _, host = create_arguments(plain, [])
    assert host["binds"] == ["/data/alice:/data:rw", "/old:/old:rw", "/data/alice:/ro:ro"]

    arguments, host = create_arguments(
        build(MountSpawner, volumes={"/data/{username}": "/data", "/old": "/old"}), []
    )
    assert host["binds"] == ["/data/alice:/data:rw", "work-alice:/work:ro"]
    assert arguments["volumes"] == ["/cache", "/data", "/work"]
