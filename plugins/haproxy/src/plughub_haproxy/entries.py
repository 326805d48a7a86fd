"""Entries of HAProxy's map: the prefix of a route as key; backend, address, id and data of the route as
value.

A value ends with the name that a target at ``https://`` must present, and the spelling of the prefix.

Keys are percent-encoded in one canonical form, that of HAProxy's converter ``url_enc``: every byte except
``A-Z a-z 0-9 - . _ ~``. So a key is plain ASCII without spaces, whatever the user's name, and a prefix of
the encoded text is a prefix of the text.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, unquote, unquote_to_bytes

from plughub_haproxy.tls import certificate_name

DIRECT: Final = "direct"
"""The backend that connects to the address of the entry over plain HTTP."""

SECURE: Final = "secure"
"""The backend that connects to the address of the entry over TLS."""

MAX_VALUE_BYTES: Final = 16 * 1024
_SEPARATOR: Final = "|"
_PLAIN_PREFIX: Final = re.compile(r"[A-Za-z0-9_.~@!$&'()*+,;:=%/-]+")

Address = tuple[str, int]

HUB_SOCKET: Final[Address] = ("socket", 0)
"""Stands for the Unix socket of the hub. Its path is in the configuration file: no runtime command sets it.
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A route as stored in HAProxy.

    Attributes:
        routespec: routespec, as it was added.
        target: target, as it was added.
        data: data of the route.
        more_targets: further targets, as they were added.
        addresses: IP address and port of each target.
        backend: `DIRECT` or `SECURE`, or the pool of a route with several targets.
    """

    routespec: str
    target: str
    data: Mapping[str, Any]
    more_targets: tuple[str, ...]
    addresses: tuple[Address, ...]
    backend: str = DIRECT

    @property
    def key(self) -> str:
        """Key in the map."""
        return key_of(self.routespec)

    @property
    def activity_id(self) -> str:
        """Key in the activity table."""
        return activity_id(self.key)

    @property
    def is_secure(self) -> bool:
        """Return whether the target is reached over TLS."""
        return self.target.startswith("https://")

    @property
    def value(self) -> str:
        """Value in the map.

        Raises:
            ValueError: the data is too large.
        """
        more = {
            "routespec": self.routespec,
            "target": self.target,
            "data": dict(self.data),
            "more": self.more_targets,
            "at": self.addresses,
        }
        text = urlsafe_b64encode(json.dumps(more, separators=(",", ":")).encode()).decode()
        if len(text) > MAX_VALUE_BYTES:
            raise ValueError(f"the data of route {self.routespec!r} is longer than {MAX_VALUE_BYTES} bytes")
        ip, port = self.addresses[0]
        name = certificate_name(self.target) if self.is_secure else ""
        fields = [self.backend, ip, str(port), self.activity_id, text, name, *self._spelling]
        return _SEPARATOR.join(fields)

    @property
    def _spelling(self) -> tuple[str, str]:
        """The prefix as servers spell it, without its last slash, and its depth: 2 for ``/user/ada``."""
        path = self.routespec[self.routespec.index("/") :].removesuffix("/")
        good = _PLAIN_PREFIX.fullmatch(path) and "%2f" not in path.lower()
        return (quote(path, safe=""), str(path.count("/"))) if good else ("", "0")


def read_value(value: str) -> Entry | None:
    """Parse a value of the map; None for a value of another origin, or a truncated one."""
    try:
        backend, _, _, _, text, *_ = value.split(_SEPARATOR)
        # A HAProxy that an earlier version started has it percent-encoded, which takes longer to read.
        more = json.loads(unquote(text) if text.startswith("%") else urlsafe_b64decode(text))
        return Entry(
            routespec=more["routespec"],
            target=more["target"],
            data=more["data"],
            more_targets=tuple(more["more"]),
            addresses=tuple((ip, port) for ip, port in more["at"]),
            backend=backend,
        )
    except (ValueError, KeyError, TypeError):
        return None


def described(entry: Entry, last_activity: datetime | None) -> dict[str, Any]:
    """Return a route in the format of `Proxy.get_all_routes`."""
    return {
        "routespec": entry.routespec,
        "target": entry.target,
        "data": dict(entry.data),
        "more_targets": entry.more_targets,
        "last_activity": last_activity,
    }


def key_of(routespec: str) -> str:
    """Return the key of a routespec; percent-encoded or not, the key is the same."""
    host, slash, path = routespec.partition("/")
    return quote(host.lower(), safe="") + quote(unquote_to_bytes(slash + path), safe="")


def activity_id(key: str) -> str:
    """Return the short id of a route in the activity table."""
    return hashlib.sha256(key.encode()).hexdigest()[:20]
