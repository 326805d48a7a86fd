"""Files and folders are checked for the rights of the hub's user, and nothing is changed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from plughub.app.file_checks import check_folder, check_writable
from plughub.domain.errors import MISTAKE, StartError

NOBODY = 65534


def refused_as_nobody(check: Callable[[], None]) -> str:
    """Run a check in a process of another system user, and return the message of its error."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.setgroups([])
        os.setuid(NOBODY)
        try:
            check()
        except StartError as error:
            os.write(writing, f"{error.exit_code} {error.message}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as result:
        return result.read()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user may enter, and only its owner may write to."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="requires root, to become another user")
def test_what_another_user_may_not_write_is_refused(folder: Path) -> None:
    (folder / "of-root").touch(mode=0o644)
    (folder / "of-all").touch()
    (folder / "of-all").chmod(0o666)
    (folder / "closed").mkdir(mode=0o700)
    (folder / "closed" / "of-all").touch()
    (folder / "closed" / "of-all").chmod(0o666)
    for name in ("of-root", "new", "closed/of-all", "closed/new", "closed/a/b"):
        message = refused_as_nobody(lambda name=name: check_writable(folder / name, "pid_file"))
        assert (
            message
            == f"{MISTAKE} c.JupyterHub.pid_file: {folder / name} cannot be written: Permission denied"
        )
    for name in ("a/b", "closed/a", "closed"):
        message = refused_as_nobody(lambda name=name: check_folder(folder / name, "runtime_dir"))
        assert message.endswith("cannot be created or written: Permission denied")
    assert not refused_as_nobody(lambda: check_writable(folder / "of-all", "pid_file"))


def test_what_can_be_created_is_accepted_and_not_created(tmp_path: Path) -> None:
    check_writable("", "pid_file")
    check_writable(tmp_path / "new", "pid_file")
    check_folder(tmp_path / "a/b/c", "runtime_dir")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["absent/file", ".", "file/below"])
def test_an_impossible_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match=r"c\.JupyterHub\.pid_file") as refused:
        check_writable(tmp_path / name, "pid_file")
    assert refused.value.exit_code == MISTAKE
