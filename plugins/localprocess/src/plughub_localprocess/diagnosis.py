"""Why a server that was started does not answer."""

from __future__ import annotations

import psutil

from plughub.spawner import Diagnosis


def diagnose(pid: int, port: int, code: int | None) -> Diagnosis | None:
    """Look at a process and what it started.

    Args:
        pid: the server's process.
        port: where it should listen.
        code: its exit code when it has ended, else None.

    Returns:
        The diagnosis; None when nothing is wrong that can be seen from outside.
    """
    if code is not None:
        return None  # the exit code says it all
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
        said = f"process {pid} listens on port {where} instead of port {port}"
        return Diagnosis(said, detail="JUPYTERHUB_SERVICE_URL names the port")
    said = f"process {pid} runs, but listens on no port; port {port} is expected"
    return Diagnosis(said, detail="JUPYTERHUB_SERVICE_URL names the port")


def _listening(process: psutil.Process) -> set[int]:
    ports: set[int] = set()
    for member in (process, *process.children(recursive=True)):
        try:
            connections = member.net_connections("tcp")
        except psutil.NoSuchProcess:
            continue
        ports |= {found.laddr.port for found in connections if found.status == psutil.CONN_LISTEN}
    return ports
