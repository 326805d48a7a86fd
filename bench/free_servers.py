"""Servers that cost nothing: the throughput of starts, and a hub with thousands of running servers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from bench import hub_rows, hubs
from bench.hubs import ADMIN, AT_ONCE, FREE_SPAWNER, Hub, user
from bench.load import server
from bench.rows import Measurement, Options, Part, Row, Value
from plughub.domain.clock import utcnow
from plughub.domain.oauth import OAuthClient
from plughub.storage.database import Database
from plughub.storage.store import Transaction

PLUGINS = "dummy,haproxy"
STARTS = 400
RUNNING = 5000
"""Running servers of a large hub."""


def starts(hub: Hub) -> Sequence[Value]:
    """Start servers, 50 at once, stop them, and return the rate and the hub's CPU for each start."""
    names = [user(number) for number in range(STARTS)]
    hub.for_each("POST", names[:AT_ONCE])
    measured = names[AT_ONCE:]
    before, begin = hub.used(), time.monotonic()
    hub.for_each("POST", measured)
    seconds, spent = time.monotonic() - begin, hub.used() - before
    hub.for_each("DELETE", names)
    return len(measured) / seconds, spent / len(measured)


def restart(hub: Hub) -> Sequence[Value]:
    """Restart the hub and return the seconds until its API answers, and its CPU until it rests."""
    begin = time.monotonic()
    hub.restart()
    seconds = time.monotonic() - begin
    time.sleep(hub_rows.SETTLING_SECONDS)
    return seconds, hub.used()


def subjects(options: Options) -> Mapping[str, AbstractContextManager[Hub]]:
    """Return the hubs that the options name, with servers that cost nothing."""
    found = {"plughub": _with_free_servers("plughub", partial(hubs.plughub, users=STARTS, plugins=PLUGINS))}
    if options.jupyterhub:
        found["JupyterHub"] = _with_free_servers("jupyterhub", partial(_jupyterhub, options.jupyterhub))
    return found


def sizes(options: Options) -> Mapping[str, AbstractContextManager[Hub]]:
    """Return a large hub and a small one."""
    return {"large": _of_size(options.users, RUNNING, options.db), "small": _of_size(100, 1)}


def measurements(_: Options) -> Sequence[Measurement]:
    """Return the measurements of starts."""
    title = f"{STARTS - AT_ONCE} starts of servers that cost nothing, {AT_ONCE} at once"
    rows = (
        Row("free-starts", title, "per second", more_is_better=True),
        Row("free-starts-cpu", title, f"{hub_rows.CPU} each"),
    )
    return [Measurement(rows, starts)]


def measurements_of_sizes(_: Options) -> Sequence[Measurement]:
    """Return the measurements that should not depend on the size of a hub."""
    rest = Row("large-rest", "at rest", f"{hub_rows.CPU} per second")
    one = Row("large-user", "one user", hub_rows.CPU)
    page = Row("large-page", "page of 100 users", hub_rows.CPU)
    both = (
        Row("large-start", "start of a server", hub_rows.CPU),
        Row("large-stop", "stop of a server", hub_rows.CPU),
    )
    restarts = (Row("large-restart", "restart", "s"), Row("large-restart-cpu", "restart", hub_rows.CPU))
    return [
        Measurement((rest,), hub_rows.at_rest),
        Measurement((one,), lambda hub: [hub.get(f"/users/{ADMIN}", 100, 1)]),
        Measurement((page,), lambda hub: [hub.get("/users?limit=100", 100, 1)]),
        Measurement(both, hub_rows.start_and_stop),
        Measurement(restarts, restart),
    ]


PART = Part("free", subjects, measurements)
SIZES = Part("large", sizes, measurements_of_sizes, by_default=False)


def _jupyterhub(command: str, config: str) -> AbstractContextManager[Hub]:
    return hubs.jupyterhub(command, STARTS, config)


@contextmanager
def _with_free_servers(
    package: str, make: Callable[[str], AbstractContextManager[Hub]], more: str = ""
) -> Iterator[Hub]:
    with server() as port, make(FREE_SPAWNER.format(package=package, server=port) + more) as hub:
        yield hub


@contextmanager
def _of_size(users: int, servers: int, url: str = "") -> Iterator[Hub]:
    make = partial(hubs.plughub, users=hub_rows.STARTS + 2, plugins=PLUGINS)
    more = f"c.JupyterHub.db_url = {url!r}\n" if url else ""
    with _with_free_servers("plughub", make, more) as hub:
        hub.for_each("POST", [user(hub_rows.STARTS + 1)])
        hub.process.stop()
        database = Database(url or f"sqlite:///{hub.process.folder / 'jupyterhub.sqlite'}")
        database.run(lambda connection: _fill(Transaction(connection), users, servers - 1))
        database.close()
        hub.start()
        yield hub


def _fill(tx: Transaction, users: int, servers: int) -> None:
    """Store users, and running servers of the first ones that are like the server that runs."""
    (like,) = tx.servers.active()
    names = [f"person-{number:05}" for number in range(users)]
    tx.oauth.save_client(OAuthClient(identifier="bench", secret="", redirect_uri=""))
    keys = sorted(tx.user_list.create(names))
    for name, key in zip(names[:servers], keys, strict=False):
        (one,) = tx.servers.of_user(key)
        tx.servers.record_launch(
            one.id, backend=like.backend, host=like.host, launch=f"launch-{key}", client_id="bench"
        )
        tx.servers.record_endpoint(one.id, url=like.url, prefix=f"/user/{name}/", state={})
        tx.servers.mark_ready(one.id, utcnow())
