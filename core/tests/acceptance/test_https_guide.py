"""The page about port 443 and certbot: its files and commands work, except that no certificate is fetched."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from plughub.cli.main import main
from plughub.testing.conditions import wait_for
from plughub.testing.documents import blocks_of, replaced
from plughub.testing.hub import HubProcess

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
DOCS = Path(__file__).resolve().parents[3] / "docs"
BLOCKS = blocks_of(DOCS / "how-to" / "https.md")
LIVE = "/etc/letsencrypt/live/hub.example.org"
LOGINS = 'c.JupyterHub.plugins = ["simple", "dummy", "haproxy"]\nc.Authenticator.allow_all = True\n'


def issue(folder, number, days):
    """Make a certificate and let the links lead to it, as certbot does."""
    archive, live = folder / "archive", folder / "live"
    archive.mkdir(exist_ok=True)
    live.mkdir(exist_ok=True)
    key, chain = archive / f"privkey{number}.pem", archive / f"fullchain{number}.pem"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", str(days)]
    subject = ["-subj", "/CN=hub.example.org", "-keyout", key, "-out", chain]
    subprocess.run(["openssl", "req", "-x509", *curve, *subject], check=True, capture_output=True)
    for file, name in ((key, "privkey.pem"), (chain, "fullchain.pem")):
        link = live / f"new-{name}"
        link.symlink_to(file)
        link.rename(live / name)
    return live


def ends(file):
    done = subprocess.run(
        ["openssl", "x509", "-noout", "-enddate", "-in", file], capture_output=True, text=True, check=True
    )
    return done.stdout


def served(hub):
    text = replaced(BLOCKS["look"], {"hub.example.org:443": f"127.0.0.1:{hub.port}"})
    done = subprocess.run(["/bin/sh", "-c", text], capture_output=True, text=True)
    return done.stdout


def configured(name, folder):
    ports = {"c.JupyterHub.port = 443\n": ""}  # the port is an argument of the command
    return LOGINS + replaced(BLOCKS[name], ports).replace(LIVE, str(folder)).replace(
        "/etc/plughub", str(folder)
    )


def test_a_renewed_certificate_is_served_without_a_restart(tmp_path):
    live = issue(tmp_path, 1, 20)
    with HubProcess(tmp_path / "hub", config=configured("root.py", live)) as hub:
        first = wait_for(lambda: served(hub))
        assert first == ends(live / "fullchain.pem")
        issue(tmp_path, 2, 80)
        wait_for(lambda: served(hub) == ends(live / "fullchain.pem"), 20)
        assert served(hub) != first


def test_the_hook_of_certbot_copies_the_files_for_a_hub_that_is_not_root(tmp_path, monkeypatch, capsys):
    live, place = issue(tmp_path, 1, 20), tmp_path / "plughub"
    place.mkdir()
    hook = tmp_path / "hook"
    hook.write_text(replaced(BLOCKS["deploy-hook"], {"-o hub": "-o nobody", "/etc/plughub": str(place)}))
    hook.chmod(0o755)
    values = {LIVE: str(live), "/etc/letsencrypt/renewal-hooks/deploy/plughub": str(hook)}
    for number, days in ((1, 20), (2, 80)):
        issue(tmp_path, number + 2, days)
        subprocess.run(["/bin/sh", "-c", replaced(BLOCKS["first-copy"], values)], check=True)
        assert (place / "key.pem").read_bytes() == (live / "privkey.pem").read_bytes()
        assert (place / "cert.pem").read_bytes() == (live / "fullchain.pem").read_bytes()
        assert (place / "key.pem").stat().st_mode & 0o777 == 0o600
        assert (place / "key.pem").owner() == "nobody"
    (place / "jupyterhub_config.py").write_text(configured("user.py", place))
    monkeypatch.chdir(place)
    assert main(["check"]) == 0, capsys.readouterr().err


@pytest.mark.skipif(shutil.which("certbot") is None, reason="certbot is not installed")
def test_certbot_accepts_the_arguments_of_the_page(tmp_path):
    places = [f"--{name}-dir {tmp_path}/{name}" for name in ("config", "work", "logs")]
    text = f"{BLOCKS['certbot'].strip()} {' '.join(places)} --server http://127.0.0.1:1/ -n"
    done = subprocess.run(
        ["/bin/sh", "-c", text], capture_output=True, text=True, env={**os.environ, "no_proxy": "*"}
    )
    assert done.returncode == 1, done.stdout + done.stderr  # 2 for arguments that it does not know
    assert "onnection" in done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_accepts_the_addition_to_the_unit(tmp_path):
    unit = tmp_path / "plughub.service"
    base = replaced(
        (DOCS / "plughub.service").read_text(), {"ExecStart=/opt/plughub/bin/hub": "ExecStart=/bin/true"}
    )
    unit.write_text(base)
    more = tmp_path / "plughub.service.d"
    more.mkdir()
    (more / "override.conf").write_text(replaced(BLOCKS["override.conf"], {"User=hub": "User=daemon"}))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    (more / "override.conf").write_text(
        BLOCKS["override.conf"].replace("AmbientCapabilities", "AmbientCapability")
    )
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert "AmbientCapability" in done.stderr, "the addition is not read"
