"""A spawner in three functions: every server is a process of the hub's own user."""

import time

import psutil
from plughub import hookimpl, kinds, utils


@hookimpl
def hub_spawn(server: kinds.Server) -> kinds.Endpoint:
    url = f"http://127.0.0.1:{utils.random_port()}"
    env = {"PATH": psutil.Process().environ()["PATH"], **server.environment_at(url)}
    psutil.Popen(["jupyterhub-singleuser"], env=env, start_new_session=True)
    return kinds.Endpoint(url=url)


@hookimpl
def hub_poll(server: kinds.Server) -> int | None:
    for pause in (0, 0.2):  # twice: a process that is just becoming another program shows no environment
        time.sleep(pause)
        if processes_of(server):
            return None
    return 0


@hookimpl
def hub_stop(server: kinds.Server) -> None:
    while hub_poll(server) is None:
        for process in processes_of(server):
            process.kill()


def processes_of(server: kinds.Server) -> list[psutil.Process]:
    marks = server.launch_marks.items()
    running = psutil.process_iter(["environ"], ad_value={})
    return [process for process in running if marks <= process.info["environ"].items()]
