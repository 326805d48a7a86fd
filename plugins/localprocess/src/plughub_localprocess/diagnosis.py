"""Diagnosis of a running server that does not answer."""

from __future__ import annotations

import psutil

from plughub.spawner import Diagnosis


def diagnose(pid: int, port: int, code: int | None) -> Diagnosis | None:
    """Return what is wrong with a server, from the ports on which its processes listen.

    Args:
        pid: process of the server.
        port: port on which it should listen.
        code: its exit code if it has ended, else None.

    Returns:
        None when nothing is wrong that is visible from outside.
    """
    if code is not None:
        return None  # the exit code is the diagnosis
    try:
        ports = sorted(_listening(psutil.Process(pid)))
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        return None
    if port in ports:
        return Diagnosis(f"process {pid} listens on port {port}, but does not answer HTTP there")
    if ports:
        where = ", ".join(map(str, ports))
        message = f"process {pid} listens on port {where} instead of port {port}"
        return Diagnosis(message, detail="the server must listen on the port in JUPYTERHUB_SERVICE_URL")
    message = f"process {pid} is running, but does not listen on any port; expected port {port}"
    return Diagnosis(message, detail="the server must listen on the port in JUPYTERHUB_SERVICE_URL")


def _listening(process: psutil.Process) -> set[int]:
    ports: set[int] = set()
    for member in (process, *process.children(recursive=True)):
        try:
            connections = member.net_connections("tcp")
        except psutil.NoSuchProcess:
            continue
        ports |= {found.laddr.port for found in connections if found.status == psutil.CONN_LISTEN}
    return ports
