"""The pages about backups and PostgreSQL: their scripts and commands work on hubs with data."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from plughub.testing.client import client_of, until_all_serve
from plughub.testing.documents import blocks_of, replaced
from plughub.testing.hub import HubProcess
from plughub.testing.ports import free_port
from plughub.testing.postgresql import postgresql_binaries

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
GUIDES = Path(__file__).resolve().parents[3] / "docs" / "how-to"
BACKUP = blocks_of(GUIDES / "backup.md")
POSTGRESQL = blocks_of(GUIDES / "postgresql.md")
CONFIG = 'c.JupyterHub.plugins = ["simple", "dummy", "haproxy"]\nc.Authenticator.admin_users = {"ada"}\n'


def names(call):
    return {user["name"] for user in call("GET", "/users").body}


def run(text, **environment):
    done = subprocess.run(
        ["/bin/sh", "-c", text], capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_restored_backup_has_the_users_tokens_and_secrets_of_its_time(tmp_path):
    folder, store, settings = tmp_path / "lib", tmp_path / "backups", tmp_path / "etc"
    settings.mkdir()
    (settings / "jupyterhub_config.py").write_text(CONFIG)
    places = {"/var/backups/plughub": str(store), "/var/lib/plughub": str(folder)}
    more = {"/etc/plughub": str(settings), "/opt/plughub/bin/python": sys.executable}
    script = tmp_path / "plughub-backup"
    script.write_text(replaced(BACKUP["plughub-backup"], places | more))
    script.chmod(0o755)

    hub = HubProcess(folder, config=CONFIG)
    with hub:
        call = client_of(hub, "ada")
        assert call("POST", "/users/before").status == 201
        old = store / "2020-01-01T03-00-00"
        old.mkdir(parents=True)
        os.utime(old, (0, 0))
        run(str(script))
        (made,) = store.iterdir()
        assert {file.name for file in made.iterdir()} == {
            "jupyterhub.sqlite",
            "jupyterhub_cookie_secret",
            "jupyterhub_config.py",
        }
        assert not any(file.stat().st_mode & 0o077 for file in (made, made / "jupyterhub.sqlite"))
        assert call("POST", "/users/after").status == 201
    (folder / "jupyterhub_cookie_secret").unlink()
    text = replaced(BACKUP["restore"], {"/var/backups/plughub/2026-11-30T03-00-00": str(made)})
    run(replaced(text, {"/var/lib/plughub": str(folder)}))
    with hub:
        assert names(call) == {"ada", "before"}
        assert (folder / "jupyterhub_cookie_secret").read_bytes() == (
            made / "jupyterhub_cookie_secret"
        ).read_bytes()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_accepts_the_units_of_the_backup(tmp_path):
    units = ("plughub-backup.service", "plughub-backup.timer")
    for name in units:
        text = BACKUP[name].replace("/usr/local/sbin/plughub-backup", "/bin/true")
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", *(tmp_path / name for name in units)], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.postgresql
def test_two_hub_processes_run_on_the_database_of_the_page_which_is_dumped_and_restored(tmp_path, postgresql):
    path = f"{postgresql_binaries()}{os.pathsep}{os.environ['PATH']}"
    place = {"PGHOST": "127.0.0.1", "PGPORT": str(postgresql.port), "PATH": path}
    create = replaced(POSTGRESQL["create"], {"sudo -u postgres psql": "psql"})
    run(create, **place, PGUSER="postgres", PGDATABASE="postgres")
    try:
        as_hub = {**place, "PGUSER": "hub", **dict([POSTGRESQL["environment"].strip().split("=")])}
        port = free_port()
        config = CONFIG + replaced(POSTGRESQL["jupyterhub_config.py"], {":5432": f":{postgresql.port}"})
        config += replaced(POSTGRESQL["several.py"], {"127.0.0.1:8000": f"127.0.0.1:{port}"})
        command, option = replaced(POSTGRESQL["second"], {"8082": str(free_port())}).split()
        assert command == "hub"
        given = {"config": config, "env": as_hub}
        hub = HubProcess(tmp_path, f"--JupyterHub.port={port}", **given)  # type: ignore[arg-type]
        second = HubProcess(tmp_path, f"--JupyterHub.port={port}", option, name="second", **given)  # type: ignore[arg-type]
        with hub:
            call = client_of(hub, "ada")
            second.start()
            until_all_serve([hub, second], call)
            assert call("POST", "/users/before").status == 201
            dump = replaced(BACKUP["dump"], {"/var/backups/plughub/hub.dump": str(tmp_path / "hub.dump")})
            run(dump, **as_hub)
            assert call("POST", "/users/after").status == 201
            assert second.stop() == 0
        load = replaced(BACKUP["load"], {"/var/backups/plughub/hub.dump": str(tmp_path / "hub.dump")})
        run(load, **as_hub)
        with hub:
            assert names(call) == {"ada", "before"}
    finally:
        drop = 'psql -c "DROP DATABASE IF EXISTS hub WITH (FORCE)" -c "DROP ROLE IF EXISTS hub"'
        run(drop, **place, PGUSER="postgres", PGDATABASE="postgres")
