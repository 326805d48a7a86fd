"""Key and certificate of a server, in the home folder of its user."""

from pathlib import Path

import pytest

from plughub.spawner import SpawnFailed
from plughub.tls import NOTEBOOKS, CertificateFolder
from plughub_localprocess.accounts import find_account
from plughub_localprocess.certificates import write_certificates


@pytest.fixture
def paths(tmp_path):
    folder = CertificateFolder(tmp_path / "ssl")
    folder.prepare()
    return folder.issue("user-alice", NOTEBOOKS, ["localhost"]).paths


def test_the_files_are_private_and_the_hub_keeps_no_key(tmp_path, paths):
    key = Path(paths["keyfile"]).read_text()
    for _ in range(2):  # files of an earlier start are replaced
        Path(paths["keyfile"]).write_text(key)
        placed = write_certificates(paths, str(tmp_path), None)
        assert set(placed) == set(paths)
        assert Path(placed["keyfile"]).read_text() == key
        assert not Path(paths["keyfile"]).exists()
    folder = Path(placed["keyfile"]).parent
    assert folder == tmp_path / ".jupyterhub" / "jupyterhub-certs"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


@pytest.mark.root
def test_the_files_belong_to_the_user(system_user, paths):
    account = find_account(system_user.pw_name)
    placed = write_certificates(paths, account.home, account)
    for path in (*placed.values(), Path(placed["keyfile"]).parent):
        assert (Path(path).stat().st_uid, Path(path).stat().st_gid) == (account.uid, account.gid)  # type: ignore[arg-type]


@pytest.mark.root
def test_a_link_in_the_home_folder_is_not_followed_as_root(system_user, paths, tmp_path):
    account = find_account(system_user.pw_name)
    tmp_path.chmod(0o755)
    (tmp_path / "of-root").mkdir(mode=0o755)
    (Path(account.home) / ".jupyterhub").symlink_to(tmp_path / "of-root")
    with pytest.raises(SpawnFailed, match="jupyterhub-certs"):
        write_certificates(paths, account.home, account)
    assert list((tmp_path / "of-root").iterdir()) == []
    assert Path(paths["keyfile"]).exists()
