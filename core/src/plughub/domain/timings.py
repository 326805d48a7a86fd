"""Timings of the core, each with its unit and its reason.

What administrators may want to change is a setting instead.
"""

from __future__ import annotations

from typing import Final

from plughub.domain.backoff import Backoff

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

# ---- database

DATABASE_BACKOFF: Final = Backoff(first=0.1, longest=1.6, jitter=0.8)
"""Delays between attempts of a transaction. Random, because the other side of a deadlock retries, too."""
DATABASE_REPEAT_SECONDS: Final = 4
"""Seconds after which no new attempt begins: the waiting request still has time for one answer."""
DATABASE_BUSY_SECONDS: Final = 5
"""Longest wait for SQLite's lock, in seconds: longer than any transaction of the hub takes."""
DATABASE_WAIT_SECONDS: Final = 12
"""Seconds that a request waits while no other is served: above the time that the driver needs to detect a
dead server."""
DATABASE_UNAVAILABLE_SECONDS: Final = 3
"""The same wait while the database is known to be unavailable: requests should fail fast."""
DATABASE_LONGEST_SECONDS: Final = 60
"""Longest wait of a request in seconds while others are served: under load the queue is long, but moves."""
DATABASE_CONNECT_SECONDS: Final = 5
"""Connection timeout of libpq, in seconds; without one, a dead host blocks for minutes."""
DATABASE_UNANSWERED_MILLISECONDS: Final = 8_000
"""Milliseconds after which the kernel closes a connection with unacknowledged data; less than
`DATABASE_WAIT_SECONDS`."""
DATABASE_KEEPALIVE_SECONDS: Final = 15
"""Idle seconds before a TCP keepalive probe: firewalls drop the state of silent connections."""
IDLE_TRANSACTION_SECONDS: Final = 5
"""Seconds after which PostgreSQL ends an idle transaction: a suspended hub must not hold its locks."""
DATABASE_CLOSE_SECONDS: Final = 10
"""Longest wait for connections to close at shutdown, in seconds: a silent server must not block it."""
SCHEMA_LOCK_SECONDS: Final = 60
"""Longest wait in seconds for another process that creates or upgrades the schema."""
DATABASE_USER_SECONDS: Final = 30
"""Age in seconds above which an upgrade ignores a heartbeat: more than `ALIVE_LEASES` default leases."""
ENDING_SESSION_SECONDS: Final = 2.0
"""Seconds during which a session of a program that has just ended may still be listed by PostgreSQL."""
ENDING_SESSION_POLL_SECONDS: Final = 0.1
"""Poll interval for such sessions, in seconds: they disappear within milliseconds."""

# ---- leases and heartbeats; the length of a lease is a setting

RENEWALS_PER_LEASE: Final = 5
"""Renewals that a runner makes in the length of a lease: four may fail before another hub takes over."""
HEARTBEATS_PER_LEASE: Final = 2
"""Heartbeats of a process, and renewals of a leader, in the length of a lease: one may be late."""
ALIVE_LEASES: Final = 2
"""Lengths of a lease for which a process counts as alive after a heartbeat: three heartbeats may be
missed."""
GONE_LEASES: Final = 6
"""Lengths of a lease after which a process leaves the hub registry: it may only have been suspended
before."""
NAMESAKE_POLL_SECONDS: Final = 0.5
"""Interval in seconds at which a start checks for heartbeats of another process with this machine's name."""
NAMESAKE_POLLS_PER_LEASE: Final = 10
"""Least number of those checks in the length of a lease: short leases must not hide a heartbeat."""
HOUSEKEEPING_SECONDS: Final = 300.0
"""Seconds between deletions of expired rows: frequent enough that none of them takes long."""
KEEP_CHANGES_SECONDS: Final = 10 * MINUTE
"""Age in seconds at which rows of the change feed are deleted: far beyond `CHANGE_FEED_WINDOW`."""
KEEP_OPERATIONS_SECONDS: Final = 7 * DAY
"""Age in seconds at which finished operations are deleted: administrators investigate last week's ones."""

# ---- polling for work and changes

BEAT_SECONDS: Final = 0.5
"""Seconds between two ticks. All periodic loops share them, so that an idle process wakes up less often."""
RESTART_LOOP_SECONDS: Final = 1.0
"""Delay in seconds before a loop that failed is restarted: without one, a defect would flood the log."""
CHANGE_FEED_SECONDS: Final = 0.5
"""Poll interval of the change feed, in seconds: other processes accept a revoked token for that long at
most."""
CHANGE_FEED_WINDOW: Final = 10.0
"""Seconds of the feed that every poll reads again: a transaction that began earlier may commit later."""
FIND_WORK_SECONDS: Final = 0.5
"""Poll interval for operations, in seconds, until the change feed announces them."""
FIND_WORK_IDLE_SECONDS: Final = 5.0
"""Poll interval in seconds once the change feed announces them; a fallback in case a notification is lost."""
WATCH_POLL_SECONDS: Final = 0.5
"""Poll interval in seconds for changes of servers by other processes, and for places in the queue."""
WATCH_GATHER_SECONDS: Final = 0.02
"""Seconds during which changes of servers are collected, so that one query reads them all."""
SERVER_POLL_SECONDS: Final = 2.0
"""Interval in seconds at which the poller checks which servers are due; the list of servers is cached."""
SERVER_POLL_SOON_SECONDS: Final = 1.0
"""Longest delay in seconds before the next poll of a server whose state or address was unknown."""
WATCHED_POLLS: Final = 10
"""Poll intervals between two polls of a server whose plugin reports its end: a report might be lost."""
LEFTOVER_SECONDS: Final = 60.0
"""Seconds between searches for orphaned processes and containers: an inventory may be expensive."""
ORPHAN_CHECK_SECONDS: Final = 5.0
"""Seconds between searches for operations that no hub can execute: their users wait."""
ORPHAN_RETRY_SECONDS: Final = 60.0
"""Seconds after which such an operation is retried, in case its plugin is back."""
DELETION_CHECK_SECONDS: Final = 5.0
"""Seconds between searches for pending deletions whose process has ended: the query is usually skipped."""
SERVICE_POLL_SECONDS: Final = 1.0
"""Seconds between checks of managed services, and of services that have not answered since their start."""
SILENT_SERVICE_SECONDS: Final = 5.0
"""Longest interval in seconds between checks of a service that does not answer, so that its recovery
shows."""
SERVICE_CHECK_IDLE_SECONDS: Final = 10.0
"""Longest pause of the health checks, in seconds. Changes are pushed; this poll catches anything missed."""
NO_SERVICES_SECONDS: Final = 30.0
"""Interval in seconds without managed services: only those of an earlier configuration may be left to
stop."""
ROUTE_CHECK_SECONDS: Final = 1.0
"""Seconds between comparisons of the proxy's routes: a restarted proxy has lost them, and users wait."""
ROUTE_CHECK_LONGEST_SECONDS: Final = 30.0
"""Longest interval in seconds between full comparisons when there are very many routes."""
ROUTE_ACTIVITY_LONGEST_SECONDS: Final = 5 * MINUTE
"""Longest interval in seconds between two looks at the activity of routes, whatever the setting says."""
ACTIVITY_FLUSH_SECONDS: Final = 5.0
"""Seconds during which activity is collected, so that one write stores it for all servers."""

# ---- starts and stops

STARTED_SECONDS: Final = 30.0
"""Seconds after a start in which the poller does not poll the server at once: the start has done so."""
READINESS_BACKOFF: Final = Backoff(first=0.05, longest=0.25, factor=1.3)
"""Delays between requests to a starting server: its user waits, and a request costs little."""
STARTING_POLL_SECONDS: Final = 0.2
"""Pause in seconds before a starting spawner is asked again for what it did not have yet."""
STARTING_POLL_BACKOFF: Final = Backoff(first=0.2, longest=1.0, factor=1.5)
"""Delays between polls of the spawner during a start: its user waits for bad news, too. Most servers that
fail do so at once, and many spawners report it without a poll."""
PROBE_SECONDS: Final = 3.0
"""Seconds within which a server must answer a probe; one that is busy importing may need several."""
REPORT_SECONDS: Final = 0.3
"""Shortest time in seconds between two stored progress reports: spawners may report far more often."""
FAILURE_LOGS_SECONDS: Final = 3.0
"""Seconds that a plugin has to explain a failed start; the user waits for the page meanwhile."""
RETRY_SECONDS: Final = 1.0
"""Delay in seconds before a runner retries after the database was unavailable."""
RETRY_BACKOFF: Final = Backoff(first=RETRY_SECONDS, longest=16.0)
"""Delays between attempts of a phase that fails unexpectedly: all attempts together end within a minute."""
ROUTE_BACKOFF: Final = Backoff(first=0.4, longest=5.0)
"""Delays between attempts to add a route: a restarting proxy accepts it within seconds."""
UNDO_BACKOFF: Final = Backoff(first=1.0, longest=300.0)
"""Delays between attempts to undo a failed start: an engine may be down for a long time."""
STOP_BACKOFF: Final = Backoff(first=1.0, longest=5.0)
"""Delays between the few attempts of a stop whose user waits."""
GIVE_UP_BACKOFF: Final = Backoff(first=15.0, longest=300.0)
"""Delays after all attempts of a phase have failed, which only an administrator can mend."""
STOP_ALL_BACKOFF: Final = Backoff(first=1.0, longest=60.0)
"""Delays between attempts to record a bulk stop."""
REFUSED_ROUTE_BACKOFF: Final = Backoff(first=1.0, longest=30.0)
"""Delays before the proxy is asked again to accept a route that it has rejected."""
UNDO_WAIT_SECONDS: Final = 1.0
"""Seconds that a caller waits for the cleanup of a failed start; the failure is known already."""
ENDED_SERVER_SECONDS: Final = 10.0
"""Seconds that a request whose server has ended waits until the stop is recorded."""
STOP_SERVER_SECONDS: Final = 150.0
"""Longest wait for a stop, in seconds: above a spawner's grace period and its attempts together."""
CLOCK_AHEAD_SECONDS: Final = 59 * MINUTE
"""Seconds by which reported activity may be ahead of the clock: less than an error of one time zone."""

# ---- caches; the change feed invalidates most entries earlier

CHANGE_FEED_TRUST_SECONDS: Final = 1.0
"""Seconds that caches are trusted after the last poll of the change feed: one poll may be late."""
CACHED_QUERY_SECONDS: Final = 5.0
"""Longest life of a cached query in seconds, even if the change feed reports no change."""
CACHED_SERVERS_SECONDS: Final = 60.0
"""The same for lists of all running servers, which depend on nothing but reported changes."""
PRINCIPAL_CACHE_SECONDS: Final = 60
"""Longest life of a cached principal in seconds: a plugin may revoke its own tokens, which changes no row."""
FRESH_COUNTS_SECONDS: Final = 5.0
"""Seconds for which counts for metrics are reused: several Prometheus servers may scrape."""

# ---- HTTP

RENDER_SLICE_SECONDS: Final = 0.004
"""Seconds for which the rendering of a long page holds the event loop at once: others should not notice."""
HEADER_SECONDS: Final = 60.0
"""Seconds that a client has for the headers of a request; an idle connection is closed after this, too."""
BODY_SECONDS: Final = 30.0
"""Seconds that a client has for the body of a request; a long body gets more."""
FULL_LOG_SECONDS: Final = 60.0
"""Shortest time in seconds between two warnings that there are too many connections."""
EVENT_KEEPALIVE_SECONDS: Final = 8.0
"""Longest silence of an event stream, in seconds: proxies close silent connections."""
EVENT_RETRY_MILLISECONDS: Final = 1000
"""Milliseconds after which a browser continues an event stream that has ended: the user is watching."""
SOON_SECONDS: Final = 15 * MINUTE
"""Seconds before the planned end of a server from which pages warn of it: enough to save one's work."""
LATE_SECONDS: Final = 5 * MINUTE
"""Seconds after which pages no longer show a planned end: cullers look only every few minutes."""
LIVE_KEEPALIVE_SECONDS: Final = 20.0
"""Longest silence of the stream of live updates, in seconds: each open browser has one, and proxies close
connections that are silent for a minute."""
LIVE_GATHER_SECONDS: Final = 0.1
"""Seconds during which changes are collected for an open browser, so that it loads a page once for them."""
LIVE_RECHECK_SECONDS: Final = 300.0
"""Seconds after which the login behind a silent stream of live updates is checked again: a plugin may revoke
its own tokens, which changes no row. Each check is a query, and thousands of browsers may be open."""
LIVE_RETRY_SECONDS: Final = 60
"""Seconds after which a browser asks again for a stream of live updates that was refused: its pages load
themselves again as often meanwhile."""
LIVE_OVERLAP_SECONDS: Final = 2.0
"""Seconds by which a resumed stream of live updates looks back further: the clocks of two hub processes may
differ, and a page is older than its arrival in the browser."""
ERROR_PAGE_RETRY_SECONDS: Final = 5
"""Seconds after which the browser reloads a temporary error page."""
REDIRECT_BACKOFF: Final = Backoff(first=2.0, longest=10.0)
"""Delays for a browser that is redirected to its server repeatedly: the route takes a moment."""
SPAWNER_CHECK_SECONDS: Final = 10.0
"""Seconds for which start pages share one check of a spawner: its engine must not notice how many look."""
SPAWNER_CHECK_WAIT_SECONDS: Final = 2.0
"""Seconds that a start page waits for checks of spawners: longer than an engine under load needs."""
QUICK_START_SECONDS: Final = 1.0
"""Seconds within which a started server is opened directly, without the progress page."""

# ---- logins, tokens and codes

RECENT_LOGIN_SECONDS: Final = 60.0
"""Seconds after a login in which the default server starts without another click."""
CONFIRM_SECONDS: Final = 600.0
"""Seconds for which a typed password confirms sensitive requests: an administrator makes several in a row."""
SESSION_SEEN_SECONDS: Final = 300
"""Accuracy of the last use of a login session, in seconds: one write for each request would be too many."""
LOGIN_SLOT_SECONDS: Final = 20.0
"""Seconds that a login waits for a free password check before the user is asked to try again."""
LOGIN_TRY_SECONDS: Final = 2.0
"""Seconds of the first delay of a name at an address; also between paced attempts of a name or an address."""
FORGET_PAIR_SECONDS: Final = 600.0
"""Seconds in which the count of wrong passwords of a name at an address drops by one: guessing must stay
slow."""
FORGET_NAME_SECONDS: Final = 60.0
"""The same for a name at all addresses together: others must not lock a user out for long."""
FORGET_ADDRESS_SECONDS: Final = 10.0
"""The same for an address with all names together: a classroom shares one address."""
KNOWN_PAIR_SECONDS: Final = 30 * DAY
"""Seconds after a login in which wrong passwords from elsewhere do not delay the user at the same address."""
IDLE_COUNT_SECONDS: Final = DAY
"""Age in seconds at which an unchanged count is deleted: by then it has dropped to nothing."""
LOGIN_LINK_SECONDS: Final = HOUR
"""Life of a one-time login link, in seconds: long enough to be sent and opened."""
LONGEST_LOGIN_LINK_SECONDS: Final = 7 * 24 * HOUR
"""Longest life of a login link that an administrator creates for a user, in seconds: a weekend in between."""
OAUTH_CODE_SECONDS: Final = 300
"""Life of an OAuth code, in seconds: the browser delivers it at once, and RFC 6749 allows ten minutes."""
SHARE_CODE_SECONDS: Final = DAY
"""Life of a share code in seconds, unless the request asks for another."""
MIN_SHARE_CODE_SECONDS: Final = 60
"""Shortest life of a share code, in seconds: a shorter one would expire before it is opened."""
MAX_SHARE_CODE_SECONDS: Final = 365 * DAY
"""Longest life of a share code, in seconds: an older one has been forgotten."""
LONGEST_RUN_SECONDS: Final = 10 * 365 * DAY
"""Longest time until an announced stop of a server, in seconds: later ones are errors of units."""
LONGEST_TOKEN_SECONDS: Final = 100 * 365 * DAY
"""Longest life of a token, in seconds: later dates do not fit into a calendar."""
XSRF_DAYS: Final = 31
"""Days for which the XSRF token of an open page is accepted: Tornado's default for signed cookies."""
ANONYMOUS_XSRF_SECONDS: Final = 3600
"""Life of the XSRF cookie of a browser without a login, in seconds: a login page may stay open for an
hour."""

# ---- processes and plugins

CANCELLED_HOOK_SECONDS: Final = 1.0
"""Seconds that a cancelled hook has to clean up, while its caller waits."""
SILENT_PLUGIN_SECONDS: Final = 10.0
"""Seconds after which code of a plugin that blocks the start or the event loop is named in the log, while it
still runs: it may never return, and everything waits for it."""
CANCEL_TASKS_SECONDS: Final = 10.0
"""Seconds that cancelled tasks have to end at shutdown; one that ignores it must not block the process."""
DEATH_BACKOFF: Final = Backoff(first=0.01, longest=0.2, factor=1.5)
"""Delays between polls while a spawner waits for its server to end: most end at once."""
POLL_CALLBACK_SECONDS: Final = 5.0
"""Seconds that a callback for a server that has ended may take, because the cleanup waits for it."""
LAUNCH_SECONDS: Final = 10.0
"""Seconds that a shell has to launch a detached process: milliseconds usually, seconds on a machine that
swaps."""
FIND_LAUNCHED_SECONDS: Final = 5.0
"""Longest wait for a launch that another hub process has begun, in seconds."""
KILL_SECONDS: Final = 2.0
"""Longest wait for a process to disappear after SIGKILL, in seconds; only a hanging kernel takes longer."""
PROCESS_POLL_SECONDS: Final = 0.02
"""Poll interval for processes and ports, in seconds: they change within milliseconds."""
SOCKET_LOOKUP_SECONDS: Final = 1.0
"""Seconds that the kernel has to name the owner of one socket."""
SOCKET_DUMP_SECONDS: Final = 5.0
"""Seconds that the kernel has to list all sockets, of which there may be very many."""
ADD_USER_SECONDS: Final = 60
"""Seconds that the command has which creates a system user: it may query a directory server."""
STOP_SERVICE_SECONDS: Final = 10.0
"""Seconds that a managed service has to end before it receives SIGKILL."""
STEADY_SERVICE_SECONDS: Final = 30.0
"""Seconds after which a managed service counts as stable, and is restarted at once when it dies."""
SERVICE_BACKOFF: Final = Backoff(first=1.0, longest=60.0)
"""Delays before a managed service is restarted that dies early."""
SERVICE_ANSWER_SECONDS: Final = 30
"""Seconds that a service has to answer after its start, unless its configuration says otherwise."""
SIGNAL_ECHO_SECONDS: Final = 1.0
"""Seconds in which repeated signals have one cause, such as a terminal that is closed."""

# ---- certificates

AUTHORITY_DAYS: Final = 3650
"""Life of the internal certificate authority, in days: longer than any hub is used."""
CERTIFICATE_DAYS: Final = 825
"""Life of an internal certificate, in days: the most that all TLS clients accept."""
CERTIFICATE_WARNING_DAYS: Final = 14
"""Days before the expiry of the certificate for browsers when administrators are warned."""
CERTIFICATE_ERROR_DAYS: Final = 3
"""The same when it becomes urgent."""
CERTIFICATE_RENEW_DAYS: Final = 90
"""Days before its expiry at which a start renews a certificate: hubs run shorter than that without a
restart."""

# ---- observability

AUDIT_GATHER_SECONDS: Final = 0.2
"""Seconds during which audit entries are collected, so that one transaction writes them."""
AUDIT_RETRY_SECONDS: Final = 2.0
"""Delay in seconds before audit entries are written again after the database was unavailable."""
USAGE_SECONDS: Final = 2.0
"""Seconds for which a measured usage is reused: several users may watch a server."""
USAGE_BASE_SECONDS: Final = 0.5
"""Seconds between two readings of a CPU time that no earlier reading precedes; the caller waits for both."""
USAGE_EARLIER_SECONDS: Final = 5 * MINUTE
"""Greatest age in seconds of an earlier reading from which cores in use are computed: an average over more
says little."""
USAGE_HISTORY_SECONDS: Final = HOUR
"""Seconds for which the usage of a server is remembered, for a small chart."""
USAGE_PERIOD_SECONDS: Final = 30 * DAY
"""Seconds before now that a usage report covers if the request names no period: about a month."""
RECENT_STARTS_SECONDS: Final = HOUR
"""Seconds in which failed starts count for a finding: long enough to see a pattern on a quiet hub."""
LONG_QUEUE_SECONDS: Final = 60.0
"""Wait of a queued start in seconds above which administrators should know."""
HOOK_FAILURES_SECONDS: Final = 10 * MINUTE
"""Seconds in which failed calls of a hook count for a finding."""
ANNOUNCEMENT_SECONDS: Final = 60.0
"""Seconds for which the announcement is cached, in case that a change of another process is missed."""
MACHINE_SECONDS: Final = 5.0
"""Seconds for which the free resources on the start page are cached: many users may look at once."""
FINDINGS_SECONDS: Final = 20.0
"""Seconds between two looks of a hub process at its own state: administrators wait for no longer."""
RUN_SEEN_SECONDS: Final = 60.0
"""Seconds between two notes that a server still runs: so exact are the ends of runs that no hub has seen."""
USUAL_START_SECONDS: Final = 60.0
"""Seconds for which the usual duration of starts is reused: it changes slowly."""
USAGE_SAMPLE_SECONDS: Final = 30.0
"""Seconds between two measurements of all running servers for the metrics, while these are read."""
LOG_TAIL_SECONDS: Final = 1.0
"""Seconds for which the last lines of a log are reused: that is how often open pages show new ones."""
LOG_READER_SECONDS: Final = 10 * MINUTE
"""Seconds after which reading the log of another user's server is audited again: pages ask once a minute."""
LOG_STREAM_SECONDS: Final = 60.0
"""Longest life of a stream of log lines, in seconds: the browser then asks again, with a login that is still
valid, and loses no line."""
LOOP_DELAY_SECONDS: Final = 0.5
"""Longest interval between measurements of the event loop's delay while no metrics are read, in seconds."""
METRICS_READ_SECONDS: Final = 300.0
"""Seconds after a scrape in which metrics count as in use: Prometheus scrapes far more often."""
STATSD_COUNTS_SECONDS: Final = 30.0
"""Seconds between two reports of counts to statsd, which keeps the value of a gauge until the next one."""
STATSD_ADDRESS_SECONDS: Final = 300.0
"""Seconds after which the name of the statsd server is resolved again: it may have moved."""
STATSD_RETRY_SECONDS: Final = 10.0
"""Delay in seconds before an unknown name of a statsd server is resolved again."""

# ---- shutdown

LINGER_SECONDS: Final = 0.5
"""Seconds that a process stays after its route has moved, for requests that the proxy sent before, or after a
request for its shutdown, so that the proxy passes on the answer before it may be stopped."""
LINGER_ELSEWHERE_SECONDS: Final = 2.5
"""The same with proxies on other machines: the hubs there move the route, within a poll of a second."""
FINISH_REQUESTS_SECONDS: Final = 15.0
"""Longest wait for open requests at shutdown, in seconds: above the wait of a request for a server's
start."""
FINISH_POLL_SECONDS: Final = 0.02
"""Poll interval for these requests, in seconds: most end at once."""
LAST_EVENTS_SECONDS: Final = 10.0
"""Seconds that plugins have at shutdown to receive the last events."""
