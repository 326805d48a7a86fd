"""HAProxy's configuration file.

Source:
    HAProxy Configuration Manual, 2.6 and 2.8.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from plughub.utils import host_in_url
from plughub_haproxy import forwarded, limits, pages, paths
from plughub_haproxy.entries import DIRECT, SECURE, Address
from plughub_haproxy.pools import ERRORS, HUBS, POOLS, server_lines
from plughub_haproxy.quoting import in_format, word
from plughub_haproxy.timings import ACTIVITY_DAYS
from plughub_haproxy.tls import TargetTLS, options_for_any, options_for_hubs

SOCKET_NAME: Final = "runtime.sock"
MASTER_SOCKET_NAME: Final = "master.sock"
DEAD_SOCKET_NAME: Final = "dead.sock"
"""Socket of the frontend that answers for dead servers, in a folder that other users cannot write to."""
AGAIN_SOCKET_NAME: Final = "again.sock"
"""Socket of the frontend that sends requests again, in the same folder."""
PEM_NAME: Final = "public.pem"
TABLE: Final = "activity"

KEPT: Final = "kept"
"""The backend of requests to servers that may be repeated: GET and HEAD without a body.

They share connections, because a new one for each request costs twice as much CPU. A server that closes an
idle connection just when a request is sent on it loses the request, which is then sent again, once.
"""

ONCE: Final = "once"
SECURE_ONCE: Final = "secure_once"
"""The backends of other requests to servers, and of all over TLS: each request opens its own connection.

A POST must not be repeated, and many servers close idle connections after 2 or 5 seconds. A websocket keeps
its connection. Over TLS, each connection takes a full handshake, because the session of one target must not
be resumed with another.
"""

NAME: Final = "plughub"

IDLE_CONNECTIONS: Final = 256
"""Maximum idle connections kept for each target of a pool, and for all hubs with a single target together.

A client's first request opens a new connection, because an idle one may be closing at that moment. Without
this limit, each client would leave one connection behind. With fewer than there are busy clients, HAProxy
opens and closes connections all the time: 128 clients and 64 idle connections cost a third more CPU.
"""

SERVER_IDLE_CONNECTIONS: Final = 1024
"""Maximum idle connections kept for all servers together, for a few seconds each."""

HOT_MEMORY: Final = 8 * 1024 * 1024
"""Bytes of freed memory that each thread keeps for itself.

HAProxy's default of 512 KB holds 8 buffers of 64 KB. Beyond that, threads exchange buffers under a lock.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Parameters of the configuration.

    Attributes:
        ip: address to listen on; empty for all.
        port: port to listen on.
        hub_socket: path of the hub's Unix socket; empty if the hub listens on TCP.
        servers_port: second port, which serves all routes, while the first serves the hub only; 0 for none.
        pem: certificate and key in PEM format; empty for plain HTTP.
        base_url: escaped path of the whole application.
        hub_spec: routespec of the hub.
        error_path: escaped path of the hub's error pages; empty if it has none.
        trusted: addresses or networks whose X-Forwarded headers are trusted.
        user: user that HAProxy's workers run as; empty for the hub's user.
        group: group that HAProxy's workers run as; empty for the hub's group.
        dual_stack: whether listening on all addresses includes IPv6.
        connections_per_address: connections allowed per client address; 0 for no limit.
        requests_per_address: concurrent requests with a body to hubs allowed per client address; 0 for no
            limit.
        tls: client TLS for targets at ``https://``; None if there are none.
    """

    ip: str
    port: int
    pem: str = field(default="", repr=False)
    base_url: str = "/"
    hub_spec: str = "/"
    error_path: str = ""
    trusted: tuple[str, ...] = ()
    user: str = ""
    group: str = ""
    dual_stack: bool = False
    connections_per_address: int = 0
    requests_per_address: int = 0
    tls: TargetTLS | None = None
    servers_port: int = 0
    hub_socket: str = ""

    @property
    def ports(self) -> tuple[int, ...]:
        """Ports to listen on."""
        return (self.port, self.servers_port) if self.servers_port else (self.port,)

    def bind(self, port: int) -> str:
        """Return the bind address for a port."""
        if not self.ip:
            return f":::{port} v4v6" if self.dual_stack else f"*:{port}"
        ip = word(self.ip)
        return f"{host_in_url(ip)}:{port}"

    @property
    def check_path(self) -> str:
        """Path of the health check of hubs: the cheapest request that they serve."""
        return self.error_path.removesuffix("error") + "api/" if self.error_path else "/"

    @property
    def display_address(self) -> str:
        """Address for messages."""
        return f"{self.ip or '*'}:{', '.join(map(str, self.ports))}"


def fingerprint(listener: Listener) -> str:
    """Return the description of a HAProxy with this configuration: a hash that is independent of routes."""
    text = _render(listener, "", {}) + pages.pages_file()
    text += hashlib.sha256(listener.pem.encode()).hexdigest()
    text += listener.tls.fingerprint if listener.tls else ""
    return f"{NAME} {hashlib.sha256(text.encode()).hexdigest()[:24]}"


def render(listener: Listener, pools: Mapping[str, Sequence[Address]]) -> str:
    """Return the text of the configuration file.

    Args:
        listener: parameters of the configuration.
        pools: addresses of routes with several targets.

    Raises:
        StartError: an address of ``trusted_downstream_ips`` is invalid.
    """
    return _render(listener, fingerprint(listener), pools)


def error_path_of(error_url: str) -> str:
    """Return the path of the hub's error pages, without a trailing slash."""
    return urlsplit(error_url).path.rstrip("/")


def _render(listener: Listener, description: str, pools: Mapping[str, Sequence[Address]]) -> str:
    sections = [
        _global(listener, description),
        _DEFAULTS,
        _public(listener),
        _direct(DIRECT),
        _kept(),
        _direct(ONCE, more=_CLOSE),
        *_secure(listener.tls),
        *(_pool(listener, name, pools.get(name, ())) for name in (HUBS, *POOLS)),
        _internal(listener, "again", f"unix@{AGAIN_SOCKET_NAME}", "accept-proxy", f"default_backend {ONCE}"),
        _internal(listener, "dead", f"unix@{DEAD_SOCKET_NAME}", "", _DEAD),
        _errors(listener, pools.get(ERRORS, ())),
        _ACTIVITY,
        limits.TABLES,
    ]
    return "\n\n".join(section.strip() for section in sections if section) + "\n"


def _global(listener: Listener, description: str) -> str:
    user = f"\n    user {word(listener.user)}\n    group {word(listener.group)}" if listener.user else ""
    return f"""
global
    description {description}{user}
    stats socket unix@{SOCKET_NAME} mode 600 level admin expose-fd listeners
    stats maxconn 100
    noreuseport
    fd-hard-limit 200000
    tune.bufsize 65536
    tune.http.maxhdr 1024
    tune.h2.initial-window-size 8388608
    h2-workaround-bogus-websocket-clients
    ssl-default-bind-options ssl-min-ver TLSv1.2
.if version_atleast(2.8)
    tune.memory.hot-size {HOT_MEMORY}
.endif
"""


_DEFAULTS: Final = f"""
defaults
    mode http
    http-reuse safe
    option contstats
    option http-no-delay
    option abortonclose
    option clitcpka
    option srvtcpka
    clitcpka-idle 60s
    clitcpka-intvl 10s
    clitcpka-cnt 6
    srvtcpka-idle 60s
    srvtcpka-intvl 10s
    srvtcpka-cnt 6
    timeout connect 5s
    timeout http-request 30s
    timeout http-keep-alive 60s
    timeout client 1d
    timeout server 1d
    timeout tunnel 7d
    timeout client-fin 10s
    timeout server-fin 10s
    option http-ignore-probes
{pages.error_lines()}
"""


def _public(listener: Listener) -> str:
    secure = f" ssl crt {PEM_NAME} alpn h2,http/1.1" if listener.pem else ""
    servers = (
        f"bind {listener.bind(listener.servers_port)} name {paths.SERVERS}{secure}"
        if listener.servers_port
        else ""
    )
    return f"""
frontend public
    bind {listener.bind(listener.port)}{secure}
    {servers}
    {forwarded.trusted(listener.trusted)}
{limits.connections(listener.connections_per_address)}
{pages.frontend_lines()}
{forwarded.headers(secure=bool(listener.pem), trusts_some=bool(listener.trusted))}
{paths.find_route(listener.hub_spec, two_ports=bool(listener.servers_port))}
    http-request set-var(txn.backend) var(txn.to),field(1,|)
    http-request set-dst var(txn.to),field(2,|) if {{ var(txn.backend) -m str {DIRECT} {SECURE} }}
    http-request set-dst-port var(txn.to),field(3,|) if {{ var(txn.backend) -m str {DIRECT} {SECURE} }}
    http-request set-var(txn.id) var(txn.to),field(4,|)
    http-request track-sc0 var(txn.id) table {TABLE} if {{ var(txn.to) -m found }}
{limits.requests(listener.requests_per_address, listener.hub_spec)}
    acl is_direct var(txn.backend) -m str {DIRECT}
    http-request set-var(txn.backend) str({KEPT}) if is_direct {_REPEATABLE} !to_hub
    http-request set-var(txn.backend) str({ONCE}) if is_direct !to_hub
    http-request set-var(txn.backend) str({SECURE_ONCE}) if {{ var(txn.backend) -m str {SECURE} }} !to_hub
{paths.spell_prefix(listener.base_url)}
    http-response del-header Service-Worker-Allowed
    use_backend %[var(txn.backend)] if {{ var(txn.to) -m found }}
    default_backend {ERRORS}
"""


_REPEATABLE: Final = "METH_GET !has_body !{ req.hdr(Upgrade) -m found }"


def _idle(limit: int = IDLE_CONNECTIONS) -> str:
    return f"pool-max-conn {limit} pool-purge-delay 2s"


def _direct(name: str, tls: str = "", more: str = "") -> str:
    return f"""
# One server at the address of the request's route. When it refuses the connection, the request goes to the
# second server, which answers with the hub's error page.
backend {name}
    balance roundrobin
    retries 1
    option redispatch 1
    use-server user if TRUE
    {more}
    server user 0.0.0.0:0 {_idle()} pool-low-conn 1000 {tls}
    server dead unix@{DEAD_SOCKET_NAME}
"""


def _kept() -> str:
    return f"""
# As above. When there is no answer, the second server sends the request again, on a new connection to the
# same address, which the PROXY protocol tells it.
backend {KEPT}
    balance roundrobin
    retries 1
    option redispatch 1
    retry-on conn-failure empty-response
    use-server user if TRUE
    server user 0.0.0.0:0 {_idle(SERVER_IDLE_CONNECTIONS)} pool-low-conn 1000
    server again unix@{AGAIN_SOCKET_NAME} send-proxy-v2
"""


_CLOSE: Final = "option http-server-close"


def _secure(tls: TargetTLS | None) -> list[str]:
    if tls is None:
        return []
    return [_direct(SECURE, options_for_any()), _direct(SECURE_ONCE, options_for_any(), _CLOSE)]


def _pool(listener: Listener, name: str, addresses: Sequence[Address]) -> str:
    followed = ERRORS if name == HUBS else ""
    checks = "" if followed else _CHECK.format(path=word(listener.check_path))
    options = options_for_hubs(listener.tls) if followed else _CHECKED
    return f"""
backend {name}
    balance roundrobin
{checks}
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response
    http-request disable-l7-retry unless METH_GET
    default-server {_idle()} {options}
{_hub_lines(listener, addresses, ERRORS) if followed else server_lines(addresses)}
"""


_CHECK: Final = """
    option httpchk HEAD {path}
    http-check expect rstatus ^[1-5]
    timeout check 3s
""".strip("\n")
"""Any response counts as alive. A suspended process still accepts connections, but does not respond. Interval
and timeout together are 5 seconds; each check costs the hub a millisecond of CPU."""

_CHECKED: Final = (
    "check inter 2s fastinter 200ms downinter 200ms fall 1 rise 1 "
    "observe layer4 error-limit 1 on-error fastinter"
)
"""A refused connection brings the next check forward: no request is retried for long without a hub."""


def _internal(listener: Listener, name: str, address: str, options: str, rules: str) -> str:
    """Return a frontend for requests from HAProxy itself."""
    owner = f" user {word(listener.user)}" if listener.user else ""
    return f"""
frontend {name}
    bind {address}{owner} mode 600 {options}
{pages.frontend_lines()}
    {rules}
"""


_DEAD: Final = f"""
    http-request set-var(txn.status) int(503)
    default_backend {ERRORS}
""".strip()


def _errors(listener: Listener, addresses: Sequence[Address]) -> str:
    ask_hub = _ASK_HUB.format(path=in_format(listener.error_path)) if listener.error_path else _NO_HUB
    return f"""
backend {ERRORS}
    balance roundrobin
    retries 2
    option redispatch 1
{pages.unreachable_line()}
    http-request set-var(txn.status) int(404) unless {{ var(txn.status) -m found }}
    http-after-response set-status 404 if {{ var(txn.status) -m int 404 }}
    http-after-response set-status 503 if {{ var(txn.status) -m int 503 }}
{_CHECK.format(path=word(listener.check_path))}
{ask_hub}
    default-server {_idle()} {_CHECKED} {options_for_hubs(listener.tls)}
{_hub_lines(listener, addresses)}
"""


def _hub_lines(listener: Listener, addresses: Sequence[Address], follow: str = "") -> str:
    """Return the server lines of a pool of hubs: the hub's Unix socket, or slots for addresses."""
    if not listener.hub_socket:
        return server_lines(addresses, follow=follow)
    track = f" track {follow}/t1" if follow else ""
    return f"    server t1 unix@{word(listener.hub_socket)}{track}"


_ASK_HUB: Final = """
    http-request set-method GET
    http-request del-header Cookie
    http-request del-header Authorization
    http-request del-header Upgrade
    http-request set-var(txn.asked) pathq
    http-request set-query url=%[var(txn.asked),url_enc]
    http-request set-path {path}/%[var(txn.status)]
""".strip("\n")

_NO_HUB: Final = "    http-request deny deny_status 503"


_ACTIVITY: Final = f"""
backend {TABLE}
    stick-table type string len 24 size 200k expire {ACTIVITY_DAYS}d store bytes_in_cnt,bytes_out_cnt
"""
