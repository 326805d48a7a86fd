"""How a container tells whose it is.

Labels cannot be changed, and a container that is kept between starts belongs to one start after the other:
it has the present one in a file.
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
    """Give the labels of what is launched for a server; no secret among them.

    Args:
        server: the record.
        plugin: who launches it.
        kept: it is kept when the server stops.

    Returns:
        The labels.
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
    """Give the labels by which the address of a server is found when it is listed.

    Args:
        port: inside the container.
        proto: ``http`` or ``https``.
        host: name by which it is reached; empty where that is its own or a published address.
        published: port of the engine's machine; 0 where none is published.
        address: in the network, where it is fixed.

    Returns:
        The labels.
    """
    scheme = {SCHEME: proto} if proto != "http" else {}
    fixed = {PUBLISHED: str(published)} if published else {}
    fixed |= {ADDRESS: address} if address else {}
    return {PORT: str(port), **fixed, **scheme, **({HOST: host} if host else {})}


def has_place(container: Mapping[str, Any]) -> bool:
    """Tell whether no other container gets the port or address of one, whatever is restarted."""
    found = labels(container)
    shares_host = (container.get("HostConfig") or {}).get("NetworkMode") == "host"
    return shares_host or PUBLISHED in found or ADDRESS in found


def is_ours(label: str) -> bool:
    """Tell whether a label is one of a hub's."""
    return label.startswith("plughub.")


def scheme_of(found: Mapping[str, str]) -> str:
    """Read from labels whether a server listens at ``http`` or ``https``."""
    return found.get(SCHEME) or "http"


def filters_of(server: Server, plugin: str, operation: str = "") -> list[str]:
    """Give the filters by which the engine lists what was made for a server.

    Args:
        server: the record.
        plugin: who made it.
        operation: of the start; all starts when empty.

    Returns:
        Labels.
    """
    known = labels_of(server, plugin, kept=False)
    wanted = [f"{name}={known[name]}" for name in (MARK, PLUGIN, USER, SERVER)]
    return [*wanted, f"{OPERATION}={operation}"] if operation else wanted


def labels(thing: Mapping[str, Any]) -> Mapping[str, str]:
    """Read the labels of a container or service that was inspected, or is one of a list."""
    if (listed := thing.get("Labels")) is not None:
        return dict(listed)
    about: Mapping[str, Any] = thing.get("Config") or thing.get("Spec") or {}
    return about.get("Labels") or {}


def belongs(container: Mapping[str, Any], server: Server, plugin: str) -> bool:
    """Tell whether a container or service was launched for a server, by this start or another.

    Args:
        container: as inspected.
        server: the record.
        plugin: who should have launched it.

    Returns:
        Whether all labels but that of the operation fit.
    """
    found = labels(container)
    wanted = labels_of(server, plugin, kept=False)
    return all(found.get(name) == wanted[name] for name in (MARK, PLUGIN, USER, SERVER))


def is_of_hub(container: Mapping[str, Any], server: Server, plugin: str) -> bool:
    """Tell whether a container or service was launched by this hub, for whichever server.

    Args:
        container: as inspected.
        server: any record of the hub.
        plugin: who should have launched it.

    Returns:
        Whether the labels of hub and plugin fit.
    """
    found = labels(container)
    return (found.get(MARK), found.get(PLUGIN)) == (server.mark, plugin)


def is_marked(container: Mapping[str, Any]) -> bool:
    """Tell whether any hub of this kind launched a container."""
    return MARK in labels(container)


def operation_of(engine: Engine, container_id: str, found: Mapping[str, str]) -> str:
    """Find out to which start a container belongs now.

    Args:
        engine: the engine.
        container_id: the container.
        found: its labels.

    Returns:
        The operation.
    """
    if found.get(KEPT):
        with contextlib.suppress(EngineError), engine.asked() as client:
            stream, _ = client.get_archive(container_id, f"/{FILE}")
            return _unpack(b"".join(stream))
    return found.get(OPERATION, "")


def write_operation(engine: Engine, container_id: str, operation: str) -> None:
    """Note to which start a kept container belongs from now on.

    Args:
        engine: the engine.
        container_id: the container, running or not.
        operation: the start.

    Raises:
        EngineError: the container takes no files.
    """
    with engine.asked("the container cannot be marked") as client:
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
