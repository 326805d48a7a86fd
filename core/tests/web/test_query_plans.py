"""No frequent statement reads a whole table that grows with users, servers or tokens."""

import contextlib
import re

from sqlalchemy import event, text

from plughub.domain.clock import utcnow

SMALL = {
    "roles", "services", "service_role_map", "plughub_services", "plughub_hubs", "plughub_leases",
    "plughub_departures", "plughub_settings", "plughub_login_links", "plughub_changes", "json_each",
}  # fmt: skip
"""Tables that do not grow with users, or whose old rows are deleted within minutes; the last is a parameter."""
ACCEPTED = {
    "SELECT count(*) AS number FROM users",
    "SELECT users.id FROM users ORDER BY users.id ASC LIMIT ? OFFSET ?",
}
"""A page of users says how many there are, by an index; it reads no more rows than it skips and shows."""
FOUND = {"sqlite": r"SCAN (\w+)", "postgresql": r"Seq Scan on (\w+)"}
PAGES = ("/hub/home", "/hub/token", "/hub/api/users/alice", "/hub/api/user", "/hub/api/")


@contextlib.contextmanager
def statements_of(database):
    """Collect the statements of everything that runs, with parameters of one execution of each."""
    found = {}

    def note(_connection, _cursor, statement, parameters, _context, executemany):
        values = parameters[0] if executemany else parameters
        found[statement] = values if isinstance(values, dict) else tuple(values)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def whole_reads(database, statements):
    """Return the statements that read a table from its first to its last row, by the name of the table."""
    found = {}
    dialect = database.engine.dialect.name
    with database.engine.connect() as connection:
        if dialect == "postgresql":
            connection.execute(text("SET enable_seqscan = off"))  # only where there is no other way
        explain = "EXPLAIN QUERY PLAN" if dialect == "sqlite" else "EXPLAIN"
        for statement, parameters in statements.items():
            words = " ".join(statement.split())
            if words.startswith(("SELECT", "UPDATE", "DELETE", "INSERT", "WITH")) and words not in ACCEPTED:
                plan = connection.exec_driver_sql(f"{explain} {statement}", parameters)
                for table in re.findall(FOUND[dialect], "\n".join(str(row[-1]) for row in plan)):
                    found.setdefault(table, []).append(statement)
    return found


async def use(hub):
    """Do what users, servers and the hub's own loops do all the time."""
    alice, admin = await hub.logged_in("alice"), await hub.admin()
    program = await hub.program("alice")
    for path in PAGES:
        assert (await alice.get(path)).code == 200
    assert (await program.get("/hub/api/user")).code == 200
    await hub.running("alice")
    for part in (hub.poller, hub.route_reconciler, hub.unrunnable_operations, hub.deletion):
        await part.run_once()
    await hub.hub_registry.poll_changes_once()
    assert (await program.get("/hub/api/users/alice")).code == 200
    now = utcnow().isoformat()
    report = {"last_activity": now, "servers": {"": {"last_activity": now}}}
    assert (await program.post("/hub/api/users/alice/activity", model=report)).code == 200
    await hub.activity.flush()
    assert (await admin.get("/hub/api/users?limit=20")).code == 200
    assert (await program.delete("/hub/api/users/alice/server")).code in {202, 204}
    assert (await admin.delete("/hub/api/users/bob")).code == 204


async def test_no_frequent_statement_reads_a_whole_table(make_hub, hub_db_url):
    hub = await make_hub(url=hub_db_url)
    await hub.user("bob")
    with statements_of(hub.store.database) as statements:
        await use(hub)
    found = whole_reads(hub.store.database, statements)
    assert {table: found[table] for table in found.keys() - SMALL} == {}
    assert len(statements) > 80
