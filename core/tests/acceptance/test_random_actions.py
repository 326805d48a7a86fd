"""Random actions in random order: users, starts, stops, renames, deletions, and crashes of hub, proxy and servers.

The default is a small number of fixed runs. For more and different ones:
``PLUGHUB_RANDOM_RUNS=100 python -m pytest core/tests/acceptance/test_random_actions.py``.
"""

import contextlib
import os
import threading

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from plughub.testing.crash.actions import kill_proxy
from plughub.testing.crash.matrix import databases
from plughub.testing.crash.run import Run

LONG = int(os.environ.get("PLUGHUB_RANDOM_RUNS", "0"))
RUNS, ACTIONS_OF_EACH = LONG or 5, 40 if LONG else 25
CASES = [
    pytest.param("postgresql", "haproxy", marks=pytest.mark.postgresql),
    pytest.param("sqlite", "chp", marks=pytest.mark.node),
]
BOUNDS = settings(
    max_examples=RUNS,
    stateful_step_count=ACTIONS_OF_EACH,
    derandomize=not LONG,
    database=None,
    deadline=None,
    phases=[Phase.generate],  # every failure is real, but the processes never fail twice in the same way
    suppress_health_check=list(HealthCheck),
)

users = st.sampled_from(["u1", "u2", "u3"])
servers = st.sampled_from(["", "lab", "den"])
STOPPED = "stopped"
RUNNING = "running"


class RandomActions(RuleBasedStateMachine):
    """A hub under random actions, and what must hold afterwards.

    What the hub has acknowledged and no later action touched must still be so, whatever crashed.
    """

    def __init__(self, run, failures):
        super().__init__()
        self.run = run
        self.failures = failures
        self.history = []
        self.there = {}
        self.state = {}
        self.asking = []
        self.contested = set()
        self.cut = False

    @initialize()
    def begin(self):
        if self.failures:
            raise self.failures[0]
        self._ensure_hub()
        for name in ("u1", "u2", "u3"):
            self._call.until("/info", lambda _, n=name: self._call("DELETE", f"/users/{n}").status == 404, 90)
        for name in ("u1", "u2"):
            assert self._call("POST", f"/users/{name}", {}).status == 201
        self.there = {"u1": True, "u2": True, "u3": False}
        self.run.other_users.connect()

    # ---- actions of users and admins

    @rule(user=users)
    def make_user(self, user):
        # Users with a pending deletion are included, so that a refusal does not reveal anything.
        if self._ask("POST", f"/users/{user}", user) == 201:
            self.there[user] = True

    @rule(user=users, server=servers)
    def start(self, user, server):
        status = self._ask("POST", f"/users/{user}/servers/{server}", user, {})
        if status == 201:
            self._expect(user, server, RUNNING)
        elif status != 400:
            self._unsure(user, server)

    @rule(user=users, server=servers)
    def start_without_waiting(self, user, server):
        self._unsure(user)
        self.contested.add(user)
        self._ensure_hub()
        path = f"/users/{user}/servers/{server}"
        asking = threading.Thread(target=self._ask_only, args=("POST", path, {}))
        asking.start()
        self.asking.append(asking)

    @rule(user=users, server=servers, remove=st.booleans())
    def stop(self, user, server, remove):
        body = {"remove": remove and bool(server)}
        status = self._ask("DELETE", f"/users/{user}/servers/{server}", user, body)
        if status == 204:
            self._expect(user, server, STOPPED)
        elif status == 202:
            self._unsure(user, server)

    @rule(user=users, server=servers, name=servers)
    def rename_server(self, user, server, name):
        status = self._ask("PATCH", f"/users/{user}/servers/{server}", user, {"name": name})
        if status == 200 and name != server:
            self._expect(user, name, STOPPED)
            self._unsure(user, server)

    @rule(user=users, name=users)
    def rename_user(self, user, name):
        status = self._ask("PATCH", f"/users/{user}", user, {"name": name})
        if user == name:
            return
        if status == 200:
            self._unsure(user)
            self._unsure(name)
            self.there |= {user: False, name: True}
        elif status is None:
            self._unsure(name)
            self.there.pop(name, None)

    @rule(user=users)
    def delete_user(self, user):
        status = self._ask("DELETE", f"/users/{user}", user)
        if status == 204:
            self._unsure(user)
            self.there[user] = False
        elif status != 404:
            self._unsure(user)
            self.there.pop(user, None)

    # ---- failures

    @rule(steps=st.integers(1, 25))
    def let_the_hub_die_soon(self, steps):
        self.history.append(f"the hub is to die in {steps} steps")
        # Every order is unique, so that its steps are counted from the start.
        self.run.scenario.order.write_text(f"in {steps}, {len(self.history)}")

    @rule(proxy=st.booleans(), user=st.none() | users)
    def kill_the_hub(self, proxy, user):
        self.history.append("the hub is killed")
        self.run.hub.kill()
        if proxy:
            self._kill_proxy()
        if user:
            self._kill_servers(user)
        self._ensure_hub()

    @rule()
    def kill_the_proxy(self):
        self._kill_proxy()

    @rule(user=users)
    def kill_servers(self, user):
        self._kill_servers(user)

    # ---- invariants

    @rule()
    def look(self):
        for asking in self.asking:
            asking.join()
        self.run.scenario.order.unlink(missing_ok=True)
        try:
            self._settle()
            self.run.other_users.check(cut=self.cut)
            self._look_at_what_was_acknowledged()
        except AssertionError as error:
            self._fail(str(error))
        self.history.append("all is well")
        self.run.other_users.connect()
        self.asking, self.contested, self.cut = [], set(), False

    def teardown(self):
        if not self.failures:
            self.look()

    def _settle(self):
        while True:
            self._ensure_hub()
            try:
                return self.run.invariants.settle()
            except AssertionError:
                if self.run.hub.is_running:
                    raise

    def _fail(self, what):
        """Record the failure permanently: another attempt might succeed."""
        report = [what, "--- what was done", *self.history, "--- the hub", self.run.hub.stderr[-8000:]]
        self.failures.append(AssertionError("\n".join(report)))
        raise self.failures[0]

    def _look_at_what_was_acknowledged(self):
        found = {}
        for user in self._call("GET", "/users?include_stopped_servers").body:
            for name, server in user["servers"].items():
                found[user["name"], name] = server["started"] if server["ready"] else STOPPED
            found[user["name"], ""] = found.get((user["name"], ""), STOPPED)
        names = {user for user, _ in found}
        for user, there in self.there.items():
            assert (user in names) == there, f"{user} is {'there' if user in names else 'gone'}"
        for (user, name), wanted in self.state.items():
            now = found.get((user, name), STOPPED)
            right = now != STOPPED if wanted == RUNNING else now == wanted
            assert right, f"{user}/{name} is {now}, not {wanted}"
        self.there = {user: user in names for user in ("u1", "u2", "u3")}
        self.state = {key: now for key, now in found.items() if key[0] in self.there}

    @property
    def _call(self):
        return self.run.scenario.call

    def _ensure_hub(self):
        if not self.run.hub.is_running:
            self.run.scenario.order.unlink(missing_ok=True)
            self.history.append("the hub starts")
            self.run.hub.start()

    def _ask(self, method, path, user, body=None):
        """Send a request; without an answer, or after one that a hub must not give, the state is unknown."""
        self._ensure_hub()
        reply = self._ask_only(method, path, body)
        if reply is None:
            self._unsure(user)
            self.there.pop(user, None)
            return None
        # A start may fail together with the proxy or the server; nothing else may fail.
        if reply.status >= 500 and method != "POST":
            self._fail(f"{method} {path} {body}: {reply}")
        return reply.status

    def _ask_only(self, method, path, body):
        self.history.append(f"{method} {path} {body} …")
        reply = self.run.scenario.ask(method, path, body)
        self.history.append(f"… {method} {path}: {reply and (reply.status, reply.body)}")
        return reply

    def _expect(self, user, server, state):
        if user not in self.contested:
            self.state[user, server] = state

    def _unsure(self, user, server=None):
        for key in [key for key in self.state if key[0] == user and server in {None, key[1]}]:
            del self.state[key]

    def _kill_proxy(self):
        self.history.append("the proxy is killed")
        self.cut = True
        kill_proxy(self.run.hub)

    def _kill_servers(self, user):
        self.history.append(f"the servers of {user} are killed")
        scenario = self.run.scenario
        while scenario.inspector.environment(scenario.mark, user):
            scenario.inspector.kill(scenario.mark, user)
        self._unsure(user)


@pytest.mark.timeout(600 + 120 * LONG)
@pytest.mark.parametrize(("database", "proxy"), CASES)
def test_invariants_hold_after_random_actions_and_crashes(tmp_path, database, proxy):
    with databases([database], tmp_path) as urls, contextlib.ExitStack() as stack:
        if database not in urls:
            pytest.skip("the PostgreSQL server is not installed")
        run = stack.enter_context(Run(tmp_path, urls[database], proxy))
        failures = []
        try:
            run_state_machine_as_test(lambda: RandomActions(run, failures), settings=BOUNDS)  # type: ignore[arg-type]
        finally:
            if failures:
                raise failures[0] from None
