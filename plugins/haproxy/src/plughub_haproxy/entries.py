"""Entries of HAProxy's map: a prefix as key; backend, address, id, what belongs to the route as value.

Behind that the value has the name that a target at ``https://`` must show, and how the prefix is spelled.

Keys are percent-encoded in one canonical way, the one of HAProxy's converter ``url_enc``: every byte but
``A-Z a-z 0-9 - . _ ~``. So a key is plain ASCII without spaces, whatever a user is called, and a prefix of
the encoded text is a prefix of the text.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote, unquote_to_bytes

from plughub_haproxy.tls import certified_name

DIRECT: Final = "direct"
"""The backend that connects to the address of the entry."""

SECURE: Final = "secure"
"""The same by TLS."""

MAX_VALUE_BYTES: Final = 16 * 1024
_SEPARATOR: Final = "|"
_PLAIN_PREFIX: Final = re.compile(r"[A-Za-z0-9_.~@!$&'()*+,;:=%/-]+")

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """A route as HAProxy keeps it.

    Attributes:
        routespec: as it was added.
        target: the address, as it was added.
        data: what belongs to the route.
        more_targets: further addresses, as they were added.
        addresses: where the targets are: IP address and port of each.
        backend: `DIRECT` or `SECURE`, or the pool that serves several targets.
    """

    routespec: str
    target: str
    data: Mapping[str, Any]
    more_targets: tuple[str, ...]
    addresses: tuple[Address, ...]
    backend: str = DIRECT

    @property
    def key(self) -> str:
        """The key in the map."""
        return key_of(self.routespec)

    @property
    def activity_id(self) -> str:
        """The key in the table of activity."""
        return activity_id(self.key)

    @property
    def is_secure(self) -> bool:
        """Whether the target is reached by TLS."""
        return self.target.startswith("https://")

    @property
    def value(self) -> str:
        """The value in the map.

        Raises:
            ValueError: there is too much data.
        """
        more = {
            "routespec": self.routespec,
            "target": self.target,
            "data": dict(self.data),
            "more": self.more_targets,
            "at": self.addresses,
        }
        text = quote(json.dumps(more, separators=(",", ":")), safe="")
        if len(text) > MAX_VALUE_BYTES:
            raise ValueError(f"the data of route {self.routespec!r} is longer than {MAX_VALUE_BYTES} bytes")
        ip, port = self.addresses[0]
        name = certified_name(self.target) if self.is_secure else ""
        fields = [self.backend, ip, str(port), self.activity_id, text, name, *self._spelling]
        return _SEPARATOR.join(fields)

    @property
    def _spelling(self) -> tuple[str, str]:
        """The prefix as servers know it, without its last slash; and its depth, 2 for ``/user/ada``."""
        path = self.routespec[self.routespec.index("/") :].removesuffix("/")
        good = _PLAIN_PREFIX.fullmatch(path) and "%2f" not in path.lower()
        return (quote(path, safe=""), str(path.count("/"))) if good else ("", "0")


def read_value(value: str) -> Entry | None:
    """Read a value of the map.

    Args:
        value: as HAProxy shows it.

    Returns:
        The entry; None when the value is not one of ours, or torn.
    """
    try:
        backend, _, _, _, text, *_ = value.split(_SEPARATOR)
        more = json.loads(unquote(text))
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


def key_of(routespec: str) -> str:
    """Give the key of a routespec.

    Args:
        routespec: ``/path/`` or ``host/path/``; percent-encoded or not, both are the same route.

    Returns:
        The key.
    """
    host, slash, path = routespec.partition("/")
    return quote(host.lower(), safe="") + quote(unquote_to_bytes(slash + path), safe="")


def activity_id(key: str) -> str:
    """Give the short name under which the activity of a route is kept.

    Args:
        key: of the map.

    Returns:
        Hexadecimal digits.
    """
    return hashlib.sha256(key.encode()).hexdigest()[:20]
