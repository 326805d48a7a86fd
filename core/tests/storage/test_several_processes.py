"""Concurrent access of several hub processes to one database."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from plughub.domain.servers import OperationKind
from plughub.services.coordination.initial_records import store_initial_records
from plughub.storage.schema import prepare_schema

AT_ONCE = 6


@pytest.fixture
def together():
    """Call a function in several threads at the same moment; return the results."""

    def call(function):
        barrier = threading.Barrier(AT_ONCE)

        def one(number):
            barrier.wait(10)
            return function(number)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(one, range(AT_ONCE)))

    return call


def test_processes_that_begin_together_prepare_one_database(db_url, make_stored, together):
    together(lambda _: prepare_schema(db_url))
    stored = make_stored(db_url)
    marks = together(lambda _: stored(store_initial_records))
    assert len(set(marks)) == 1
    assert stored(lambda tx: tx.users.create("alice")).roles == ("user",)


def test_a_login_link_opened_at_several_hubs_at_once_logs_in_once(stored, together):
    stored(lambda tx: tx.login_links.add("h", "alice", admin=True, expires_at=tx.now() + 60))
    taken = together(lambda _: stored(lambda tx: tx.login_links.take("h")))
    assert sorted(taken, key=bool) == [None] * (AT_ONCE - 1) + [("alice", True)]


def test_cancelling_and_admitting_do_not_wait_for_each_other(stored, together):
    def ask(tx, name):
        user = tx.users.create(name)
        return tx.operations.begin(tx.servers.get(user.name, ""), OperationKind.START, backend="docker")

    starts = [stored(lambda tx, n=n: ask(tx, f"user{n}")) for n in range(AT_ONCE)]

    def withdraw(number):
        def work(tx):
            gone = tx.operations.cancel_queued(starts[number].id)
            return gone, tx.operations.admit(0)

        return stored(work)

    answers = together(withdraw)
    begun = sum(admitted for _, admitted in answers)
    assert sum(gone for gone, _ in answers) + begun == AT_ONCE
