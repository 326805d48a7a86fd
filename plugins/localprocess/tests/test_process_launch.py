import asyncio
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from traitlets import TraitError
from traitlets.config import Config

from plughub.classes.spawner.hooks import SpawnerHooks
from plughub.spawner import SpawnFailed
from plughub.testing.conditions import until
from plughub_localprocess.ports import choose_port
from plughub_localprocess.process_launch import LAUNCHER, LaunchRequest, launch
from plughub_localprocess.spawner import LocalProcessSpawner


def request(*argv, **changes):
    fields = {"argv": list(argv), "environment": {}, "folder": "/", "account": None, "leader": "test"}
    return LaunchRequest(**{**fields, **changes})


def test_a_launcher_with_an_incomplete_request_starts_nothing(tmp_path):
    listen, report = os.pipe()
    text = request("/bin/touch", str(tmp_path / "trace")).as_line()[:-1]

    done = subprocess.run([sys.executable, "-I", "-S", LAUNCHER, str(report)], input=text, pass_fds=(report,))

    os.close(report)
    assert done.returncode == 1
    assert os.read(listen, 100) == b""
    os.close(listen)
    assert not (tmp_path / "trace").exists()


def test_a_command_inherits_no_open_file_but_its_output(tmp_path):
    with (tmp_path / "output").open("wb") as output, (tmp_path / "secret").open("wb") as secret:
        os.set_inheritable(secret.fileno(), True)
        launched = launch(request("/bin/ls", "-l", "/proc/self/fd"), output.fileno(), 20, {})
        launched.child.wait()
        listing = (tmp_path / "output").read_text()

    assert "secret" not in listing
    assert "pipe:" not in listing
    assert "/dev/null" in listing


def test_a_command_can_be_interrupted_although_the_hub_ignores_that(tmp_path):
    code = (
        "import os, signal, sys\n"
        "from plughub_localprocess.process_launch import LaunchRequest, launch\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
        "request = LaunchRequest(argv=['/bin/cat', '/proc/self/status'], environment={}, folder='/', account=None, leader='t')\n"
        "launch(request, 1, 20, {}).child.wait()\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    status = dict(line.split(":", 1) for line in said.splitlines())

    assert int(status["SigIgn"], 16) & (1 << 1) == 0
    assert int(status["SigBlk"], 16) == 0


def test_a_launcher_that_hangs_times_out_and_is_killed(tmp_path, monkeypatch):
    stuck = tmp_path / "stuck.py"
    stuck.write_text("import sys; sys.stdin.buffer.read(); input_that_never_comes = open(sys.argv[2])")
    os.mkfifo(tmp_path / "never")
    stuck.write_text(f"open({str(tmp_path / 'never')!r}).read()")
    monkeypatch.setattr("plughub_localprocess.process_launch.LAUNCHER", str(stuck))
    before = set(psutil.Process().children())

    with pytest.raises(SpawnFailed, match="did not start in time"):
        launch(request("/bin/true"), 2, 0.3, {})

    assert set(psutil.Process().children()) == before


def test_a_launcher_that_fails_is_reported(tmp_path, monkeypatch):
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('broken')")
    monkeypatch.setattr("plughub_localprocess.process_launch.LAUNCHER", str(broken))

    with pytest.raises(SpawnFailed, match="the launcher ended before"), (tmp_path / "log").open("wb") as log:
        launch(request("/bin/true"), log.fileno(), 20, {})


async def test_a_start_does_not_block_the_event_loop(simple):
    pauses = []
    for attempt in range(3):  # a start that blocks does so each time; a busy machine only sometimes
        spawners = [simple(username=f"user{attempt}-{number}") for number in range(5)]
        pauses.append(await longest_pause(asyncio.gather(*(spawner.start() for spawner in spawners))))
        assert len({spawner.started.url for spawner in spawners}) == 5
        if pauses[-1] < 0.25:
            break
    assert min(pauses) < 0.25


async def longest_pause(work):
    """Return the longest time in seconds between two turns of the event loop until the work is done."""
    longest, done = 0.0, asyncio.Event()

    async def watch():
        nonlocal longest
        while not done.is_set():
            before = time.monotonic()
            await asyncio.sleep(0)
            longest = max(longest, time.monotonic() - before)

    watching = asyncio.create_task(watch())
    await work
    done.set()
    await watching
    return longest


async def test_a_start_cancelled_during_the_launch_leaves_nothing_behind(simple, tmp_path, monkeypatch):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    slow = tmp_path / "slow.py"
    slow.write_text(
        f"import runpy; open({str(gate)!r}).read(); runpy.run_path({LAUNCHER!r}, run_name='__main__')"
    )
    monkeypatch.setattr("plughub_localprocess.process_launch.LAUNCHER", str(slow))
    spawner = simple()
    before = set(psutil.Process().children())
    starting = asyncio.create_task(spawner.start())

    async def launching():
        return set(psutil.Process().children()) - before

    await until(launching)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    stopping = asyncio.create_task(spawner.stop(now=True))
    done, _ = await asyncio.wait({stopping}, timeout=0.3)
    await asyncio.to_thread(gate.write_text, "continue")
    await stopping

    assert not done, "the stop has not waited for the launch"
    assert not await launching()


async def test_no_token_or_password_of_a_server_is_in_the_log_of_the_hub(simple, caplog):
    caplog.set_level("DEBUG")
    spawner = simple(args=["--password", "sesame-1", "--token=sesame-2"])

    await spawner.start()

    assert "Starting alice/" in caplog.text
    assert "--password" in caplog.text
    assert "sesame" not in caplog.text
    assert spawner.token not in caplog.text
    assert spawner.token not in repr(request("x", environment={"JUPYTERHUB_API_TOKEN": spawner.token}))


async def test_a_server_inherits_only_the_variables_that_the_setting_names(simple, monkeypatch):
    monkeypatch.setenv("KEPT", "from the hub")
    monkeypatch.setenv("NOT_KEPT", "secret")
    spawner = simple(env_keep=["KEPT"])
    await spawner.start()

    environment = (await spawner.facts())["environment"]

    assert environment["KEPT"] == "from the hub"
    assert "NOT_KEPT" not in environment


async def test_no_list_of_processes_shows_the_token(simple):
    spawner = simple("--ip=127.0.0.1")
    pid = (await spawner.start()).state["pid"]

    lines = [Path(f"/proc/{number}/cmdline") for number in (pid, os.getpid())]
    shown = [line.read_bytes() for line in lines]
    assert b"--ip=127.0.0.1" in shown[0]
    assert all(spawner.token.encode() not in line for line in shown)
    assert Path(f"/proc/{pid}/environ").stat().st_mode & 0o077 == 0


async def test_a_shell_gets_the_command_as_one_argument(simple):
    spawner = simple("--name=it's $HOME", shell_cmd=["/bin/sh", "-c"])
    await spawner.start()

    assert (await spawner.facts())["argv"][1:] == ["--name=it's $HOME"]


async def test_popen_kwargs_reach_the_process(simple):
    spawner = simple(popen_kwargs={"umask": 0o027})
    pid = (await spawner.start()).state["pid"]

    with Path(f"/proc/{pid}/status").open() as status:
        assert "Umask:\t0027" in status.read()


async def test_a_process_that_claims_to_be_another_users_server_is_not_listed(simple, local):
    spawner = local("nobody")
    leader = "import os; os.setsid(); os.environ['PLUGHUB_LEADER'] = f'tested:{os.getpid()}'; os.execv('/bin/sleep', ['sleep', '60'])"
    marks = {**spawner.server.launch_marks, "JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:1/user/nobody/"}
    pretender = subprocess.Popen([sys.executable, "-c", leader], env=marks)
    other = simple()
    other.server = spawner.server

    try:
        found = await until(other.inventory)
        assert found[spawner.server.operation].url == "http://127.0.0.1:1"
        assert not await spawner.inventory()
    finally:
        pretender.kill()
        pretender.wait()


async def test_processes_that_a_server_started_are_not_listed_as_servers(simple):
    spawner = simple(cmd=["/bin/sh", "-c", "setsid sleep 60 & exec sleep 60"])
    pid = (await spawner.start()).state["pid"]

    async def kin():
        running = psutil.process_iter(["name"])  # excluding processes that end meanwhile
        return [p.pid for p in running if p.info["name"] == "sleep" and marked(p, spawner)]

    async def both_run():
        found = await kin()
        return found if len(found) == 2 else []

    both = await until(both_run)

    assert [found.state["pid"] for found in (await spawner.inventory()).values()] == [pid]
    for one in both:
        os.kill(one, 9)


def marked(process, spawner):
    try:
        return process.environ().get("PLUGHUB_OPERATION") == spawner.server.operation
    except psutil.Error:
        return False


def test_a_recently_chosen_port_is_not_chosen_again():
    ports = [choose_port("127.0.0.1", 0) for _ in range(3000)]

    assert all(len(set(ports[at : at + 200])) == 200 for at in range(2800))


def test_an_invalid_address_is_named():
    with pytest.raises(SpawnFailed, match=r"Spawner.ip is 'no such host'"):
        choose_port("no such host", 0)  # which no name server is asked for


@pytest.mark.root
def test_make_preexec_fn_turns_a_process_into_the_user(system_user):
    code = (
        "import os\n"
        "from plughub_localprocess.spawner import LocalProcessSpawner\n"
        f"LocalProcessSpawner().make_preexec_fn({system_user.pw_name!r})()\n"
        "print(os.getuid(), os.getcwd())\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said.split() == [str(system_user.pw_uid), system_user.pw_dir]


@pytest.mark.parametrize("module", ["plugin", "simple"])
def test_the_plugin_imports_nothing_heavy_before_it_is_used(module):
    code = f"import sys, plughub_localprocess.{module}; print({{'psutil', 'traitlets'}} & set(sys.modules))"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said.strip() == "set()"


def test_the_plugins_keep_the_contract_and_store_their_folder(tmp_path):
    from plughub.kinds import HubContext
    from plughub.plugin.manager import ActivePlugins
    from plughub_localprocess import paths, plugin, simple

    plugins = ActivePlugins()
    for name, module in (("localprocess", plugin), ("simple", simple)):
        plugins.add(name, module)
        module.hub_configure(
            HubContext(mark="m", plugin=name, base_url="/", api_url="", runtime_dir=tmp_path)
        )

    assert plugins.owners("spawner") == ("localprocess", "simple")
    assert paths.RUNTIME_DIRS["simple"] == tmp_path / "simple"
    assert issubclass(simple.hub_register_spawner(), plugin.hub_register_spawner())
    assert plugin.hub_register_spawner() is LocalProcessSpawner


def test_a_setting_that_is_not_valid_stops_the_start_of_the_hub():
    hooks = SpawnerHooks(
        "x", LocalProcessSpawner, Config({"LocalProcessSpawner": {"popen_kwargs": {"env": {}}}})
    )

    with pytest.raises(TraitError, match="must not set env"):
        hooks.hub_spawner_info()


def test_a_hub_with_more_than_a_thousand_open_files_starts_servers(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, limits[1]), limits[1]))
    kept = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        with (tmp_path / "output").open("wb") as output:
            launched = launch(request("/bin/echo", "it", "runs"), output.fileno(), 20, {})
            launched.child.wait()
    finally:
        for number in kept:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert (tmp_path / "output").read_text() == "it runs\n"
