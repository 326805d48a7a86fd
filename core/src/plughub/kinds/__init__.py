"""What goes in and out of the hooks: plain frozen records, one module for each kind of plugin."""

from plughub.domain.events import Event, EventKind
from plughub.domain.routes import Route
from plughub.kinds.authenticator import Identity, Login, LoginMethod, Refusal, Rejected
from plughub.kinds.hub import Command, HubContext, Page
from plughub.kinds.proxy import ProxySettings
from plughub.kinds.spawner import Endpoint, Found, Progress, Server, SpawnerInfo, SpawnFailed, UserInfo
from plughub.kinds.tokens import TokenIdentity

__all__ = [
    "Command",
    "Endpoint",
    "Event",
    "EventKind",
    "Found",
    "HubContext",
    "Identity",
    "Login",
    "LoginMethod",
    "Page",
    "Progress",
    "ProxySettings",
    "Refusal",
    "Rejected",
    "Route",
    "Server",
    "SpawnFailed",
    "SpawnerInfo",
    "TokenIdentity",
    "UserInfo",
]
