"""``hub --generate-certs``: certificates of internal TLS without a hub."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

PLUGINS = ("--plugins", "dummy,simple", "--DummyAuthenticator.allow_all=True")


@pytest.mark.parametrize(
    ("given", "config"),
    [(("--generate-certs",), ""), ((), "c.JupyterHub.generate_certs = True\n")],
    ids=["option", "setting"],
)
def test_certificates_are_created_and_listed_and_no_hub_runs(hub, tmp_path: Path, given, config) -> None:
    (tmp_path / "jupyterhub_config.py").write_text(
        f"{config}c.JupyterHub.internal_certs_location = 'certs'\n"
    )
    code, said, complaint = hub(*PLUGINS, *given)
    assert (code, complaint) == (0, "")
    lines = said.splitlines()
    assert lines[0] == f"certificates of internal_ssl are in {tmp_path}/certs:"
    assert lines[-1] == "the hub uses them when c.JupyterHub.internal_ssl = True is set"
    assert {"  hub-internal/hub-internal.crt", "  services-ca/services-ca.crt"} <= set(lines)
    context = ssl.create_default_context(cafile=tmp_path / "certs" / "services-ca_trust.crt")
    assert context.get_ca_certs()
    assert not (tmp_path / "jupyterhub.sqlite").exists()


def test_a_second_run_keeps_the_certificates(hub, tmp_path: Path) -> None:
    (tmp_path / "jupyterhub_config.py").write_text("c.JupyterHub.internal_ssl = True\n")
    files: list[dict[Path, bytes]] = []
    for _ in range(2):
        code, said, _ = hub(*PLUGINS, "--generate-certs")
        assert (code, "uses them when" in said) == (0, False)
        files.append({path: path.read_bytes() for path in (tmp_path / "internal-ssl").rglob("*.*")})
    assert files[0] == files[1]
    assert len(files[0]) > 10


def test_a_folder_that_cannot_be_used_is_named(hub, tmp_path: Path) -> None:
    (tmp_path / "internal-ssl").write_text("a file")
    code, _, complaint = hub(*PLUGINS, "--generate-certs")
    assert code == 2
    assert f"certificates cannot be created in {tmp_path}/internal-ssl" in complaint
    assert "internal_certs_location" in complaint
