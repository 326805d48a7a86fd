"""The machine's engine, which several runs of tests may use at one time: names, leftovers and the swarm."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import ipaddress
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import docker
import psutil

from plughub.testing.workers import alone

_NAME: Final = re.compile(r"/?phtest(\d+)x[0-9a-f]{4}")
_SUBNETS: Final = "198.18.{}.0/24"
_SUBNET_NUMBERS: Final = range(60, 90)
_MARK: Final = "plughub.tests"
_GATEWAY_NETWORK: Final = "docker_gwbridge"
_USERS: Final = "plughub-tests-swarm-users-{}.lock"


def new_prefix() -> str:
    """Return a prefix for names on the engine; it identifies the process that owns the objects."""
    return f"phtest{os.getpid()}x{secrets.token_hex(2)}"


def gateway_of(client: Any) -> str:
    """Return the address at which containers on the default network reach this machine.

    An engine that was started again may leave the gateway out; it is the first address of the network then.

    Args:
        client: client of the engine.
    """
    facts = client.inspect_network("bridge")["IPAM"]["Config"][0]
    return facts.get("Gateway") or str(next(ipaddress.ip_network(facts["Subnet"]).hosts()))


def remove_leftovers(client: Any) -> None:
    """Remove services, containers, networks and volumes of tests whose process has ended.

    Args:
        client: client of the engine.
    """
    for name, remove in _found(client):
        owner = _NAME.match(name)
        if owner is not None and not psutil.pid_exists(int(owner[1])):
            with contextlib.suppress(docker.errors.APIError):  # another run may be removing it too
                remove()


def _found(client: Any) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the names of all things of the engine and how to remove them, users before what they use."""
    if client.info()["Swarm"]["ControlAvailable"]:
        for service in client.services():
            yield service["Spec"]["Name"], partial(client.remove_service, service["ID"])
    for container in client.containers(all=True):
        for name in container["Names"]:
            yield name, partial(client.remove_container, container["Id"], force=True, v=True)
    for network in client.networks():
        yield network["Name"], partial(client.remove_network, network["Id"])
    for volume in client.volumes()["Volumes"] or ():
        yield volume["Name"], partial(client.remove_volume, volume["Name"])


def create_network_with_subnet(client: Any, name: str) -> str:
    """Create a network with a subnet that its creator has chosen, so that containers may choose addresses.

    Args:
        client: client of the engine.
        name: of the network.

    Returns:
        Its id.

    Raises:
        LookupError: other networks have all subnets that tests use.
    """
    for number in _SUBNET_NUMBERS:
        pool = docker.types.IPAMPool(subnet=_SUBNETS.format(number))
        try:
            made = client.create_network(name, ipam=docker.types.IPAMConfig(pool_configs=[pool]))
        except docker.errors.APIError as error:
            if "overlap" not in str(error):
                raise
        else:
            return str(made["Id"])
    raise LookupError("all subnets that tests use are taken: docker network ls")


@contextlib.contextmanager
def joined_swarm(client: Any) -> Iterator[None]:
    """Make the engine a swarm of one node while the block runs, unless it is in a swarm already.

    The first of several runs creates the swarm and the last one leaves it. A swarm that tests created and
    that no run uses is left over from a run that was killed; it is replaced by a new one.

    Args:
        client: client of the engine.

    Yields:
        While the engine is in a swarm.
    """
    engine = hashlib.sha256(client.info()["ID"].encode()).hexdigest()[:8]
    with Path(tempfile.gettempdir(), _USERS.format(engine)).open("w") as users:
        with alone("swarm-membership"):
            if _is_only_user(users):
                leave_own_swarm(client)
                if client.info()["Swarm"]["LocalNodeState"] == "inactive":
                    _create_swarm(client)
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield
        finally:
            with alone("swarm-membership"):
                fcntl.flock(users, fcntl.LOCK_UN)
                if _is_only_user(users):
                    leave_own_swarm(client)


def leave_own_swarm(client: Any) -> None:
    """Leave a swarm that tests have created, and remove the network that came with it.

    Args:
        client: client of the engine.
    """
    if not client.info()["Swarm"]["ControlAvailable"]:
        return
    mark = (client.inspect_swarm()["Spec"].get("Labels") or {}).get(_MARK)
    if mark is None:
        return
    client.leave_swarm(force=True)
    if mark == _GATEWAY_NETWORK:
        for network in client.networks(names=[_GATEWAY_NETWORK]):
            client.remove_network(network["Id"])


def _create_swarm(client: Any) -> None:
    """Create a swarm with a label of the tests; the label names the gateway network if it is new."""
    had_network = client.networks(names=[_GATEWAY_NETWORK])
    labels = {_MARK: "" if had_network else _GATEWAY_NETWORK}
    client.init_swarm(
        advertise_addr="127.0.0.1",
        listen_addr="127.0.0.1:2377",
        swarm_spec=client.create_swarm_spec(labels=labels),
    )


def _is_only_user(users: Any) -> bool:
    """Return whether no other run uses the swarm; the membership lock must be held."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
