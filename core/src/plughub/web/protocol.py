"""The names and numbers of the wire protocol that single-user servers and clients know."""

from __future__ import annotations

from typing import Final

PROTOCOL_VERSION: Final = "6.1.1"
"""The version of JupyterHub whose protocol is spoken. Single-user servers compare it with their own and
clients choose by it what they ask for, so it is not the version of this hub."""

VERSION_HEADER: Final = "X-JupyterHub-Version"
LOGIN_COOKIE: Final = "jupyterhub-hub-login"
SESSION_COOKIE: Final = "jupyterhub-session-id"
XSRF_COOKIE: Final = "_xsrf"
OLD_SERVICES_COOKIE: Final = "jupyterhub-services"
"""Only ever cleared."""
