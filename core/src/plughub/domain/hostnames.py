"""Unique host names below the hub's own for users and services."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

import idna

HostHook = Callable[[str, str, str], str]
"""Function from a name, the host of the hub and ``user`` or ``service`` to a host name."""

MAX_LABEL: Final = 63
MAX_HOST: Final = 253
SERVICE: Final = "service"
USER: Final = "user"
_SERVICE_SUFFIX: Final = "--service"
_LEGACY_SERVICES: Final = "services"
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_LEGACY_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")
_HOST: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_HASHED: Final = re.compile(r"u-[a-z0-9]{1,8}--[0-9a-f]{32}")
_HASH_DIGITS: Final = 32
_STUB: Final = 8
_RESERVED: Final = frozenset(
    {"autoconfig", "autodiscover", "isatap", "localhost", "mta-sts", "www", "wpad", _LEGACY_SERVICES}
)
"""Labels that browsers and mail programs use for discovery."""


def idna_host(name: str, domain: str, kind: str) -> str:
    """Return the host of a user or service as JupyterHub's hook ``idna`` does.

    A name that is a DNS label is used unchanged, and a name in another script is encoded by IDNA 2008. Every
    other name, and each name that could be mistaken for an encoded one, becomes its safe characters and 128
    bits of its hash.

    Args:
        name: normalised name.
        domain: host of the hub.
        kind: ``user`` or ``service``.
    """
    if kind == SERVICE:
        label = _plain(name, MAX_LABEL - len(_SERVICE_SUFFIX))
        # "xn--service" would be read as an encoded name.
        label = label if label and label != "xn" else _hashed(name)
        return f"{label}{_SERVICE_SUFFIX}.{domain}"
    return f"{_plain(name) or _encoded(name) or _hashed(name)}.{domain}"


def legacy_host(name: str, domain: str, kind: str) -> str:
    """Return the host of a user or service as JupyterHub's hook ``legacy`` does.

    All services share one host. Unlike in JupyterHub, a name with a dot stays one label, because the owner of
    a host may set cookies for all hosts below it.

    Args:
        name: normalised name.
        domain: host of the hub.
        kind: ``user`` or ``service``.
    """
    if kind == SERVICE:
        return f"{_LEGACY_SERVICES}.{domain}"
    quoted = quote(name, safe="").lower()
    label = "".join(sign if sign.isalnum() or sign in "-%" else f"%{ord(sign):x}" for sign in quoted)
    label = label.replace("%", "_")
    good = len(label) <= MAX_LABEL and _LEGACY_LABEL.fullmatch(label) and label not in _RESERVED
    # "xn--…" is read as an encoded name, and a name must not look like the hash of another.
    good = good and not label.startswith("xn--") and not _HASHED.fullmatch(label)
    return f"{label if good else _hashed(name)}.{domain}"


def is_host_name(host: str) -> bool:
    """Return whether a text is a lower-case host name without a port."""
    return _HOST.fullmatch(host) is not None


def _plain(name: str, longest: int = MAX_LABEL) -> str:
    """Return the name if it is a label that cannot be mistaken for another form, otherwise an empty text."""
    good = len(name) <= longest and _LABEL.fullmatch(name) and "--" not in name and not name.isdecimal()
    return name if good and name not in _RESERVED else ""


def _encoded(name: str) -> str:
    """Return the IDNA 2008 encoding of the name if it is reversible, otherwise an empty text."""
    if name.isascii() or "." in name:
        return ""
    try:
        label = idna.alabel(name).decode("ascii")
        back = idna.ulabel(label)
    except (idna.IDNAError, UnicodeError):
        return ""
    return label if back == name and len(label) <= MAX_LABEL else ""


def _hashed(name: str) -> str:
    stub = "".join(sign for sign in name if sign.isascii() and sign.isalnum()).lower()[:_STUB] or "x"
    return f"u-{stub}--{hashlib.sha256(name.encode()).hexdigest()[:_HASH_DIGITS]}"
