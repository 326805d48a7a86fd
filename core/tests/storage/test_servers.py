from dataclasses import replace
from datetime import timedelta

import pytest

from plughub.domain.clock import utcnow
from plughub.domain.errors import InvalidError
from plughub.domain.oauth import OAuthClient
from plughub.domain.servers import Failure, OperationKind, Status


@pytest.fixture
def server(stored):
    stored(lambda tx: tx.users.create("alice"))
    return stored(lambda tx: tx.servers.get("alice", ""))


def launch(stored, server, url="http://127.0.0.1:5000"):
    def work(tx):
        tx.oauth.save_client(OAuthClient(identifier="c", secret="s", redirect_uri="/r"))
        tx.servers.record_launch(server.id, backend="docker", host="here", launch="op", client_id="c")
        tx.servers.record_endpoint(server.id, url=url, prefix="", state={"pid": 1})
        tx.servers.mark_ready(server.id, utcnow())
        return tx.servers.by_id(server.id)

    return stored(work)


def test_a_server_that_never_ran_is_stopped(server):
    assert (server.status, server.active, server.ready, server.url) == (Status.STOPPED, False, False, "")


@pytest.mark.parametrize("url", ["http://127.0.0.1:5000", "https://[::1]:5000", "http://node7.example:80"])
def test_address_and_state_of_a_running_server_are_kept(stored, server, url):
    running = launch(stored, server, url)
    assert (running.url, running.state, running.backend, running.host) == (url, {"pid": 1}, "docker", "here")
    assert running.ready
    assert [found.id for found in stored(lambda tx: tx.servers.active())] == [server.id]


def test_a_stopped_server_leaves_no_address(stored, server):
    launch(stored, server)
    stored(lambda tx: tx.servers.mark_stopped(server.id, Failure(message="died", exit_code=9)))
    stopped = stored(lambda tx: tx.servers.by_id(server.id))
    assert (stopped.url, stopped.state, stopped.launch, stopped.host) == ("", {}, "", "")
    assert stopped.failure.exit_code == 9
    assert stored(lambda tx: tx.servers.active()) == []


def test_a_new_launch_clears_the_last_failure(stored, server):
    stored(lambda tx: tx.servers.mark_stopped(server.id, Failure(message="died")))
    assert launch(stored, server).failure is None


def test_a_server_that_waits_in_the_queue_is_active(stored, server):
    stored(lambda tx: tx.operations.begin(server, OperationKind.START, backend="docker"))
    waiting = stored(lambda tx: tx.servers.by_id(server.id))
    assert (waiting.active, waiting.pending, waiting.operation.place) == (True, "spawn", 1)


def test_an_address_without_port_is_refused(stored, server):
    with pytest.raises(InvalidError, match="address"):
        stored(lambda tx: tx.servers.record_endpoint(server.id, url="http://somewhere", prefix="", state={}))


def test_activity_of_a_server_counts_for_its_user(stored, server):
    now = utcnow()
    for moment in (now, now - timedelta(days=1)):
        stored(lambda tx, moment=moment: tx.servers.touch({server.id: moment}))
    user, touched = stored(lambda tx: (tx.users.get("alice"), tx.servers.by_id(server.id)))
    assert user.last_activity == touched.last_activity == now


def test_options_and_unknown_states_are_kept(stored, server):
    stored(lambda tx: tx.servers.set_options(server.id, {"image": "a"}))
    running = launch(stored, server)
    stored(lambda tx: tx.servers.set_unknown(running, "engine down"))
    stored(lambda tx: tx.servers.set_unknown(replace(running, launch="earlier"), "engine gone"))
    kept = stored(lambda tx: tx.servers.by_id(server.id))
    assert (kept.options, kept.unknown) == ({"image": "a"}, "engine down")


def test_a_server_is_deleted_with_all_that_belongs_to_it(stored, server):
    launch(stored, server)
    stored(lambda tx: tx.operations.begin(server, OperationKind.STOP, backend="docker"))
    stored(lambda tx: tx.servers.delete(server.id))
    assert stored(lambda tx: tx.servers.active()) == []
    assert not stored(lambda tx: tx.operations.has_unclaimed())


def test_a_server_can_get_another_name_and_display_name(stored):
    user = stored(lambda tx: tx.users.create("alice"))
    server = stored(lambda tx: tx.servers.create(user.id, "lab"))
    stored(lambda tx: tx.servers.rename(server.id, "paper"))
    stored(lambda tx: tx.servers.set_display_name(server.id, "The paper"))
    assert stored(lambda tx: tx.servers.get("alice", "lab")) is None
    assert stored(lambda tx: tx.servers.get("alice", "paper")).display_name == "The paper"
    stored(lambda tx: tx.servers.set_display_name(server.id, ""))
    assert stored(lambda tx: tx.servers.by_id(server.id)).display_name == ""
