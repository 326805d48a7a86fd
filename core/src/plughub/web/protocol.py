"""Names and version of the wire protocol that single-user servers and clients rely on."""

from __future__ import annotations

from typing import Final

PROTOCOL_VERSION: Final = "6.1.1"
"""Version of JupyterHub whose protocol the hub implements. Single-user servers compare it with their own
version, and clients choose their requests by it, so it is not the version of this hub."""

VERSION_HEADER: Final = "X-JupyterHub-Version"
LOGIN_COOKIE: Final = "jupyterhub-hub-login"
SESSION_COOKIE: Final = "jupyterhub-session-id"
XSRF_COOKIE: Final = "_xsrf"
OLD_SERVICES_COOKIE: Final = "jupyterhub-services"
"""The hub never sets this cookie, it only clears it at logout."""
