"""Repeated crashes of one hub, with the checks after each of them."""

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
from plughub.testing.crash.actions import ACTIONS, clear
from plughub.testing.crash.invariants import Invariants
from plughub.testing.crash.lifecycle_actions import configure_services
from plughub.testing.crash.points import PLUGIN, RECORD, armed_by, steps_noted
from plughub.testing.crash.scenario import GONE, USER, Action, Scenario
from plughub.testing.crash.spawner_inspectors import Processes, SpawnerInspector
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
"""Attempts to reach a step that an action does not pass every time."""
ADMIN: Final = "ada"


@dataclass(frozen=True, slots=True)
class Row:
    """The result of one crash.

    Attributes:
        action: name of the action.
        step: the step at which the hub was killed.
        fault: what was wrong afterwards; empty when nothing was, `NOT_REACHED` when the action did not
            pass this step in any attempt.
        taken: False for a case that was left out.
    """

    action: str
    step: str
    fault: str = ""
    taken: bool = True


class Run:
    """A hub that is killed repeatedly while other users stay logged in and connected.

    Args:
        folder: for the files of the hub.
        database: URL.
        proxy: plugin of the proxy.
        inspector: finds what the spawner launched; processes of this machine when None.
    """

    def __init__(
        self, folder: Path, database: str, proxy: str, inspector: SpawnerInspector | None = None
    ) -> None:
        self._order = folder / "order"
        self._inspector = inspector or Processes()
        config = CONFIG.format(database=database) + self._inspector.config
        if proxy == "chp":
            config += CHP.format(api_port=free_port())
        configure_services(folder)
        self.hub = HubProcess(
            folder,
            "--plugins",
            f"dummy,{self._inspector.plugin},{proxy},{PLUGIN}",
            config=config,
            env=armed_by(self._order, folder / "site"),
        )
        self._database = Database(database)
        self._acknowledged = False

    def __enter__(self) -> Self:
        try:
            self.hub.start()
            call = client_of(self.hub, ADMIN, past_the_proxy=True)
            self.invariants = Invariants(self.hub, self._database, self._inspector, call)
            self.scenario = Scenario(self.hub, call, self._inspector, self.invariants.mark, self._order)
            self.other_users = OtherUsers(self.hub, call, ADMIN, USER)
            call("POST", f"/users/{USER}", {})
            self._log_in_all()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.other_users.disconnect()
        self.close()

    def close(self) -> None:
        """End the hub, its servers and its proxy."""
        self._database.close()
        self.hub.end_everything()
        self._inspector.close()

    def steps_of(self, action: Action) -> list[str]:
        """Carry out an action and record its steps.

        Args:
            action: the action.

        Returns:
            The steps in order, each once.
        """
        self._prepare(action)
        self._order.write_text(RECORD)
        action.do(self.scenario)
        if not self.hub.is_running:
            self._order.unlink()
            self.hub.start()
        self._wait_for(action)
        self.invariants.settle()
        self._order.unlink(missing_ok=True)
        self.other_users.check(cut=action.cuts_connections)
        return [step for step in steps_noted(self._order) if re.search(action.among, step)]

    def survive(self, action: Action, step: str) -> str:
        """Kill the hub at a step of an action, start it again and check the invariants.

        Args:
            action: the action.
            step: the step at which the hub is killed.

        Returns:
            The faults that were found; empty when there are none.
        """
        try:
            if not any(self._dies(action, step) for _ in range(TRIES)):
                if action.cuts_connections:  # else the next case would find the websocket closed
                    self.other_users.disconnect()
                return NOT_REACHED
            self.hub.start()
            self.invariants.settle()
            self.other_users.check(cut=action.cuts_connections)
            if self._acknowledged and not action.done(self.scenario.call):
                return "it was acknowledged but not done"
        except AssertionError as error:
            return " | ".join(str(error).split("\n")) or "an assertion failed"
        finally:
            self._ensure_hub()
        return ""

    def _ensure_hub(self) -> None:
        """Make sure that the hub runs for the next case."""
        if not self.hub.is_running:
            try:
                self.hub.start()
            except AssertionError:
                self.hub.end_everything()
                self.hub.start()

    def _prepare(self, action: Action) -> None:
        self._ensure_hub()
        clear(self.scenario)
        self._log_in_all()
        action.prepare(self.scenario)

    def _dies(self, action: Action, step: str) -> bool:
        self._prepare(action)
        self._order.write_text(step)
        answer = action.do(self.scenario)
        self._acknowledged = isinstance(answer, Reply) and answer.status < HTTPStatus.MULTIPLE_CHOICES
        begin = last_look = time.monotonic()
        while self.hub.is_running and time.monotonic() < begin + DIES_WITHIN:
            time.sleep(0.02)
            if time.monotonic() < last_look + LOOK_SECONDS:
                continue
            # Once the action is done, its step will not be passed any more.
            with contextlib.suppress(*GONE):
                if action.done(self.scenario.call) and not list(self.invariants.faults()):
                    break
            last_look = time.monotonic()
        self._order.unlink(missing_ok=True)
        return self.hub.exit_code == -signal.SIGKILL

    def _log_in_all(self) -> None:
        """Log in all other users, and start the administrator's server if an action has stopped it."""
        call, path = self.scenario.call, f"/users/{ADMIN}"
        if not _is_ready(call("GET", path).body):
            started = call("POST", f"{path}/server", {})
            assert started.status < HTTPStatus.MULTIPLE_CHOICES, f"no server can be started: {started.body}"
            call.until(path, _is_ready)
        self.other_users.connect()

    def _wait_for(self, action: Action) -> None:
        self.scenario.call.until("/info", lambda _: action.done(self.scenario.call))


def _is_ready(user: Mapping[str, Any]) -> bool:
    return bool(user["servers"].get("", {}).get("ready"))


def run_matrix(
    folder: Path,
    database: str,
    proxy: str,
    inspector: SpawnerInspector | None = None,
    *,
    every: int = 1,
    offset: int = 0,
    actions: Collection[str] = tuple(ACTIONS),
) -> Iterator[Row]:
    """Run all cases on one database with one proxy.

    Args:
        folder: for the files of the hub.
        database: URL.
        proxy: plugin of the proxy.
        inspector: finds what the spawner launched; processes of this machine when None.
        every: test only every n-th step.
        offset: the first step to test.
        actions: names of the actions.

    Yields:
        A row for each case.
    """
    with Run(folder, database, proxy, inspector) as run:
        plan = [(name, step) for name in ACTIONS if name in actions for step in run.steps_of(ACTIONS[name])]
        for number, (name, step) in enumerate(plan):
            taken = number % every == offset % every
            yield Row(name, step, run.survive(ACTIONS[name], step) if taken else "", taken)
