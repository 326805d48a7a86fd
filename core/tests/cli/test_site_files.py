"""Config files as sites write them are accepted by ``hub check``, also with names of older JupyterHubs."""

from __future__ import annotations

from pathlib import Path

import pytest

from plughub.testing.ports import free_port

CULLER = """
import sys
c.JupyterHub.services = [
    {"name": "culler", "command": [sys.executable, "-m", "jupyterhub_idle_culler", "--timeout=3600"]}
]
c.JupyterHub.load_roles = [
    {
        "name": "culler",
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        "services": ["culler"],
    }
]
"""
FILES = {
    "accounts of the machine": """
c = get_config()
c.Application.log_level = 30
c.JupyterHub.db_url = "hub.sqlite"
c.JupyterHub.cookie_max_age_days = 3
c.JupyterHub.authenticator_class = "jupyterhub.auth.PAMAuthenticator"
c.PAMAuthenticator.service = "login"
c.PAMAuthenticator.open_sessions = False
c.LocalAuthenticator.group_whitelist = {"users"}
c.Authenticator.admin_users = admins = set()
c.Authenticator.blacklist = {"nobody"}
admins.add("ann")
c.JupyterHub.spawner_class = "jupyterhub.spawner.LocalProcessSpawner"
c.Spawner.notebook_dir = "~/notebooks"
c.Spawner.args = ["--NotebookApp.allow_origin=*"]
c.Spawner.disable_user_config = True
"""
    + CULLER,
    "containers of one machine": """
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.admin_access = True
c.JupyterHub.confirm_no_ssl = True
c.Authenticator.whitelist = listed = set()
listed.add("ann")
c.JupyterHub.spawner_class = "dockerspawner.DockerSpawner"
network = "hub-network"
c.DockerSpawner.container_image = "jupyter/base-notebook"
c.DockerSpawner.extra_create_kwargs.update({"command": "start-singleuser.sh"})
c.DockerSpawner.use_internal_ip = True
c.DockerSpawner.network_name = network
c.DockerSpawner.extra_host_config = {"network_mode": network, "runtime": "nvidia"}
c.DockerSpawner.notebook_dir = "/home/jovyan/work"
c.DockerSpawner.volumes.update({"hub-user-{username}": "/home/jovyan/work"})
c.DockerSpawner.remove_containers = True
c.Spawner.env_keep = ["PROJECT"]
c.DockerSpawner.env_keep = c.Spawner.env_keep
c.DockerSpawner.pre_spawn_hook = lambda spawner: spawner.args.append("--debug")
c.Spawner.extra_placement_spec = {"constraints": ["node.role == worker"]}
c.JupyterHub.spawner_class = "dockerspawner.SwarmSpawner"
""",
    "a proxy of its own": """
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = "simple"
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.auth_token = "of-hub-and-proxy-0123456789" + "\\n"
c.ConfigurableHTTPProxy.api_url = "http://proxy-api:8001"
c.JupyterHub.allow_worker_scopes = True
c.JupyterHub.hub_connect_ip = "hub"
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0, "headers": {"X-Site": "a"}}
c.JupyterHub.cleanup_servers = False
c.KubeSpawner.tolerations.append({"key": "dedicated"})
c.JupyterHub.services = []
c.JupyterHub.services.append({"name": "grader", "url": "http://127.0.0.1:9999", "api_token": "of-the-grader-1"})
""",
    "a course": """
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = "simple"
c.Authenticator.allowed_users = ["teacher", "student", "grader"]
c.JupyterHub.load_groups = {
    "formgrade-course": {"users": ["teacher"]},
    "nbgrader-course": ["teacher", "student"],
    "vox": [],
}
c.JupyterHub.load_groups["vox"].append("vox-collab")
c.JupyterHub.load_roles = [
    {"name": "server", "scopes": ["inherit"]},
    {"name": "user", "scopes": ["self", "shares!user"]},
    {"name": "graders", "groups": ["formgrade-course"], "scopes": ["access:services!service=course"]},
    {"name": "vox", "groups": ["vox"], "scopes": ["admin-ui", "list:users!user=vox-collab"]},
    {"name": "readers", "users": ["ann"], "scopes": ["custom:files:read:*!user=ben"]},
]
c.JupyterHub.custom_scopes = {"custom:files:read:*": {"description": "Read files"}}
c.Spawner.oauth_client_allowed_scopes = ["access:servers!server", "custom:files:read:*!server"]
c.Spawner.server_token_scopes = ["shares!server", "users:activity!server"]
c.JupyterHub.services = [
    {"name": "course", "url": "http://127.0.0.1:9998", "command": ["true"], "cwd": "/", "user": "nobody"}
]
""",
}


@pytest.mark.parametrize("site", FILES)
def test_a_file_of_a_site_is_accepted(
    hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "kubespawner.py").write_text("")  # installed, but not in use
    ports = f"c.JupyterHub.port, c.JupyterHub.hub_port = {free_port()}, {free_port()}\n"
    (tmp_path / "jupyterhub_config.py").write_text(FILES[site] + ports)
    code, said, complaint = hub("check")
    assert (code, said.splitlines()[:1]) == (0, ["the configuration is valid"]), complaint
