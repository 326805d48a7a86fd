"""Containers that run as real system users."""

import os
import pwd
import secrets
import shutil
import subprocess
from pathlib import Path

import pytest
from traitlets.config import Config

from plughub.classes.spawner.hooks import SpawnerHooks
from plughub.errors import PluginError
from plughub.testing.contracts.spawner import NAME, SpawnerUnderTest, make_server
from plughub.testing.workers import alone
from plughub.threads import ThreadPools
from plughub_docker.system_user_spawner import SystemUserSpawner

pytestmark = [
    pytest.mark.docker,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs to run as root"),
]


@pytest.fixture
def person():
    """A system user with a home folder; removed afterwards."""
    if shutil.which("useradd") is None:
        pytest.skip("useradd is not installed")
    name = f"ph{secrets.token_hex(4)}"
    with alone("accounts"):
        subprocess.run(["useradd", "--create-home", name], check=True, capture_output=True)
    yield pwd.getpwnam(name)
    with alone("accounts"):
        subprocess.run(["userdel", "--remove", name], check=True, capture_output=True)


@pytest.fixture
async def spawners(tmp_path, prefix, tiny_image, probe):
    """Factory of spawners with settings."""
    pools = ThreadPools()

    def make(username, options=None, **settings):
        chosen = {"image": tiny_image, "cmd": probe, "prefix": prefix, "remove": True, "stop_timeout": 2}
        config = Config({"DockerSpawner": chosen, "SystemUserSpawner": settings})
        return SpawnerUnderTest(
            lambda: SpawnerHooks(NAME, SystemUserSpawner, config, tmp_path),
            make_server(username, options=options or {}),
            pools,
        )

    yield make
    pools.close()


async def test_a_server_runs_as_its_user_in_the_home_folder(spawners, person, engine, probe):
    spawner = spawners(person.pw_name)
    endpoint = await spawner.start()
    facts = await spawner.facts()
    assert (facts["uid"], facts["gid"]) == (person.pw_uid, person.pw_gid)
    assert facts["folder"] == facts["environment"]["HOME"] == f"/home/{person.pw_name}"
    assert facts["environment"]["USER"] == facts["environment"]["NB_USER"] == person.pw_name
    made = engine.exec_create(endpoint.state["object_id"], [probe[0], "-c", "open('note', 'w').write('x')"])
    assert engine.exec_start(made["Id"]) == b""
    assert Path(person.pw_dir, "note").stat().st_uid == person.pw_uid


async def test_the_home_folder_can_differ_on_host_and_in_container(spawners, person, engine, tmp_path):
    tmp_path.joinpath(person.pw_name).mkdir()
    spawner = spawners(
        person.pw_name,
        host_homedir_format_string=f"{tmp_path}/{{username}}",
        image_homedir_format_string="/homes/{username}",
        homedir_bind_propagation="private",
    )
    endpoint = await spawner.start()
    (mount,) = engine.inspect_container(endpoint.state["object_id"])["Mounts"]
    assert (mount["Source"], mount["Destination"], mount["Propagation"]) == (
        f"{tmp_path}/{person.pw_name}",
        f"/homes/{person.pw_name}",
        "private",
    )


async def test_an_image_started_as_root_is_given_the_target_user(spawners, person):
    spawner = spawners(person.pw_name, run_as_root=True)
    await spawner.start()
    facts = await spawner.facts()
    assert facts["uid"] == 0
    named = {name: facts["environment"][name] for name in ("NB_USER", "NB_UID", "NB_GID", "USER_ID")}
    assert named == {
        "NB_USER": person.pw_name,
        "NB_UID": str(person.pw_uid),
        "NB_GID": str(person.pw_gid),
        "USER_ID": str(person.pw_uid),
    }


@pytest.mark.parametrize("name", ["NB_UID", "NB_USER", "HOME", "GRANT_SUDO", "CHOWN_EXTRA"])
async def test_users_cannot_choose_variables_that_set_the_user(spawners, person, name):
    options = {"environment": {name: "0"}}
    spawner = spawners(person.pw_name, options, run_as_root=True, allowed_environment=["*"])
    with pytest.raises(PluginError, match=f"{name} is not allowed"):
        await spawner.start()


async def test_a_user_without_system_account_is_refused(spawners):
    with pytest.raises(PluginError, match="there is no account 'nobody-has-this-name'"):
        await spawners("nobody-has-this-name").start()


async def test_root_gets_no_server_unless_that_is_allowed(spawners, tmp_path):
    settings = {"host_homedir_format_string": str(tmp_path), "image_homedir_format_string": "/work"}
    with pytest.raises(PluginError, match=r"'root' is a system account of the hub's machine") as caught:
        await spawners("root", **settings).start()
    assert caught.value.__cause__.status == 403  # type: ignore[attr-defined]
    spawner = spawners("root", allow_root=True, **settings)
    await spawner.start()
    assert (await spawner.facts())["uid"] == 0


async def test_a_missing_home_folder_is_not_created(spawners, person, tmp_path):
    missing = f"{tmp_path}/missing"
    with pytest.raises(PluginError, match="bind source path does not exist"):
        await spawners(person.pw_name, host_homedir_format_string=missing).start()
    assert not Path(missing).exists()
