import getpass
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from traitlets import TraitError

from plughub.cli.main import main
from plughub.errors import PluginError
from plughub.testing.conditions import until


async def failure(spawner):
    with pytest.raises(PluginError) as caught:
        await spawner.start()
    assert await spawner.poll() == 0
    read = caught.value.__cause__.message  # type: ignore[attr-defined]
    assert not re.search(r"(?<!:)/\w|Errno|Error|\b[A-Z]\w+\.[a-z]|useradd|pip |\(", read), (
        "this is for administrators"
    )
    return str(caught.value)


async def test_a_missing_command_is_named_with_its_setting(simple):
    message = await failure(simple(cmd=["no-such-command"]))

    assert "command not found: 'no-such-command' (Spawner.cmd)" in message


async def test_a_missing_single_user_server_is_reported_with_the_package_to_install(
    simple, monkeypatch, tmp_path
):
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))

    message = await failure(simple(cmd=["jupyterhub-singleuser", "--allow-root"]))

    assert "pip install 'plughub-localprocess[jupyter]'" in message


async def test_a_missing_command_with_a_folder_is_named(simple):
    assert "command not found: '/no/such/command' (Spawner.cmd)" in await failure(
        simple(cmd=["/no/such/command"])
    )


async def test_a_file_that_is_not_executable_is_named(simple, tmp_path):
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")

    assert f"not executable: '{script}' (Spawner.cmd)" in await failure(simple(cmd=[str(script)]))


async def test_a_missing_interpreter_is_named(simple, tmp_path):
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)

    assert "the interpreter in its first line is missing" in await failure(simple(cmd=[str(script)]))


async def test_a_command_beside_the_hubs_python_is_found_without_path(simple, monkeypatch, tmp_path):
    beside = tmp_path / "venv" / "bin"
    beside.mkdir(parents=True)
    (beside / "my-server").write_text(f"#!/bin/sh\nexec {sys.executable} -c 'import time; time.sleep(60)'\n")
    (beside / "my-server").chmod(0o755)
    (beside / "python").symlink_to(Path(sys.executable).resolve())
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr(sys, "executable", str(beside / "python"))
    spawner = simple(cmd=["my-server"])

    await spawner.start()

    assert await spawner.poll() is None


async def test_a_taken_port_is_named_with_the_process_that_uses_it(simple):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = await failure(simple(port=port))

    assert f"port {port} is taken by process {os.getpid()} (" in message
    assert "Spawner.port" in message


async def test_an_address_of_another_machine_is_named(simple):
    assert "Spawner.ip is '192.0.2.1'" in await failure(simple(ip="192.0.2.1"))


async def test_a_user_without_system_account_is_reported_with_the_remedies(local):
    message = await failure(local("nobody-has-this-name"))

    assert "there is no account 'nobody-has-this-name' on the machine of the hub" in message
    assert "useradd" in message
    assert "'simple'" in message


@pytest.mark.root
async def test_a_missing_home_folder_is_named(system_user, local):
    home, away = Path(system_user.pw_dir), Path(f"{system_user.pw_dir}.away")
    home.rename(away)
    try:
        message = await failure(local(system_user.pw_name))
    finally:
        away.rename(home)

    assert f"the home folder of user '{system_user.pw_name}' is missing: '{system_user.pw_dir}'" in message


@pytest.mark.root
async def test_a_command_that_the_user_may_not_run_is_named(system_user, local, tmp_path):
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o700)

    message = await failure(local(system_user.pw_name, cmd=[str(script)]))

    assert f"not executable for user '{system_user.pw_name}': '{script}'" in message


@pytest.mark.root
def test_a_hub_without_root_cannot_start_the_server_of_another_user(system_user):
    code = (
        "import os\n"
        "from plughub_localprocess.accounts import check_permission_to_switch, find_account\n"
        f"os.setgid({system_user.pw_gid}); os.setuid({system_user.pw_uid})\n"
        "try: check_permission_to_switch(find_account('root'))\n"
        "except Exception as error: print(error)\n"
        f"check_permission_to_switch(find_account({system_user.pw_name!r}))\n"
        "print('own account is fine')\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert f"the hub cannot start a server as 'root': it runs as '{system_user.pw_name}'" in said
    assert "'simple'" in said
    assert "own account is fine" in said


async def test_an_early_end_is_reported_with_exit_code_and_log(simple):
    spawner = simple("--writes=1", "--exit=7")
    await spawner.start()

    assert await spawner.wait() == 7
    assert await spawner.logs(1) == ("line 0",)
    assert await spawner.diagnose() == ""


async def test_an_end_by_a_signal_is_noticed(simple):
    spawner = simple()
    os.kill((await spawner.start()).state["pid"], 9)

    assert await spawner.wait() == -9


async def test_a_server_on_another_port_is_diagnosed_with_that_port(simple):
    spawner = simple("--elsewhere")
    endpoint = await spawner.start()
    wanted = endpoint.url.rpartition(":")[2]

    async def diagnosis():
        said = await spawner.diagnose()
        return said if "instead of" in said else ""

    assert (
        f"instead of port {wanted}: the server must listen on the port in JUPYTERHUB_SERVICE_URL"
        in await until(diagnosis)
    )


async def test_a_server_that_never_listens_is_diagnosed(simple):
    spawner = simple("--deaf")
    pid = (await spawner.start()).state["pid"]

    assert f"process {pid} is running, but does not listen on any port" in await spawner.diagnose()


async def test_a_server_that_listens_on_its_port_is_diagnosed(simple):
    spawner = simple()
    await spawner.start()
    await spawner.facts()
    spawner.new_hub()

    assert "does not answer HTTP there" in await spawner.diagnose()


async def test_pam_sessions_need_root(local, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    spawner = local(getpass.getuser(), pam_session=True)

    with pytest.raises(PluginError):
        await spawner.start()


def test_popen_kwargs_cannot_set_reserved_arguments():
    from plughub_localprocess.spawner import LocalProcessSpawner

    with pytest.raises(TraitError, match="must not set preexec_fn"):
        LocalProcessSpawner(popen_kwargs={"preexec_fn": print})


async def test_the_log_of_an_earlier_user_of_the_name_is_not_shown(simple):
    earlier = simple("--writes=3")
    await earlier.start()
    assert await until(earlier.logs)
    await earlier.stop(now=True)

    later = simple(cmd=["no-such-command"])
    await failure(later)

    assert await later.logs() == ()


async def test_the_log_of_a_server_is_deleted_with_it(simple, tmp_path):
    spawner = simple()
    await spawner.start()
    logs = tmp_path / "runtime" / "logs"
    assert len(list(logs.iterdir())) == 1
    await spawner.stop(now=True)

    await spawner.delete()
    await spawner.delete()

    assert list(logs.iterdir()) == []


@pytest.fixture
def closed(open_folder):
    """A link to an interpreter in a folder that only root can enter, and a script that begins with it."""
    (open_folder / "root").mkdir(mode=0o700)
    (open_folder / "root" / "sh").symlink_to("/bin/sh")
    (open_folder / "sh").symlink_to(open_folder / "root" / "sh")
    script = open_folder / "script"
    script.write_text(f"#!{open_folder}/sh\n")
    script.chmod(0o755)
    return script


@pytest.mark.root
async def test_the_folder_before_an_interpreter_that_the_user_cannot_enter_is_named(
    system_user, local, closed
):
    message = await failure(local(system_user.pw_name, cmd=[str(closed)]))

    folder, interpreter = closed.parent / "root", closed.parent / "sh"
    assert f"not executable for user '{system_user.pw_name}': '{closed}'" in message
    assert (
        f"the interpreter in its first line, '{interpreter}', leads through the folder '{folder}'" in message
    )
    assert "(drwx------, owner root)" in message


@pytest.mark.root
@pytest.mark.parametrize(("plugin", "is_told"), [("localprocess", True), ("simple", False)])
def test_hub_check_tells_which_folder_no_user_can_enter(
    closed, tmp_path, monkeypatch, capsys, plugin, is_told
):
    monkeypatch.chdir(tmp_path)

    main(["check", "--plugins", f"null,{plugin}", f"--Spawner.cmd={closed}"])

    folder = closed.parent / "root"
    assert (f"leads through the folder '{folder}' (drwx------" in capsys.readouterr().err) == is_told


def test_hub_check_tells_that_the_command_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    main(["check", "--plugins", "null,localprocess", "--Spawner.cmd=no-such-command"])

    assert "'localprocess' cannot start servers" in (said := capsys.readouterr().err)
    assert "command not found: 'no-such-command' (Spawner.cmd)" in said
