"""The hub's Unix socket: its settings, what else must fit them, and the socket file."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pwd
import socket
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from plughub.app.config import JupyterHub
from plughub.domain.errors import MISTAKE, RETRY, StartError
from plughub.domain.unix_sockets import (
    MAX_PATH_BYTES,
    is_unix_socket_url,
    unix_socket_path,
    unix_socket_url,
)
from plughub.kinds import ProxyInfo, SpawnerInfo

BACKLOG: Final = 128
_MODES: Final = 0o777
_OTHERS_CAN_WRITE: Final = 0o022


@dataclass(frozen=True, slots=True)
class HubSocket:
    """Unix socket on which the hub listens.

    Attributes:
        path: its path.
        mode: its permissions.
    """

    path: Path
    mode: int

    @property
    def url(self) -> str:
        """URL of the socket, without a path on the hub."""
        return unix_socket_url(str(self.path))


def read_hub_socket(hub: JupyterHub) -> HubSocket | None:
    """Read the Unix socket from the settings; None if the hub listens on TCP.

    Raises:
        StartError: the path or the mode is invalid, or another setting conflicts with a socket.
    """
    if not is_unix_socket_url(hub.hub_bind_url):
        return None
    text = unix_socket_path(hub.hub_bind_url)
    name = f"c.JupyterHub.hub_bind_url = {hub.hub_bind_url!r}"
    if not text.startswith("/") or "\0" in text or text.endswith("/"):
        raise StartError(
            f"{name} names no absolute path of a socket: {text!r}",
            hint="write each / of the path as %2F: http+unix://%2Frun%2Fhub%2Fhub.sock",
        )
    if len(os.fsencode(text)) > MAX_PATH_BYTES:
        raise StartError(f"{name}: the path of a socket has at most {MAX_PATH_BYTES} bytes")
    if hub.internal_ssl:
        raise StartError(f"{name} conflicts with c.JupyterHub.internal_ssl: remove one of them")
    if (hub.hub_connect_ip or hub.hub_connect_port) and not hub.hub_connect_url:
        raise StartError(
            f"{name}: c.JupyterHub.hub_connect_ip and hub_connect_port do not apply to a Unix socket",
            hint="remove them, or set JupyterHub.hub_connect_url",
        )
    mode = hub.hub_socket_mode
    if not 0 <= mode <= _MODES or not mode & stat.S_IWUSR:
        raise StartError(
            f"c.JupyterHub.hub_socket_mode = {mode} (octal {mode:o}) does not allow the owner to connect",
            hint="write an octal number such as 0o600 or 0o660",
        )
    return HubSocket(Path(text), mode)


def url_for_proxy(connect_url: str, hub_socket: HubSocket | None, info: ProxyInfo, plugin: str) -> str:
    """Return the URL at which the proxy connects to the hub.

    Args:
        connect_url: URL for servers.
        hub_socket: Unix socket of the hub; None for none.
        info: capabilities of the proxy.
        plugin: name of the proxy's plugin.

    Raises:
        StartError: the proxy cannot connect to a Unix socket.
    """
    if hub_socket is None:
        return connect_url
    if info.unix_sockets and info.host_bound:
        return hub_socket.url
    if unix_socket_path(connect_url) and not info.unix_sockets:
        raise StartError(
            f"c.JupyterHub.hub_bind_url is a Unix socket, to which the proxy {plugin!r} cannot connect",
            hint="set c.JupyterHub.hub_connect_url to a URL that leads to the socket, or use the plugin "
            "haproxy or chp",
        )
    return connect_url


def check_spawners(
    connect_url: str, hub_socket: HubSocket | None, spawners: Mapping[str, SpawnerInfo]
) -> None:
    """Refuse spawners whose servers cannot connect to the hub's socket.

    Args:
        connect_url: URL for servers.
        hub_socket: Unix socket of the hub; None for none.
        spawners: capabilities of the spawners by plugin.

    Raises:
        StartError: names the spawner.
    """
    if hub_socket is None or connect_url != hub_socket.url:
        return
    for name, info in spawners.items():
        if info.hub_url:
            continue
        if not info.host_bound:
            raise StartError(
                f"c.JupyterHub.hub_bind_url is a Unix socket, but servers of the spawner {name!r} do not run "
                "on this machine",
                hint="set c.JupyterHub.hub_connect_url to a URL at which servers reach the hub, such as that "
                "of the proxy",
            )
        if info.own_accounts and os.geteuid() == 0 and not hub_socket.mode & _OTHERS_CAN_WRITE:
            raise StartError(
                f"servers of the spawner {name!r} run as their users, who cannot connect to the hub's Unix "
                f"socket with c.JupyterHub.hub_socket_mode = 0o{hub_socket.mode:o}",
                hint="set it to 0o666, or to 0o660 in a folder with the set-group-ID bit, or set "
                "c.JupyterHub.hub_connect_url to the URL of the proxy",
            )


class SocketFile:
    """File of a listening Unix socket.

    Args:
        where: path and permissions.
        user: system user that must be able to connect; empty for the user of the hub.

    Raises:
        StartError: another process uses the socket, or its file cannot be created.
    """

    def __init__(self, where: HubSocket, user: str = "") -> None:
        self._path = where.path
        self._file: tuple[int, int] | None = None
        with self._locked_folder():
            _remove_stale(self._path)
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                self._bind(where.mode, pwd.getpwnam(user).pw_uid if user else -1)
            except OSError as error:
                self.remove()
                self.socket.close()
                raise _unusable(self._path, error.strerror) from error

    def remove(self) -> None:
        """Delete the file, unless something else has replaced it. Call it before the socket is closed."""
        # No other hub process replaces the file while the socket accepts connections.
        with contextlib.suppress(OSError):
            if _identity(self._path) == self._file:
                self._path.unlink()

    def _bind(self, mode: int, owner: int) -> None:
        """Bind, and set owner and permissions before the socket accepts connections."""
        self.socket.setblocking(False)
        self.socket.bind(str(self._path))
        self._file = _identity(self._path)
        if owner >= 0 and os.geteuid() == 0:
            os.chown(self._path, owner, -1, follow_symlinks=False)
        self._path.chmod(mode)
        self.socket.listen(BACKLOG)

    @contextlib.contextmanager
    def _locked_folder(self) -> Iterator[None]:
        """Prevent other hub processes from replacing the file at the same time."""
        folder = self._path.parent
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise StartError(
                f"c.JupyterHub.hub_bind_url: the folder of the Unix socket cannot be used: {folder}: "
                f"{error.strerror}",
                hint="create it, or correct the path",
            ) from error
        try:
            _check_folder(self._path, os.fstat(descriptor).st_mode)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def check_socket_path(path: Path) -> None:
    """Check that the hub could listen on a Unix socket, if no other process does.

    Raises:
        StartError: the folder is not safe, or the file is no socket or belongs to another user.
    """
    if path.parent.is_dir():
        _check_folder(path, path.parent.stat().st_mode)
    try:
        _is_stale(path)
    except StartError as error:
        if error.exit_code != RETRY:
            raise


def _check_folder(path: Path, mode: int) -> None:
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise _unusable(path, "every system user can replace files in its folder")


def _remove_stale(path: Path) -> None:
    """Delete the socket of a hub process that was killed.

    Raises:
        StartError: a process listens on the socket, or the file is something else.
    """
    if _is_stale(path):
        try:
            path.unlink()
        except OSError as error:
            raise _unusable(path, error.strerror) from error


def _is_stale(path: Path) -> bool:
    """Return whether a socket exists on which no process listens.

    Raises:
        StartError: a process listens on the socket, or the file is something else.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _unusable(path, error.strerror) from error
    if not stat.S_ISSOCK(found.st_mode):
        raise _unusable(path, "a file that is no socket has this path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.setblocking(False)
        code = client.connect_ex(str(path))
    if code in {errno.EACCES, errno.EPERM}:
        raise _unusable(path, "the socket belongs to another system user")
    if code not in {errno.ECONNREFUSED, errno.ENOENT}:
        raise StartError(
            f"another process listens on the Unix socket {path}",
            hint="stop that process, such as another hub, or change JupyterHub.hub_bind_url",
            exit_code=RETRY,
        )
    return code == errno.ECONNREFUSED


def _unusable(path: Path, reason: str | None) -> StartError:
    return StartError(
        f"c.JupyterHub.hub_bind_url: the hub cannot listen on the Unix socket {path}: {reason}",
        hint="correct the path, or the permissions of its folder",
        exit_code=MISTAKE,
    )


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino
