"""JupyterLab in a container, used in a browser."""

import pytest

from plughub.testing.browser import arrive, log_in, run_notebook, write_notebook
from plughub.testing.hub import HubProcess

pytestmark = [pytest.mark.docker, pytest.mark.browser, pytest.mark.timeout(240)]
CELL = "import os; print(os.environ['JUPYTERHUB_USER'], os.getcwd())"


async def test_a_cell_runs_in_a_container(page, engine, lab_image, gateway, prefix, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    work.chmod(0o777)
    write_notebook(work / "cell.ipynb", CELL, 1000)
    config = f"""
c.JupyterHub.hub_ip = {gateway!r}
c.Authenticator.allow_all = True
c.DockerSpawner.image = {lab_image!r}
c.DockerSpawner.prefix = {prefix!r}
c.DockerSpawner.remove = True
c.DockerSpawner.volumes = {{{str(work)!r}: "/home/jovyan/work"}}
c.Spawner.http_timeout = 90
c.Spawner.mem_limit = "1G"
"""
    with HubProcess(tmp_path / "hub", "--plugins", "docker,dummy", config=config) as hub:
        await log_in(page, hub.url, "ada", "any")
        await arrive(page, "**/user/ada/**")
        said = await run_notebook(page, hub.url, "ada", "work/cell.ipynb")
        assert said == "ada /home/jovyan/work"
        (container,) = engine.containers(filters={"name": f"{prefix}-ada"})
        assert container["Image"] == lab_image
