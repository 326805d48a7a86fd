"""First steps after an installation: start the hub, open its link, run a cell; and the tutorial for a lab."""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from plughub.testing.browser import arrive, run_notebook, write_notebook
from plughub.testing.client import ApiClient
from plughub.testing.documents import blocks_of
from plughub.testing.forms import FormClient
from plughub.testing.hub import HubProcess
from plughub.testing.tutorials import TutorialReader
from plughub.testing.workers import alone

pytestmark = [pytest.mark.root, pytest.mark.timeout(300)]
ROOT = Path(__file__).resolve().parents[3]
DISTRIBUTIONS = ("plughub", "plughub_localprocess", "plughub_haproxy", "plughub_pam")


@pytest.fixture(scope="module")
def everybodys_hub(shared_jupyter, tmp_path_factory):
    """A Python with JupyterLab, the hub and its default plugins that every system user can run."""
    pytest.importorskip("hatchling", reason="hatchling, which builds the wheels, is not installed")
    python, folder = shared_jupyter.parent / "python", tmp_path_factory.mktemp("wheels")
    build, install, start = blocks_of(ROOT / "README.md")["install"].splitlines()
    assert start == "hub"
    clone = folder / "clone"
    without = shutil.ignore_patterns("__pycache__", "build", "dist", "*.egg-info")
    for name in ("core", "plugins"):
        shutil.copytree(ROOT / name, clone / name, ignore=without)
    # Build with the hatchling of this environment: with "no", pip builds without isolation.
    of_tests = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "PIP_NO_BUILD_ISOLATION": "no",
    }
    subprocess.run(build, shell=True, cwd=clone, env=of_tests, check=True)
    of_all = {**of_tests, "PATH": f"{python.parent}:/usr/bin:/bin", "VIRTUAL_ENV": ""}
    subprocess.run(install, shell=True, cwd=clone, env=of_all, check=True)
    # An earlier test may have installed the same version.
    wheels = [next((clone / "wheels").glob(f"{name}-*.whl")) for name in DISTRIBUTIONS]
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", *wheels], check=True
    )
    return str(python)


@pytest.mark.browser
async def test_without_root_node_or_config_the_printed_link_opens_jupyterlab_and_a_cell_runs(
    browser, people, everybodys_hub
):
    ada, _ = people
    folder = ada.home / "hub"
    subprocess.run(["mkdir", "-m", "755", folder], user=ada.name, check=True)
    write_notebook(ada.home / "who.ipynb", "import os; print(os.getuid(), os.getcwd())", ada.uid)
    environment = {"HOME": str(ada.home), "USER": ada.name, "LOGNAME": ada.name, "PATH": "/usr/bin:/bin"}
    environment |= {"SUDO_USER": "", "VIRTUAL_ENV": ""}
    with HubProcess(folder, env=environment, python=everybodys_hub, user=ada.name) as hub:
        assert hub.url == f"http://127.0.0.1:{hub.port}/"
        page = await (await browser.new_context()).new_page()
        await page.goto(hub.login_link)
        await arrive(page, f"**/user/{ada.name}/**")
        said = await run_notebook(page, hub.url, ada.name, "who.ipynb")
        assert said == f"{ada.uid} {ada.home}"

        again = await (await browser.new_context()).new_page()
        assert (await again.goto(hub.login_link)).status == 403
        listeners = {
            connection.laddr.ip
            for process in hub.processes()
            for connection in process.net_connections(kind="tcp")
            if connection.status == "LISTEN"
        }
        assert listeners <= {"127.0.0.1", "::1"}
        files = {path.name: path for path in folder.iterdir()}
        assert {"jupyterhub.sqlite", "jupyterhub_cookie_secret", ".plughub"} <= set(files)
        assert all(path.stat().st_uid == ada.uid for path in files.values() if "std" not in path.name)
        assert not files["jupyterhub_cookie_secret"].stat().st_mode & 0o077


@pytest.fixture
def account():
    """A name for the account that the tutorial creates; the account is removed."""
    name = f"ada{secrets.token_hex(3)}"
    yield name
    with alone("accounts"):
        subprocess.run(["userdel", "--remove", "--force", name], capture_output=True)


@pytest.fixture
def lab(tmp_path, everybodys_hub, account):
    """A reader of the tutorial; all processes of the hub and of the account are ended."""
    instead = {
        "/opt/plughub": everybodys_hub.removesuffix("/bin/python"),
        "/srv/hub": f"{tmp_path}/hub",
        "ada": account,
    }
    reader = TutorialReader(ROOT / "docs" / "tutorials" / "lab.md", tmp_path, instead=instead)
    yield reader
    reader.interrupt()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.username() == account or Path(process.cwd()).is_relative_to(tmp_path):
                process.kill()


def test_a_hub_for_my_lab(lab, account, everybodys_hub, tmp_path):
    commands, found = [], []
    doctor = Path(everybodys_hub).with_name("hub")

    def look():
        url = f"http://127.0.0.1:{lab.port}/"
        assert account in FormClient(url).log_in(account, "correct-horse-battery")
        user = ApiClient(url, lab.variable("token")).until(
            f"/users/{account}", lambda user: user["servers"].get("", {}).get("ready")
        )
        assert user["admin"]
        commands.extend(commands_of(account))
        said = subprocess.run([doctor, "doctor", "--json"], cwd=tmp_path / "hub", capture_output=True)
        found.extend(json.loads(said.stdout))

    lab.read(look)
    assert [command for command in commands if "jupyterhub-singleuser" in command]
    assert "hub doctor" in lab.heard
    assert {one["code"] for one in found} <= {"H030", "H031"}, "of this machine, not of the configuration"
    assert "link NAME" not in lab.heard, "users log in with passwords"
    assert len(lab.skipped) == 3, lab.skipped


def commands_of(account):
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.username() == account:
                yield " ".join(process.cmdline())
