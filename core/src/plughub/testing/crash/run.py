"""A hub that is killed again and again, and the world around it."""

from __future__ import annotations

import contextlib
import re
import signal
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Self

from plughub.storage.database import Database
from plughub.testing.client import Reply, client_of
from plughub.testing.crash.actions import DEEDS, clear
from plughub.testing.crash.environments import Environment, Processes
from plughub.testing.crash.invariants import Invariants
from plughub.testing.crash.lifecycle_actions import configure_services
from plughub.testing.crash.points import PLUGIN, RECORD, armed_by, steps_noted
from plughub.testing.crash.scenario import GONE, USER, Action, Scenario
from plughub.testing.crash.users import OtherUsers
from plughub.testing.hub import HubProcess
from plughub.testing.ports import free_port

CONFIG: Final = """
import json
import pathlib
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{"ada"}}
c.JupyterHub.allow_named_servers = True
c.JupyterHub.db_url = {database!r}
c.JupyterHub.services = json.loads(pathlib.Path("services.json").read_text())
c.Spawner.poll_interval = 1
"""
CHP: Final = "c.ConfigurableHTTPProxy.api_url = 'http://127.0.0.1:{api_port}'\n"
DIES_WITHIN: Final = 10.0
LOOK_SECONDS: Final = 1.0
NOT_REACHED: Final = "not reached"
TRIES: Final = 3
"""How often something is done until a step is reached that is not passed each time."""
ADMIN: Final = "ada"


@dataclass(frozen=True, slots=True)
class Row:
    """One case.

    Attributes:
        deed: what was done.
        step: where the hub was killed.
        fault: what was wrong afterwards; empty when nothing was, `NOT_REACHED` for a step that is
            passed now and then only and was not passed this time.
        taken: False for a case that was left out.
    """

    deed: str
    step: str
    fault: str = ""
    taken: bool = True


class Run:
    """A hub that is killed again and again, while other people stay logged in and connected.

    Args:
        folder: where everything lies.
        database: URL.
        proxy: plugin of the proxy.
        ground: where servers run; processes of this machine when None.
    """

    def __init__(self, folder: Path, database: str, proxy: str, ground: Environment | None = None) -> None:
        self._order = folder / "order"
        self._ground = ground or Processes()
        config = CONFIG.format(database=database) + self._ground.config
        if proxy == "chp":
            config += CHP.format(api_port=free_port())
        configure_services(folder)
        self.hub = HubProcess(
            folder,
            "--plugins",
            f"dummy,{self._ground.plugin},{proxy},{PLUGIN}",
            config=config,
            env=armed_by(self._order, folder / "site"),
        )
        self._database = Database(database)
        self._acknowledged = False

    def __enter__(self) -> Self:
        try:
            self.hub.start()
            call = client_of(self.hub, ADMIN, past_the_proxy=True)
            self.world = Invariants(self.hub, self._database, self._ground, call)
            self.scene = Scenario(self.hub, call, self._ground, self.world.mark, self._order)
            self.people = OtherUsers(self.hub, call, ADMIN, USER)
            call("POST", f"/users/{USER}", {})
            self._have_people()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.people.go()
        self.close()

    def close(self) -> None:
        """End everything."""
        self._database.close()
        self.hub.end_everything()
        self._ground.close()

    def steps_of(self, deed: Action) -> list[str]:
        """Do something and note the steps, in order, each once.

        Args:
            deed: what is done.

        Returns:
            The steps.
        """
        self._prepare(deed)
        self._order.write_text(RECORD)
        deed.do(self.scene)
        if not self.hub.is_running:
            self._order.unlink()
            self.hub.start()
        self._wait_for(deed)
        self.world.settle()
        self._order.unlink(missing_ok=True)
        self.people.look(cut=deed.cuts_connections)
        return [step for step in steps_noted(self._order) if re.search(deed.among, step)]

    def survive(self, deed: Action, step: str) -> str:
        """Do something, kill the hub at a step, start the next one and look at the world.

        Args:
            deed: what is done.
            step: where the hub is killed.

        Returns:
            What is wrong; empty when nothing is.
        """
        try:
            if not any(self._dies(deed, step) for _ in range(TRIES)):
                return NOT_REACHED
            self.hub.start()
            self.world.settle()
            self.people.look(cut=deed.cuts_connections)
            if self._acknowledged and not deed.done(self.scene.call):
                return "it was acknowledged and is not done"
        except AssertionError as error:
            return " | ".join(str(error).split("\n")) or "an assertion failed"
        finally:
            self._have_hub()
        return ""

    def _have_hub(self) -> None:
        """Have the hub running for the next case, whatever this one did to it."""
        if not self.hub.is_running:
            try:
                self.hub.start()
            except AssertionError:
                self.hub.end_everything()
                self.hub.start()

    def _prepare(self, deed: Action) -> None:
        self._have_hub()
        clear(self.scene)
        self._have_people()
        deed.prepare(self.scene)

    def _dies(self, deed: Action, step: str) -> bool:
        self._prepare(deed)
        self._order.write_text(step)
        answer = deed.do(self.scene)
        self._acknowledged = isinstance(answer, Reply) and answer.status < HTTPStatus.MULTIPLE_CHOICES
        begin = looked = time.monotonic()
        while self.hub.is_running and time.monotonic() < begin + DIES_WITHIN:
            time.sleep(0.02)
            if time.monotonic() < looked + LOOK_SECONDS:
                continue
            # A step that is not passed this time need not be waited for once all is done.
            with contextlib.suppress(*GONE):
                if deed.done(self.scene.call) and not list(self.world.faults()):
                    break
            looked = time.monotonic()
        self._order.unlink(missing_ok=True)
        return self.hub.exit_code == -signal.SIGKILL

    def _have_people(self) -> None:
        """Have everybody here, with the server of the first one, which a deed may have stopped."""
        call, path = self.scene.call, f"/users/{ADMIN}"
        if not _is_ready(call("GET", path).body):
            started = call("POST", f"{path}/server", {})
            assert started.status < HTTPStatus.MULTIPLE_CHOICES, f"no server can be started: {started.body}"
            call.until(path, _is_ready)
        self.people.come()

    def _wait_for(self, deed: Action) -> None:
        self.scene.call.until("/info", lambda _: deed.done(self.scene.call))


def _is_ready(user: Mapping[str, Any]) -> bool:
    return bool(user["servers"].get("", {}).get("ready"))


def run_matrix(
    folder: Path,
    database: str,
    proxy: str,
    ground: Environment | None = None,
    *,
    every: int = 1,
    offset: int = 0,
    deeds: Collection[str] = tuple(DEEDS),
) -> Iterator[Row]:
    """Run all cases on one database with one proxy.

    Args:
        folder: where everything lies.
        database: URL.
        proxy: plugin of the proxy.
        ground: where servers run; processes of this machine when None.
        every: take each of so many steps only.
        offset: the first one to take.
        deeds: what is done.

    Yields:
        A row for each case.
    """
    with Run(folder, database, proxy, ground) as run:
        plan = [(name, step) for name in DEEDS if name in deeds for step in run.steps_of(DEEDS[name])]
        for number, (name, step) in enumerate(plan):
            taken = number % every == offset % every
            yield Row(name, step, run.survive(DEEDS[name], step) if taken else "", taken)
