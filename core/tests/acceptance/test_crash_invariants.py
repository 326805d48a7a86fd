"""The invariants of the crash tests: a real hub violates each one once, and the check must report it."""

import contextlib
import os
import sqlite3
import subprocess
import sys
import time
import uuid

import pytest

from plughub.testing.crash.actions import kill_proxy
from plughub.testing.crash.points import meddle
from plughub.testing.crash.run import Run
from plughub.testing.crash.spawner_inspectors import Processes, services_of
from plughub.testing.ports import free_port

pytestmark = pytest.mark.timeout(300)
SERVER = [sys.executable, "-m", "plughub.testing.socket_server"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    with Run(folder, f"sqlite:///{folder}/hub.sqlite", "haproxy") as run:
        run.invariants.settle()
        yield run


@pytest.fixture
def broken(run):
    """Violate an invariant, check the report, repair, and check that nothing more is reported."""
    mending = contextlib.ExitStack()

    class BrokenInvariant:
        again = staticmethod(lambda: None)  # for a fault that the hub repairs by itself

        def sql(self, break_it, *mend_it):
            execute(run, break_it)
            for statement in mend_it:
                mending.callback(execute, run, statement)

        def route(self, order):
            self.again = lambda: meddle(run.scenario.order, order)
            mending.callback(run.scenario.call, "POST", "/proxy")
            mending.callback(run.scenario.order.with_name("order.meddle").unlink, missing_ok=True)

        def process(self, *command, **environment):
            process = subprocess.Popen(
                command, cwd=run.hub.folder, env=os.environ | environment, start_new_session=True
            )
            mending.callback(process.wait)
            mending.callback(process.kill)

        def faults(self):
            self.again()
            return list(run.invariants.faults())

        def is_reported_as(self, *sentences):
            ends = time.monotonic() + 60
            while not all(text in " ".join(self.faults()) for text in sentences):
                assert time.monotonic() < ends, list(run.invariants.faults())
            mending.close()
            run.invariants.settle()

    with mending:
        yield BrokenInvariant()


def execute(run, statement):
    # Use a separate connection: it does not enforce foreign keys.
    with contextlib.closing(sqlite3.connect(run.hub.folder / "hub.sqlite", timeout=30)) as connection:
        connection.execute(statement)
        connection.commit()


def environment_of_server(run):
    port = free_port()
    found = Processes().environment(run.invariants.mark, "ada")
    return found | {"JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}/user/ada/"}  # type: ignore[operator]


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        (("lose", "/user/ada/"), "there is no route /user/ada/"),
        (("lose", "/user/ada/"), "the route of ada/ leads to hub, not to ada/"),
        (("redirect", "/user/ada/"), "the route /user/ada/ leads to http://127.0.0.1:9, not to"),
        (("redirect", "/user/nobody/"), "the route /user/nobody/ belongs to no server"),
    ],
)
def test_a_route_that_is_wrong_is_detected(run, broken, order, sentence):
    broken.route(order)
    broken.is_reported_as(sentence)


def test_a_second_process_of_a_server_is_detected(run, broken):
    broken.process(*SERVER, **environment_of_server(run))
    broken.is_reported_as("ada/ has 2 processes")


def test_a_process_without_a_server_is_detected(run, broken):
    lost = uuid.uuid4().hex
    broken.process(*SERVER, **environment_of_server(run) | {"PLUGHUB_OPERATION": lost})
    broken.is_reported_as(f"a process of start {lost} belongs to no server", "belongs to no server")


def test_a_process_without_an_owner_is_detected(broken):
    broken.process("sleep", "600")
    broken.is_reported_as("(sleep 600) belongs to no server")


def test_a_second_proxy_is_detected(broken):
    broken.process("bash", "-c", "exec -a haproxy sleep 600")
    broken.is_reported_as("2 proxies run")


def test_a_server_without_a_process_is_detected(run, broken):
    launch = Processes().environment(run.invariants.mark, "ada")["PLUGHUB_OPERATION"]
    broken.sql(
        f"UPDATE plughub_servers SET launch = 'none' WHERE launch = '{launch}'",
        f"UPDATE plughub_servers SET launch = '{launch}' WHERE launch = 'none'",
    )
    broken.is_reported_as("ada/ has 0 processes")


def test_a_server_without_a_run_and_a_run_without_a_server_are_detected(broken):
    broken.sql(
        "UPDATE plughub_runs SET ended = 1, spawner_id = -spawner_id WHERE ended IS NULL",
        "UPDATE plughub_runs SET ended = NULL, spawner_id = -spawner_id WHERE spawner_id < 0",
    )
    broken.sql(
        "INSERT INTO plughub_runs (spawner_id, username, server, backend, profile, requested, admitted, "
        "started, seen, outcome) VALUES (9999, 'x', '', '', '', 0, 0, 1, 1, '')",
        "DELETE FROM plughub_runs WHERE spawner_id = 9999",
    )
    broken.is_reported_as("runs, but its run is not recorded", "the run of server 9999 has not ended")


def test_a_server_that_is_neither_running_nor_stopped_is_detected(broken):
    broken.sql(
        "INSERT INTO plughub_servers (spawner_id, backend, host, desired, status, launch, unknown)"
        " SELECT s.id, '', '', '', 'stopping', '', '' FROM spawners s JOIN users u ON u.id = s.user_id"
        " WHERE u.name = 'bob'",
        "DELETE FROM plughub_servers WHERE status = 'stopping'",
    )
    broken.is_reported_as("bob/ is stopping without an operation")


@pytest.mark.parametrize(
    ("note", "sentence"),
    [
        ("Server at bob/", "bob/ has 1 tokens"),
        ("Server at gone/", "the token 'Server at gone/' belongs to no server"),
        ("anything", "1 tokens have no owner"),
    ],
)
def test_a_token_without_an_owner_is_detected(broken, note, sentence):
    broken.sql(
        f"INSERT INTO api_tokens (hashed, prefix, note) VALUES ('surplus', 'x', '{note}')",
        "DELETE FROM api_tokens WHERE hashed = 'surplus'",
    )
    broken.is_reported_as(sentence)


def test_a_running_server_without_a_token_is_detected(broken):
    broken.sql(
        "UPDATE api_tokens SET note = 'hidden' WHERE note = 'Server at ada/'",
        "UPDATE api_tokens SET note = 'Server at ada/' WHERE note = 'hidden'",
    )
    broken.is_reported_as("ada/ has 0 tokens")


def test_an_oauth_client_without_an_owner_is_detected(broken):
    broken.sql(
        "INSERT INTO oauth_clients (identifier) VALUES ('surplus')",
        "DELETE FROM oauth_clients WHERE identifier = 'surplus'",
    )
    broken.is_reported_as("OAuth client surplus belongs to nothing")


def environment_of_service(run):
    return dict(next(services_of(run.invariants.mark))[1])


def test_a_second_process_of_a_service_is_detected(run, broken):
    broken.process("sleep", "600", **environment_of_service(run) | {"PLUGHUB_OPERATION": "2" * 32})
    broken.is_reported_as("service helper has 2 processes")


def test_a_process_of_a_missing_service_is_detected(run, broken):
    broken.process("sleep", "600", **environment_of_service(run) | {"JUPYTERHUB_SERVICE_NAME": "lost"})
    broken.is_reported_as("of service lost belongs to no service")


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ("api_tokens SET hashed = {} WHERE note LIKE 'made by the hub%'", "helper has 1 tokens"),
        ("oauth_clients SET secret = {} WHERE identifier = 'service-helper'", "helper has another secret"),
        (
            "oauth_clients SET identifier = {} WHERE identifier = 'service-helper'",
            "helper has no OAuth client",
        ),
        ("services SET name = {} WHERE name = 'helper'", "service helper is deleted"),
    ],
)
def test_a_service_with_a_wrong_token_or_client_is_detected(run, broken, where, sentence):
    table, column, name = where.split()[0], where.split()[2], where.rpartition(" WHERE ")[2]
    with contextlib.closing(sqlite3.connect(run.hub.folder / "hub.sqlite", timeout=30)) as connection:
        ((key, before),) = connection.execute(f"SELECT id, {column} FROM {table} WHERE {name}")
    broken.sql(
        f"UPDATE {where}".format("'sha512:1:x:wrong'"),
        f"UPDATE {table} SET {column} = '{before}' WHERE id = {key}",
    )
    broken.is_reported_as(sentence)


def test_a_route_of_a_missing_service_is_detected(broken):
    broken.route(("redirect", "/services/lost/"))
    broken.is_reported_as("the route /services/lost/ belongs to no server")


def test_a_dangling_reference_is_detected(broken):
    broken.sql(
        "INSERT INTO spawners (user_id, name) VALUES (999, 'lost')",
        "DELETE FROM spawners WHERE name = 'lost'",
    )
    broken.is_reported_as("1 rows of spawners point at a users that is gone")


def test_a_lost_login_is_detected(run):
    execute(run, "DELETE FROM plughub_sessions WHERE user_id = (SELECT id FROM users WHERE name = 'bob')")
    run.hub.kill()
    run.hub.start()
    with pytest.raises(AssertionError, match="bob was logged out"):
        run.other_users.check(cut=False)


def test_a_closed_websocket_is_detected(run):
    run.other_users.connect()
    kill_proxy(run.hub)
    run.invariants.settle()
    with pytest.raises(AssertionError, match="an open websocket was closed"):
        run.other_users.check(cut=False)
