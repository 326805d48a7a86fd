"""Every timing of the core with its reason: how long it waits, how often it looks, how long it keeps.

Seconds, unless the name says otherwise. What administrators may want to change is a setting instead.
"""

from __future__ import annotations

from typing import Final

from plughub.domain.backoff import Backoff

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

# ---- database

DATABASE_BACKOFF: Final = Backoff(first=0.1, longest=1.6, jitter=0.8)
"""Between tries of a transaction. Random, because the other side of a deadlock tries again, too."""
DATABASE_REPEAT_SECONDS: Final = 4
"""No new try begins later than that: the request that waits has the time for one more answer."""
DATABASE_BUSY_SECONDS: Final = 5
"""SQLite waits for its lock: longer than any transaction of the hub takes."""
DATABASE_WAIT_SECONDS: Final = 12
"""A request waits, while no other is served: longer than the driver needs to notice a dead server."""
DATABASE_TROUBLE_SECONDS: Final = 3
"""The same once the database is known not to answer: requests should fail fast."""
DATABASE_LONGEST_SECONDS: Final = 60
"""A request waits, while others are served: in a crowd it waits for its turn."""
DATABASE_CONNECT_SECONDS: Final = 5
"""libpq gives a connection up after this; without it a dead host blocks for minutes."""
DATABASE_UNANSWERED_MILLISECONDS: Final = 8_000
"""The kernel gives up a connection whose packets nobody acknowledges; below `DATABASE_WAIT_SECONDS`."""
DATABASE_KEEPALIVE_SECONDS: Final = 15
"""The kernel probes an idle connection: firewalls forget silent ones."""
IDLE_TRANSACTION_SECONDS: Final = 5
"""PostgreSQL ends a transaction that does nothing for so long: a stopped hub must not hold its locks."""
DATABASE_CLOSE_SECONDS: Final = 10
"""A shutdown waits for open connections; a server that does not answer must not block it."""
SCHEMA_LOCK_SECONDS: Final = 60
"""A start waits for another one that creates the schema."""
DATABASE_USER_SECONDS: Final = 30
"""An upgrade takes a hub without heartbeat for so long as ended: above `ALIVE_LEASES` default leases."""
ENDING_SESSION_SECONDS: Final = 2.0
"""PostgreSQL shows a session for a moment after its program has left."""
ENDING_SESSION_POLL_SECONDS: Final = 0.1
"""Between looks whether it still does."""

# ---- leases and heartbeats; the length of a lease is a setting

RENEWALS_PER_LEASE: Final = 5
"""A runner renews the leases of its operations: four renewals may fail before another hub takes over."""
HEARTBEATS_PER_LEASE: Final = 2
"""A hub process sends heartbeats, and a leader renews: one may be late."""
ALIVE_LEASES: Final = 2
"""A process counts as alive for so many leases after its last heartbeat."""
GONE_LEASES: Final = 6
"""After so many leases a process is removed from the list: late enough for one that was only suspended."""
NAMESAKE_POLL_SECONDS: Final = 0.5
"""A start looks for heartbeats of a process with the name of this machine; with short leases more often."""
NAMESAKE_POLLS_PER_LEASE: Final = 10
"""The same for short leases: a heartbeat must not be missed."""
HOUSEKEEPING_SECONDS: Final = 300.0
"""Expired rows are deleted: often enough that no deletion is long."""
KEEP_CHANGES_SECONDS: Final = 10 * MINUTE
"""The change feed keeps rows: far longer than `CHANGE_FEED_WINDOW`, after which they are not read."""
KEEP_OPERATIONS_SECONDS: Final = 7 * DAY
"""Finished operations are kept: an administrator asks about last week."""

# ---- polling for work and changes

BEAT_SECONDS: Final = 0.25
"""Periodic work begins at the same moments, so that an idle process is woken once for all of it."""
RESTART_LOOP_SECONDS: Final = 1.0
"""Background work that failed unexpectedly begins again: not at once, or a mistake would fill the log."""
CHANGE_FEED_SECONDS: Final = 0.5
"""The change feed is read: a revoked token works in other processes for so long at most."""
CHANGE_FEED_WINDOW: Final = 10.0
"""The feed is read again so far back: transactions that began before the last read may end after it."""
FIND_WORK_SECONDS: Final = 0.5
"""A runner looks for operations until the change feed tells it of them."""
FIND_WORK_IDLE_SECONDS: Final = 5.0
"""Fallback poll once the change feed does, in case a notification is lost."""
WATCH_POLL_SECONDS: Final = 0.5
"""Changes of servers by other processes, and places in the queue, are found by polling."""
WATCH_GATHER_SECONDS: Final = 0.02
"""Changes within this time are read by one query."""
SERVER_POLL_SECONDS: Final = 2.0
"""The poller looks which servers are due."""
SERVER_POLL_SOON_SECONDS: Final = 1.0
"""Longest pause before the next poll of a server whose state or address was unknown."""
ADOPT_SECONDS: Final = 5.0
"""A start of the hub waits for polls of running servers before it restores routes."""
LEFTOVER_SECONDS: Final = 60.0
"""Things left running without a record are looked for; an inventory may be expensive."""
ORPHAN_CHECK_SECONDS: Final = 5.0
"""Operations that no hub can execute are looked for."""
ORPHAN_RETRY_SECONDS: Final = 60.0
"""Such an operation looks again whether its plugin is back."""
DELETION_CHECK_SECONDS: Final = 5.0
"""Deletions of users are looked for whose process has ended."""
SERVICE_POLL_SECONDS: Final = 1.0
"""Managed services and their first answers are looked for."""
SILENT_SERVICE_SECONDS: Final = 5.0
"""A service that does not answer is asked again."""
SERVICE_CHECK_IDLE_SECONDS: Final = 10.0
"""Changes are pushed; this poll catches anything missed."""
NO_SERVICES_SECONDS: Final = 30.0
"""Without managed services only what an earlier configuration left is looked for."""
ROUTE_CHECK_SECONDS: Final = 1.0
"""A dead proxy is noticed."""
ROUTE_CHECK_LONGEST_SECONDS: Final = 30.0
"""With very many routes a full comparison is less frequent, up to this."""
ACTIVITY_FLUSH_SECONDS: Final = 5.0
"""Activity is collected, and written at once for all servers."""

# ---- starts and stops

READINESS_BACKOFF: Final = Backoff(first=0.05, longest=0.25, factor=1.3)
"""Between requests to a server that starts: its user waits, and a request costs little."""
STARTING_POLL_SECONDS: Final = 0.2
"""A spawner is asked at most so often whether a starting server still runs: its user waits to hear."""
PROBE_SECONDS: Final = 3.0
"""A server has to answer a probe; one that is busy importing may need seconds."""
REPORT_SECONDS: Final = 0.3
"""Reports of progress are stored at most so often."""
FAILURE_LOGS_SECONDS: Final = 3.0
"""A plugin tells why a server failed; the user waits for the page meanwhile."""
RETRY_SECONDS: Final = 1.0
"""A runner tries again when the database was unavailable."""
RETRY_BACKOFF: Final = Backoff(first=RETRY_SECONDS, longest=16.0)
"""Between tries of a phase that fails unexpectedly: all tries together end within a minute."""
ROUTE_BACKOFF: Final = Backoff(first=0.4, longest=5.0)
"""A proxy that restarts accepts a route again within seconds."""
UNDO_BACKOFF: Final = Backoff(first=1.0, longest=300.0)
"""Until what a failed start left can be stopped; an engine may be down for a long time."""
STOP_BACKOFF: Final = Backoff(first=1.0, longest=5.0)
"""Between the few tries of a stop whose user waits."""
GIVE_UP_BACKOFF: Final = Backoff(first=15.0, longest=300.0)
"""After all tries of a phase have failed: a mistake that only an administrator mends."""
STOP_ALL_BACKOFF: Final = Backoff(first=1.0, longest=60.0)
"""Until a bulk stop can be written down."""
REFUSED_ROUTE_BACKOFF: Final = Backoff(first=1.0, longest=30.0)
"""Until a route that the proxy refuses is tried again."""
UNDO_WAIT_SECONDS: Final = 1.0
"""A caller that waits for a failed start waits so long for its cleanup."""
ENDED_SERVER_SECONDS: Final = 10.0
"""A request that finds its server ended waits for the stop to be written down."""
STOP_SERVER_SECONDS: Final = 150.0
"""A stop may take so long: above the gentle ends of the spawners and their tries together."""
CLOCK_AHEAD_SECONDS: Final = 59 * MINUTE
"""Activity of clocks further ahead is not believed: below one hour, the error of a wrong time zone."""

# ---- caches; entries end earlier when the change feed tells of a change

STALE_ACTIVITY_SECONDS: Final = 2.0
"""Without an update for this long, the snapshot of activity is stale."""
PRINCIPAL_TRUST_SECONDS: Final = 1.0
"""How long cached principals are trusted without news from other hub processes."""
CACHED_QUERY_SECONDS: Final = 5.0
"""A cached query is read again after this time, whatever the change feed tells."""
RECENT_SERVERS_SECONDS: Final = 0.5
"""The servers of a user are cached for pages that ask all the time; as fresh as the change feed."""
PRINCIPAL_CACHE_SECONDS: Final = 60
"""A principal is looked up again: what a plugin says of its own tokens changes without a row."""
FRESH_COUNTS_SECONDS: Final = 5.0
"""Counts for metrics are read again; several Prometheus servers may ask."""

# ---- HTTP

HEADER_SECONDS: Final = 60.0
"""A client sends the headers of a request; an idle connection is closed after this, too."""
BODY_SECONDS: Final = 30.0
"""A client begins with the body of a request; a longer one has more time."""
FULL_LOG_SECONDS: Final = 60.0
"""The log says at most so often that connections are closed because there are too many."""
EVENT_KEEPALIVE_SECONDS: Final = 8.0
"""A stream of events is never silent for longer: proxies close connections that are."""
ERROR_PAGE_RETRY_SECONDS: Final = 5
"""Error pages of the proxy are loaded again by the browser."""
REDIRECT_BACKOFF: Final = Backoff(first=2.0, longest=10.0)
"""Before a browser that comes back is sent to its server again: the route needs a moment."""
QUICK_START_SECONDS: Final = 1.0
"""A server that runs by then is opened without showing its progress."""

# ---- logins, tokens and codes

RECENT_LOGIN_SECONDS: Final = 60.0
"""After a login the default server starts without a further click."""
CONFIRM_SECONDS: Final = 600.0
"""A password that was typed confirms dangerous requests for so long."""
SESSION_SEEN_SECONDS: Final = 300
"""The last use of a session is stored again after this time: not with each request."""
LOGIN_SLOT_SECONDS: Final = 20.0
"""A login waits for its turn to be checked, before the browser is told to try again."""
LOGIN_TRY_SECONDS: Final = 2.0
"""First pause of a name at an address; pace of a name or address: one try in so many seconds."""
FORGET_PAIR_SECONDS: Final = 600.0
"""The count of wrong passwords of a name at an address sinks by one: guessing must stay slow."""
FORGET_NAME_SECONDS: Final = 60.0
"""The same of a name from everywhere: others must not lock a user out for long."""
FORGET_ADDRESS_SECONDS: Final = 10.0
"""The same of an address: a class shares one."""
KNOWN_PAIR_SECONDS: Final = 30 * DAY
"""A user who logged in from an address is not slowed down there by the wrong passwords of others."""
IDLE_COUNT_SECONDS: Final = DAY
"""A count that did not change is of no use any more, and its row is deleted."""
LOGIN_LINK_SECONDS: Final = HOUR
"""A one-time login link works: long enough to be sent and opened."""
OAUTH_CODE_SECONDS: Final = 300
"""An OAuth code works: the browser delivers it at once, RFC 6749 allows ten minutes."""
SHARE_CODE_SECONDS: Final = DAY
"""A share code works, unless the request says how long."""
MIN_SHARE_CODE_SECONDS: Final = 60
"""Shortest life of a share code: a shorter one would end before it is opened."""
MAX_SHARE_CODE_SECONDS: Final = 365 * DAY
"""Longest life of a share code: nobody remembers an older one."""
LONGEST_TOKEN_SECONDS: Final = 100 * 365 * DAY
"""Longest life of a token: a calendar has no later time."""
XSRF_DAYS: Final = 31
"""Days for which an XSRF token of an open page is accepted."""
ANONYMOUS_XSRF_SECONDS: Final = 3600
"""Life of the XSRF cookie of a browser without a login: the time that a login page stays open."""

# ---- processes and plugins

CANCELLED_HOOK_SECONDS: Final = 1.0
"""A cancelled hook has so long to clean up."""
CANCEL_TASKS_SECONDS: Final = 10.0
"""Cancelled tasks have so long to end."""
DEATH_BACKOFF: Final = Backoff(first=0.01, longest=0.2, factor=1.5)
"""Between polls while a spawner waits for its server to end: most end at once."""
LAUNCH_SECONDS: Final = 10.0
"""A shell launches a detached process: milliseconds, seconds on a machine that swaps."""
FIND_LAUNCHED_SECONDS: Final = 5.0
"""A launch that another hub process has begun is waited for."""
KILL_SECONDS: Final = 2.0
"""A process is gone after SIGKILL, unless the kernel hangs."""
PROCESS_POLL_SECONDS: Final = 0.02
"""Between looks at processes and ports that change within milliseconds."""
SOCKET_LOOKUP_SECONDS: Final = 1.0
"""The kernel tells the owner of one socket."""
SOCKET_DUMP_SECONDS: Final = 5.0
"""The kernel lists all sockets, of which there may be very many."""
ADD_USER_SECONDS: Final = 60
"""The command that creates a system user may ask a directory server."""
STOP_SERVICE_SECONDS: Final = 10.0
"""A managed service ends gently, before SIGKILL."""
STEADY_SERVICE_SECONDS: Final = 30.0
"""A managed service that ran that long before it died is started again at once."""
SERVICE_BACKOFF: Final = Backoff(first=1.0, longest=60.0)
"""Before a managed service that dies early is started again."""
SERVICE_ANSWER_SECONDS: Final = 30
"""A service has to answer after its start, unless its configuration says how long."""
SIGNAL_ECHO_SECONDS: Final = 1.0
"""Signals of one cause come together, such as those of a closed terminal."""

# ---- certificates

AUTHORITY_DAYS: Final = 3650
"""Days of the internal certificate authority: it never ends while a hub is used."""
CERTIFICATE_DAYS: Final = 825
"""Days of an internal certificate: the most that TLS clients accept everywhere."""
CERTIFICATE_RENEW_DAYS: Final = 90
"""Days before its end from which a start renews a certificate: longer than hubs run without a restart."""

# ---- observing

AUDIT_GATHER_SECONDS: Final = 0.2
"""Lines of the audit trail are collected, and written at once."""
AUDIT_RETRY_SECONDS: Final = 2.0
"""The audit trail is written again when the database was unavailable."""
LOOP_DELAY_SECONDS: Final = 0.25
"""The delay of the event loop is measured at most so often while no metrics are read."""
METRICS_READ_SECONDS: Final = 300.0
"""Metrics count as read: Prometheus reads far more often."""

# ---- shutdown

LINGER_SECONDS: Final = 0.5
"""A request that the proxy sent here before its route changed has arrived by then."""
LINGER_ELSEWHERE_SECONDS: Final = 2.5
"""The same for proxies of other machines: their own hubs tell them, which look every second."""
FINISH_REQUESTS_SECONDS: Final = 15.0
"""Requests end: longer than one may wait for a server to start."""
FINISH_POLL_SECONDS: Final = 0.02
"""Between looks whether they have ended."""
LAST_EVENTS_SECONDS: Final = 10.0
"""Plugins get the last events."""
