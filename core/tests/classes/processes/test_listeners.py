"""Processes that listen at an address, as reported by the kernel."""

import os
import socket
import subprocess
import sys

import pytest

from plughub.classes import sockets
from plughub.classes.processes import listeners
from plughub.classes.processes.listeners import listeners_at, owns_address
from plughub.testing.foreign_processes import foreign_listener

ME = os.getpid()


@pytest.fixture(params=["kernel", "table"])
def source(request, monkeypatch):
    """Both ways to find the owner of a listener."""
    if request.param == "table":

        def refuse(*_, **__):
            raise OSError("no netlink here")

        monkeypatch.setattr(sockets, "_ask_kernel", refuse)


def listen(address, port=0, *, share=False):
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    if ":" in address:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(share is None))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(bool(share)))
    listener.bind((address, port))
    listener.listen()
    return listener, listener.getsockname()[1]


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize(
    ("bound", "asked", "ours"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("0.0.0.0", "127.0.0.1", True),
        ("::1", "[::1]", True),
        ("::", "[::1]", True),
        ("::", "127.0.0.1", True),
        ("::ffff:127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "localhost", True),
        ("127.0.0.2", "127.0.0.1", False),
        ("::1", "127.0.0.1", False),
        ("127.0.0.1", "[::1]", False),
        ("0.0.0.0", "[::1]", False),
    ],
)
def test_a_socket_counts_for_the_addresses_whose_connections_it_receives(bound, asked, ours):
    listener, port = listen(bound)
    with listener:
        assert owns_address(f"http://{asked}:{port}", [ME]) is ours
    assert not owns_address(f"http://{asked}:{port}", [ME]), "nothing listens there any more"


@pytest.mark.usefixtures("source")
def test_a_foreign_process_is_identified_by_its_socket_and_its_user():
    with foreign_listener() as port:
        url = f"http://127.0.0.1:{port}"
        assert not owns_address(url, [ME])
        assert not owns_address(url, [ME], uid=os.getuid()), "what can be read needs no uid"
        assert [one.uid for one in listeners_at(url)] == [65_431 if os.getuid() == 0 else os.getuid()]


def test_a_foreign_socket_on_the_exact_address_takes_precedence_over_ours_on_all():
    ours, port = listen("0.0.0.0", share=True)
    with ours, foreign_listener("127.0.0.1", port, uid=os.getuid(), share=True):
        assert not owns_address(f"http://127.0.0.1:{port}", [ME])


def test_our_socket_on_the_exact_address_takes_precedence_over_a_foreign_one_on_all():
    ours, port = listen("127.0.0.1", share=True)
    with ours, foreign_listener("0.0.0.0", port, uid=os.getuid(), share=True):
        assert owns_address(f"http://127.0.0.1:{port}", [ME])


def test_a_port_that_a_foreign_process_shares_is_not_ours():
    ours, port = listen("127.0.0.1", share=True)
    with ours:
        assert owns_address(f"http://127.0.0.1:{port}", [ME])
        with foreign_listener("127.0.0.1", port, uid=os.getuid(), share=True):
            assert not owns_address(f"http://127.0.0.1:{port}", [ME])


def test_an_inherited_socket_belongs_to_parent_and_child():
    ours, port = listen("127.0.0.1")
    with ours:
        waits = [sys.executable, "-c", "import sys; sys.stdin.read()"]
        with subprocess.Popen(waits, stdin=subprocess.PIPE, pass_fds=[ours.fileno()]) as child:
            assert owns_address(f"http://127.0.0.1:{port}", [child.pid])
            assert owns_address(f"http://127.0.0.1:{port}", [0, ME])
            child.stdin.close()
    assert not owns_address(f"http://127.0.0.1:{port}", [ME])


def test_the_owner_is_proof_only_where_descriptors_cannot_be_read(monkeypatch):
    def refuse(*_, **__):
        raise PermissionError

    monkeypatch.setattr(listeners, "_sockets_of", refuse)
    ours, port = listen("127.0.0.1")
    with ours:
        url = f"http://127.0.0.1:{port}"
        assert owns_address(url, [ME], uid=os.getuid())
        assert not owns_address(url, [ME], uid=os.getuid() + 1)
        with pytest.raises(PermissionError, match="cannot be read"):
            owns_address(url, [ME])


def test_without_proc_only_the_processes_are_examined(monkeypatch):
    monkeypatch.setattr(listeners, "_has_proc", lambda: False)
    ours, port = listen("127.0.0.1")
    with ours:
        assert owns_address(f"http://127.0.0.1:{port}", [ME])
    with foreign_listener() as port:
        assert not owns_address(f"http://127.0.0.1:{port}", [ME])
