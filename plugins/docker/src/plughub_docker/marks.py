"""Labels that identify the hub, plugin, server and start of a container.

Labels cannot be changed, but a kept container belongs to several starts in succession: a file in it names
the present one.
"""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Mapping
from typing import Any, Final

from plughub.kinds import Server
from plughub_docker.engine import Engine, EngineError

MARK: Final = "plughub.mark"
PLUGIN: Final = "plughub.plugin"
OPERATION: Final = "plughub.operation"
USER: Final = "plughub.user"
SERVER: Final = "plughub.server"
KEPT: Final = "plughub.kept"
PORT: Final = "plughub.port"
SCHEME: Final = "plughub.scheme"
HOST: Final = "plughub.host"
PUBLISHED: Final = "plughub.published"
ADDRESS: Final = "plughub.address"

FILE: Final = ".plughub-operation"


def labels_of(server: Server, plugin: str, *, kept: bool) -> dict[str, str]:
    """Return the labels of a container or service; they contain no secrets.

    Args:
        server: the server record.
        plugin: name of the plugin that launches it.
        kept: whether it is kept when the server stops.
    """
    return {
        MARK: server.mark,
        PLUGIN: plugin,
        OPERATION: server.operation,
        USER: server.user.name,
        SERVER: server.name,
        KEPT: "yes" if kept else "",
    }


def address_labels(
    port: int, proto: str, host: str = "", published: int = 0, address: str = ""
) -> dict[str, str]:
    """Return the labels from which the address of a listed server is derived.

    Args:
        port: port of the server inside the container.
        proto: ``http`` or ``https``.
        host: host name of the server, if it is reached by name.
        published: published port; 0 if none.
        address: fixed address in the network, if any.
    """
    scheme = {SCHEME: proto} if proto != "http" else {}
    fixed = {PUBLISHED: str(published)} if published else {}
    fixed |= {ADDRESS: address} if address else {}
    return {PORT: str(port), **fixed, **scheme, **({HOST: host} if host else {})}


def has_fixed_address(container: Mapping[str, Any]) -> bool:
    """Return whether no other container can get this one's port or address, even after restarts."""
    found = labels(container)
    shares_host = (container.get("HostConfig") or {}).get("NetworkMode") == "host"
    return shares_host or PUBLISHED in found or ADDRESS in found


def is_ours(label: str) -> bool:
    """Return whether a label belongs to the hub."""
    return label.startswith("plughub.")


def scheme_of(found: Mapping[str, str]) -> str:
    """Return the URL scheme of a server from its labels."""
    return found.get(SCHEME) or "http"


def filters_of(server: Server, plugin: str, operation: str = "") -> list[str]:
    """Return the label filters that select what was created for a server.

    Args:
        server: the server record.
        plugin: name of the plugin that created it.
        operation: operation id of a start; all starts if empty.
    """
    known = labels_of(server, plugin, kept=False)
    wanted = [f"{name}={known[name]}" for name in (MARK, PLUGIN, USER, SERVER)]
    return [*wanted, f"{OPERATION}={operation}"] if operation else wanted


def labels(thing: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the labels of a container or service that was inspected or listed."""
    if (listed := thing.get("Labels")) is not None:
        return dict(listed)
    about: Mapping[str, Any] = thing.get("Config") or thing.get("Spec") or {}
    return about.get("Labels") or {}


def belongs(container: Mapping[str, Any], server: Server, plugin: str) -> bool:
    """Return whether a container or service was launched for a server, by any of its starts."""
    found = labels(container)
    wanted = labels_of(server, plugin, kept=False)
    return all(found.get(name) == wanted[name] for name in (MARK, PLUGIN, USER, SERVER))


def is_of_hub(container: Mapping[str, Any], server: Server, plugin: str) -> bool:
    """Return whether a container or service was launched by this hub and plugin, for any server."""
    found = labels(container)
    return (found.get(MARK), found.get(PLUGIN)) == (server.mark, plugin)


def is_marked(container: Mapping[str, Any]) -> bool:
    """Return whether a container was launched by any hub."""
    return MARK in labels(container)


def operation_of(engine: Engine, container_id: str, found: Mapping[str, str]) -> str:
    """Return the operation id of the start that a container belongs to now.

    Args:
        engine: the engine.
        container_id: id of the container.
        found: labels of the container.
    """
    if found.get(KEPT):
        with contextlib.suppress(EngineError), engine.request() as client:
            stream, _ = client.get_archive(container_id, f"/{FILE}")
            return _unpack(b"".join(stream))
    return found.get(OPERATION, "")


def write_operation(engine: Engine, container_id: str, operation: str) -> None:
    """Write the operation id of a new start into a kept container, running or not.

    Raises:
        EngineError: the engine cannot write into the container.
    """
    with engine.request("the container cannot be marked") as client:
        client.put_archive(container_id, "/", _pack(operation.encode()))


def _pack(content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo(FILE)
        entry.size, entry.mode = len(content), 0o444
        archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _unpack(packed: bytes) -> str:
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        member = archive.extractfile(FILE)
        return member.read(200).decode() if member else ""
