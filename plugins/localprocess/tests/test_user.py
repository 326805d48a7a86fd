import getpass
import grp
import os
import pwd
import re
import secrets
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plughub.errors import PluginError
from plughub.testing.odd_names import ODD_NAMES
from plughub.testing.workers import alone
from plughub_localprocess.home_folders import escaped_name, find_home, folder_name


@pytest.mark.root
async def test_a_server_runs_as_its_user_with_all_groups_in_the_home_folder(system_user, local):
    spawner = local(system_user.pw_name)
    await spawner.start()

    facts = await spawner.facts()

    own_groups = {system_user.pw_gid, grp.getgrnam(f"{system_user.pw_name}g").gr_gid}
    assert (facts["uid"], facts["gid"]) == (system_user.pw_uid, system_user.pw_gid)
    assert set(facts["groups"]) == own_groups
    assert facts["folder"] == system_user.pw_dir
    assert facts["leads_session"]


@pytest.mark.root
async def test_a_server_has_the_environment_of_a_login(system_user, local, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_HUB", "hidden")
    monkeypatch.setenv("LD_PRELOAD", "")
    spawner = local(system_user.pw_name, notebook_dir="~/work/{username}")
    await spawner.start()

    environment = (await spawner.facts())["environment"]

    assert environment["USER"] == environment["LOGNAME"] == system_user.pw_name
    assert environment["HOME"] == system_user.pw_dir
    assert environment["SHELL"] == "/bin/bash"
    assert environment["JUPYTERHUB_ROOT_DIR"] == f"{system_user.pw_dir}/work/{system_user.pw_name}"
    assert environment["PATH"] == os.environ["PATH"]
    assert not {"SECRET_OF_THE_HUB", "LD_PRELOAD"} & set(environment)


@pytest.mark.root
def test_a_home_folder_that_root_may_not_enter_is_entered_as_the_user(system_user):
    Path(system_user.pw_dir).chmod(0o700)
    code = dedent(f"""
        import os
        from plughub_localprocess.accounts import find_account
        from plughub_localprocess.process_launch import LaunchRequest, launch

        account = find_account({system_user.pw_name!r})
        try:
            os.chdir(account.home)
        except PermissionError:
            print("root may not enter", flush=True)
        request = LaunchRequest(
            argv=["/bin/pwd"], environment={{}}, folder=account.home, account=account, leader="test"
        )
        launch(request, 1, 20, {{}}).child.wait()
    """)
    without_override = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]

    said = subprocess.run(
        [*without_override, sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout

    assert said.splitlines() == ["root may not enter", system_user.pw_dir]


@pytest.mark.root
async def test_a_pam_session_is_open_while_the_server_runs(system_user, local, tmp_path):
    service = Path(f"/etc/pam.d/{system_user.pw_name}")
    log = tmp_path / "sessions"
    script = tmp_path / "note"
    script.write_text(f'#!/bin/sh\necho "$PAM_TYPE $PAM_USER" >> {log}\n')
    script.chmod(0o755)
    settings = tmp_path / "settings"
    settings.write_text("FROM_PAM DEFAULT=yes\n")
    service.write_text(
        f"session required pam_exec.so {script}\nsession required pam_env.so conffile={settings}\n"
        "auth required pam_permit.so\n"
    )
    try:
        spawner = local(system_user.pw_name, pam_session=True, pam_service=service.name)
        await spawner.start()
        facts = await spawner.facts()
        assert facts["uid"] == system_user.pw_uid
        assert facts["environment"]["FROM_PAM"] == "yes"
        assert facts["leads_session"]
        assert log.read_text() == f"open_session {system_user.pw_name}\n"

        await spawner.stop()

        assert await spawner.poll() is not None
        assert log.read_text().splitlines()[1:] == [f"close_session {system_user.pw_name}"]
    finally:
        service.unlink()


@pytest.mark.root
async def test_an_exit_code_passes_through_the_supervisor_of_a_session(system_user, local):
    service = Path(f"/etc/pam.d/{system_user.pw_name}")
    service.write_text("session required pam_permit.so\nauth required pam_permit.so\n")
    try:
        for argument, code in (("--exit=5", 5), ("--deaf", -9)):
            spawner = local(system_user.pw_name, argument, pam_session=True, pam_service=service.name)
            endpoint = await spawner.start()
            if code < 0:
                os.kill(endpoint.state["pid"], -code)
            assert await spawner.wait() == code
    finally:
        service.unlink()


@pytest.mark.root
async def test_a_pam_service_that_refuses_is_named(system_user, local):
    service = Path(f"/etc/pam.d/{system_user.pw_name}")
    service.write_text("session required pam_deny.so\n")
    try:
        spawner = local(system_user.pw_name, pam_session=True, pam_service=service.name)
        with pytest.raises(
            PluginError, match=r"no PAM session can be opened for user .*: LocalProcessSpawner.pam_session"
        ):
            await spawner.start()
    finally:
        service.unlink()


@pytest.mark.root
async def test_a_missing_system_user_is_created_where_that_is_wanted(system_user, local):
    name = f"{system_user.pw_name}n"
    spawner = local(name, create_system_users=True)
    with alone("accounts"):
        try:
            await spawner.start()
            assert (await spawner.facts())["uid"] == pwd.getpwnam(name).pw_uid
        finally:
            await spawner.stop(now=True)
            subprocess.run(["userdel", "--remove", name], capture_output=True)


@pytest.mark.root
async def test_root_is_allowed_for_the_single_user_server_only_as_root(system_user, local, open_folder):
    command = open_folder / "jupyterhub-singleuser"
    command.write_text('#!/bin/sh\necho "arguments: $*"\n')
    command.chmod(0o755)
    for name, expected in (("root", "arguments: --a --allow-root"), (system_user.pw_name, "arguments: --a")):
        spawner = local(name, cmd=[str(command), "--a"], system_accounts=["root"])
        await spawner.start()
        await spawner.wait()
        assert await spawner.logs() == (expected,)


@pytest.mark.root
@pytest.mark.parametrize(
    ("more", "allowed", "expected"),
    [
        ((), (), None),
        ((), ("root",), "arguments: --allow-root"),
        (("--allow-root",), (), "arguments: --allow-root"),
    ],
    ids=["not asked for", "allowed as an account", "asked for as in JupyterHub"],
)
async def test_simple_runs_a_notebook_as_root_only_if_asked_to(simple, open_folder, more, allowed, expected):
    command = open_folder / "jupyterhub-singleuser"
    command.write_text('#!/bin/sh\necho "arguments: $*"\n')
    command.chmod(0o755)
    spawner = simple(cmd=[str(command), *more], system_accounts=allowed)
    if expected is None:
        with pytest.raises(PluginError, match="this hub runs no notebook server as root") as caught:
            await spawner.start()
        assert caught.value.__cause__.status == 403  # type: ignore[attr-defined]
        assert "c.SystemAccounts.allowed = {'root'}" in caught.value.__cause__.detail  # type: ignore[attr-defined]
        return
    await spawner.start()
    await spawner.wait()
    assert await spawner.logs() == (expected,)


async def test_no_switch_is_needed_for_the_hubs_own_user(local):
    spawner = local(getpass.getuser(), system_accounts=[getpass.getuser()])
    await spawner.start()

    assert (await spawner.facts())["uid"] == os.geteuid()


async def test_a_simple_server_has_a_private_folder_of_its_own(simple, tmp_path):
    spawner = simple(username="../alice")
    await spawner.start()

    facts = await spawner.facts()

    home = Path(facts["folder"])
    assert home.parent == tmp_path / "homes"
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert facts["environment"]["HOME"] == str(home)
    assert facts["environment"]["USER"] == "../alice"
    assert facts["uid"] == os.geteuid()


async def test_a_folder_that_is_a_link_is_refused(simple, tmp_path):
    (tmp_path / "homes").mkdir()
    (tmp_path / "homes" / "alice").symlink_to(tmp_path)

    with pytest.raises(PluginError, match="or is a link"):
        await simple().start()


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


@given(NAMES | st.sampled_from([".", "..", "...", "a/../b", "%2E", "~", "-rf"]))
def test_the_folder_of_a_user_is_always_a_single_path_component(name):
    folder = folder_name(name)

    assert folder
    assert "/" not in folder
    assert not folder.startswith(".")


@given(NAMES, NAMES)
def test_two_users_never_share_a_folder(one, other):
    assert (folder_name(one) == folder_name(other)) == (one == other)
    assert one == other or folder_name(one) != escaped_name(other)


@pytest.mark.parametrize("name", [*ODD_NAMES, "zoë", "o'neil (x)"])
def test_the_folder_that_jupyterhub_made_is_found(tmp_path, name):
    """JupyterHub inserts the unchanged name into the path."""
    theirs = tmp_path / name
    if re.search("%[0-9a-f]{2}", name):
        assert Path(find_home(f"{tmp_path}/{{username}}", name)) == tmp_path / name.replace("%", "%25")
    else:
        assert Path(find_home(f"{tmp_path}/{{username}}", name)) == theirs


async def test_files_stay_after_a_move_from_jupyterhub_and_from_an_earlier_version(simple, tmp_path, caplog):
    theirs, former = tmp_path / "homes" / "zoë", tmp_path / "homes" / "zo%C3%AB"

    async def home():
        spawner = simple(username="zoë")
        await spawner.start()
        facts = await spawner.facts()
        await spawner.stop(now=True)
        assert facts["environment"]["HOME"] == facts["folder"]
        return Path(facts["folder"])

    former.mkdir(parents=True)
    assert await home() == former
    assert not theirs.exists()
    theirs.mkdir()
    assert await home() == theirs
    assert "two home folders" in caplog.text
    former.rmdir()
    former.symlink_to(tmp_path)
    theirs.rmdir()
    assert await home() == theirs, "a link is not used as the former folder"


@pytest.fixture
def second_root():
    """A second name of the user id 0."""
    if shutil.which("useradd") is None:
        pytest.skip("useradd is not installed")
    name = f"ph{secrets.token_hex(4)}"
    command = ["useradd", "--no-create-home", "--non-unique", "--uid", "0", name]
    with alone("accounts"):
        subprocess.run(command, check=True, capture_output=True)
    yield name
    with alone("accounts"):
        subprocess.run(["userdel", "--force", name], capture_output=True)


@pytest.mark.root
@pytest.mark.parametrize("name", ["root", "daemon", "nobody"])
async def test_a_system_account_cannot_have_a_server(local, name):
    with pytest.raises(PluginError, match="is a system account of this machine") as caught:
        await local(name).start()
    assert caught.value.__cause__.status == 403  # type: ignore[attr-defined]


@pytest.mark.root
async def test_another_name_of_root_is_refused_and_a_listed_account_is_allowed(local, second_root):
    with pytest.raises(PluginError, match="is a system account of this machine"):
        await local(second_root, system_accounts=["root"]).start()
    spawner = local("root", system_accounts=["root"])
    await spawner.start()
    assert (await spawner.facts())["uid"] == 0
