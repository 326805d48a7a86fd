"""The hub's Unix socket: what settings it requires, and whose file is replaced or deleted."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from plughub.app.addresses import addresses
from plughub.app.config import JupyterHub
from plughub.app.hub_socket import (
    HubSocket,
    SocketFile,
    check_socket_path,
    check_spawners,
    url_for_proxy,
)
from plughub.app.ports_in_use import ports_in_use
from plughub.classes.sockets import owner_of_peer
from plughub.classes.spawner.hub_objects import hub_of
from plughub.domain.errors import MISTAKE, RETRY, StartError
from plughub.domain.ip_addresses import leads_to_loopback
from plughub.domain.unix_sockets import unix_socket_path, unix_socket_url
from plughub.kinds import ProxyInfo, Server, SpawnerInfo, UserInfo

URL = "http+unix://%2Frun%2Fhub.sock"
SOCKET = HubSocket(Path("/run/hub.sock"), 0o600)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hub.sock"


@pytest.fixture
def listener(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        yield listening


@pytest.mark.parametrize(
    "url", [URL, "unix+http://%2Frun%2Fhub.sock", f"{URL}/jupyter/", "HTTP+UNIX://%2frun%2Fhub.sock"]
)
def test_every_spelling_of_the_url_is_read(url: str) -> None:
    where = addresses(JupyterHub(hub_bind_url=url, base_url="/jupyter/"))
    assert where.hub_socket == SOCKET
    assert where.api_url == f"{URL}/jupyter/hub/api"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hub_bind_url": "unix+http://hub.sock"}, "names no absolute path of a socket: 'hub.sock'"),
        ({"hub_bind_url": "http+unix:///run/hub.sock"}, "names no absolute path of a socket: ''"),
        ({"hub_bind_url": "http+unix://%00hub"}, "names no absolute path of a socket"),
        ({"hub_bind_url": f"http+unix://%2F{'a' * 107}"}, "the path of a socket has at most 107 bytes"),
        ({"hub_bind_url": URL, "internal_ssl": True}, "conflicts with c.JupyterHub.internal_ssl"),
        ({"hub_bind_url": URL, "hub_connect_ip": "hub"}, "hub_connect_ip and hub_connect_port do not apply"),
        ({"hub_bind_url": URL, "hub_socket_mode": 600}, "hub_socket_mode = 600 (octal 1130) does not allow"),
        ({"hub_bind_url": URL, "hub_socket_mode": 0o066}, "does not allow the owner to connect"),
        ({"hub_connect_url": URL}, "is a Unix socket, but the hub does not listen on one"),
        ({"bind_url": URL}, "is not an HTTP URL"),
    ],
)
def test_a_setting_that_does_not_fit_is_one_clear_message(settings: dict[str, object], message: str) -> None:
    with pytest.raises(StartError) as raised:
        addresses(JupyterHub(**settings))
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("connect_url", "info", "url"),
    [
        (URL, ProxyInfo(unix_sockets=True, host_bound=True), URL),
        ("http://gate:80", ProxyInfo(unix_sockets=True, host_bound=True), URL),
        ("http://gate:80", ProxyInfo(unix_sockets=True), "http://gate:80"),
        ("http://gate:80", ProxyInfo(host_bound=True), "http://gate:80"),
        ("http+unix://%2Fmounted", ProxyInfo(unix_sockets=True), "http+unix://%2Fmounted"),
    ],
)
def test_a_proxy_of_this_machine_connects_to_the_socket(connect_url: str, info: ProxyInfo, url: str) -> None:
    assert url_for_proxy(connect_url, SOCKET, info, "any") == url
    assert url_for_proxy(connect_url, None, info, "any") == connect_url


def test_a_proxy_that_cannot_connect_to_a_socket_requires_a_url() -> None:
    with pytest.raises(StartError, match="to which the proxy 'traefik' cannot connect"):
        url_for_proxy(URL, SOCKET, ProxyInfo(host_bound=True), "traefik")


def test_servers_that_cannot_connect_to_the_socket_require_a_url() -> None:
    away, here = SpawnerInfo(), SpawnerInfo(host_bound=True)
    with pytest.raises(StartError, match="servers of the spawner 'docker' do not run on this machine"):
        check_spawners(URL, SOCKET, {"simple": here, "docker": away})
    check_spawners("http://gate:80", SOCKET, {"docker": away})
    check_spawners(URL, SOCKET, {"docker": SpawnerInfo(hub_url="http://gate:80")})
    check_spawners("http+unix://%2Fmounted", SOCKET, {"docker": away})
    check_spawners(URL, SOCKET, {"simple": here})
    check_spawners(URL, None, {"docker": away})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers as other users")
def test_servers_of_system_users_require_permissions_for_them() -> None:
    info = {"localprocess": SpawnerInfo(host_bound=True, own_accounts=True)}
    with pytest.raises(StartError, match="hub_socket_mode = 0o600"):
        check_spawners(URL, SOCKET, info)
    for mode in (0o666, 0o660):
        check_spawners(URL, HubSocket(SOCKET.path, mode), info)


def test_spawners_and_routes_know_the_url() -> None:
    server = Server(user=UserInfo(name="ada"), hub_api_url=f"{URL}/hub/api")
    assert hub_of(server).server.url == f"{URL}/hub/"
    assert leads_to_loopback(URL)
    path = "/a b/%41éA.sock"
    assert unix_socket_path(unix_socket_url(path).lower()) == path, "clients convert hosts to lower case"
    assert unix_socket_path("http://127.0.0.1:8081") == ""


# ---- the file


def test_the_socket_has_its_permissions_before_it_accepts_connections(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    listen = socket.socket.listen

    def look(self: socket.socket, *args: int) -> None:
        seen.append(stat.S_IMODE(path.stat().st_mode))
        listen(self, *args)

    monkeypatch.setattr(socket.socket, "listen", look)
    with SocketFile(HubSocket(path, 0o640)).socket:
        assert seen == [0o640]
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


def test_the_stale_socket_of_a_killed_hub_is_replaced_and_deleted_at_the_end(
    path: Path, listener: socket.socket
) -> None:
    listener.close()
    assert path.is_socket()
    file = SocketFile(HubSocket(path, 0o600))
    with file.socket:
        file.remove()
    assert not path.exists()


def test_a_socket_in_use_stays(path: Path, listener: socket.socket) -> None:
    with pytest.raises(StartError, match="another process listens on the Unix socket") as raised:
        SocketFile(HubSocket(path, 0o600))
    assert raised.value.exit_code == RETRY
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_check_names_the_process_that_listens_and_changes_nothing(
    path: Path, listener: socket.socket
) -> None:
    hub = JupyterHub(hub_bind_url=unix_socket_url(str(path)), db_url="sqlite:///:memory:")
    check_socket_path(path)
    [warning] = ports_in_use(hub, None)
    assert f"process {os.getpid()} listens on {path} (c.JupyterHub.hub_bind_url)" in warning
    listener.close()
    check_socket_path(path)
    assert list(ports_in_use(hub, None)) == []
    assert path.is_socket(), "a stale socket stays until a start"


def test_of_many_hubs_that_find_a_stale_socket_one_gets_it(path: Path, listener: socket.socket) -> None:
    listener.close()
    found: list[SocketFile | StartError] = []
    together = threading.Barrier(8)

    def start() -> None:
        together.wait()
        try:
            found.append(SocketFile(HubSocket(path, 0o600)))
        except StartError as error:
            found.append(error)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [one for one in found if isinstance(one, SocketFile)]
    assert len(winners) == 1
    with winners[0].socket as mine, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        mine.accept()[0].close()


def test_no_other_hub_replaces_the_file_between_check_and_listen(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def try_lock() -> bool:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(folder)
        return True

    free: list[bool] = []
    listen = socket.socket.listen

    def check(_: Path) -> None:
        free.append(try_lock())

    def look(self: socket.socket, *args: int) -> None:
        free.append(try_lock())
        listen(self, *args)

    monkeypatch.setattr("plughub.app.hub_socket._remove_stale", check)
    monkeypatch.setattr(socket.socket, "listen", look)
    with SocketFile(HubSocket(path, 0o600)).socket:
        assert free == [False, False], "another hub process could replace the file meanwhile"
        assert try_lock(), "the lock is kept for longer than the start"


def test_another_file_is_never_deleted(path: Path) -> None:
    path.write_text("notes")
    with pytest.raises(StartError, match="a file that is no socket has this path") as raised:
        SocketFile(HubSocket(path, 0o600))
    assert raised.value.exit_code == MISTAKE
    path.unlink()
    path.symlink_to("/run/other.sock")
    with pytest.raises(StartError, match="a file that is no socket has this path"):
        SocketFile(HubSocket(path, 0o600))


def test_the_file_of_another_process_is_not_deleted_at_the_end(path: Path) -> None:
    file = SocketFile(HubSocket(path, 0o600))
    path.rename(path.with_name("moved"))
    path.write_text("notes")
    file.remove()
    file.socket.close()
    assert path.read_text() == "notes"


def test_a_missing_folder_and_one_open_to_everyone_are_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"the folder of the Unix socket cannot be used: .*missing: No such"):
        SocketFile(HubSocket(tmp_path / "missing" / "hub.sock", 0o600))
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(StartError, match="every system user can replace files in its folder"):
        check_socket_path(folder / "hub.sock")
    with pytest.raises(StartError, match="every system user can replace files in its folder"):
        SocketFile(HubSocket(folder / "hub.sock", 0o600))
    folder.chmod(0o1777)
    SocketFile(HubSocket(folder / "hub.sock", 0o600)).socket.close()


def test_the_kernel_names_the_user_at_the_other_end(path: Path, listener: socket.socket) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        accepted = listener.accept()[0]
        assert owner_of_peer(accepted) == os.geteuid()
        accepted.close()
        assert owner_of_peer(accepted) is None
