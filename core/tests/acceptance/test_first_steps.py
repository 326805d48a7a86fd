"""First steps after an installation: start the hub, open the link that it prints, run a cell."""

import subprocess
import sys
from pathlib import Path

import pytest

from plughub.testing.browser import arrive, run_notebook, write_notebook
from plughub.testing.hub import HubProcess

pytestmark = [pytest.mark.root, pytest.mark.browser, pytest.mark.timeout(300)]
ROOT = Path(__file__).resolve().parents[3]
DISTRIBUTIONS = [ROOT / "core", ROOT / "plugins" / "localprocess", ROOT / "plugins" / "haproxy"]


@pytest.fixture
def everybodys_hub(shared_jupyter, tmp_path):
    """A Python with JupyterLab, the hub and its default plugins that every system user can run."""
    pytest.importorskip("hatchling", reason="hatchling, which builds the wheels, is not installed")
    python, folder = shared_jupyter.parent / "python", tmp_path / "wheels"
    build = (
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        folder,
    )
    subprocess.run([*build, *DISTRIBUTIONS], check=True)
    wheels = list(folder.glob("*.whl"))
    install = (python, "-m", "pip", "install", "--quiet")
    subprocess.run([*install, *wheels], check=True)
    subprocess.run([*install, "--force-reinstall", "--no-deps", *wheels], check=True)
    return str(python)


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
