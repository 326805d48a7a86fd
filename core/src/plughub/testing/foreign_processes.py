"""A process that belongs to no server and listens on a server's port; under root, it is another user's.

It is run by path and needs the standard library alone. It answers every request with ``"foreign"``.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

OTHER_UID: Final = 65_431
ANSWER: Final = b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\n"foreign"'


@contextmanager
def foreign_listener(
    address: str = "127.0.0.1", port: int = 0, *, uid: int | None = None, share: bool = False
) -> Iterator[int]:
    """Run a foreign process.

    Args:
        address: where it listens.
        port: its port; 0 for any.
        uid: its user; None for another one than the caller, where the caller is root.
        share: let others listen on the port, too (``SO_REUSEPORT``).

    Yields:
        The port.
    """
    wanted = OTHER_UID if uid is None else uid
    command = [sys.executable, "-IS", str(Path(__file__).resolve()), address, str(port), str(wanted)]
    with subprocess.Popen([*command, *(["share"] if share else [])], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def main() -> None:
    """Listen, print the address, and answer until the process ends."""
    address, port, uid, *share = sys.argv[1:]
    if os.geteuid() == 0:
        os.setresuid(int(uid), int(uid), int(uid))
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((address, int(port)))
        listener.listen()
        print(listener.getsockname()[1], flush=True)  # noqa: T201 - the caller reads it
        while True:
            client, _ = listener.accept()
            with client:
                client.recv(65536)
                client.sendall(ANSWER)


if __name__ == "__main__":
    main()
