"""A relay between a spawner and the engine whose stream of events can be cut, while other requests pass."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from pathlib import Path
from typing import Any, Final, Self

from plughub_docker.testing.relay import ENGINE

_CHUNK: Final = 65_536
_EVENTS: Final = b"/events?"


class EventRelay:
    """Relay of bytes to the engine.

    Args:
        folder: folder of its socket.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "events.sock"
        self.url = f"unix://{path}"
        self._lock = threading.Lock()
        self._streams: list[socket.socket] = []
        self._is_cut = False
        relay = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                relay._relay(self.request)

        self._server = socketserver.ThreadingUnixStreamServer(str(path), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.05])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._server.shutdown()
        self._thread.join()
        self._server.socket.close()

    def cut(self) -> None:
        """Close the stream of events, and refuse others until `restore`."""
        with self._lock:
            self._is_cut = True
            for stream in self._streams:
                _shut(stream)
            self._streams.clear()

    def restore(self) -> None:
        """Permit streams of events again."""
        with self._lock:
            self._is_cut = False

    def _relay(self, client: socket.socket) -> None:
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(ENGINE)
            back = threading.Thread(target=_copy, args=(engine, client), daemon=True)
            back.start()
            with contextlib.suppress(OSError):
                while (data := client.recv(_CHUNK)) and self._may_pass(client, data):
                    engine.sendall(data)
            _shut(engine)
            _shut(client)
            back.join()

    def _may_pass(self, client: socket.socket, data: bytes) -> bool:
        with self._lock:
            if _EVENTS in data.split(b"\r\n", 1)[0]:
                self._streams.append(client)
                return not self._is_cut
            return True


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
    _shut(target)


def _shut(one: Any) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
