"""Frozen records that hooks take and return, with one module for each kind of plugin."""

from plughub.domain.events import Event, EventKind
from plughub.domain.routes import Route
from plughub.kinds.authenticator import (
    Identity,
    Login,
    LoginMethod,
    ManagedRole,
    Refusal,
    Rejected,
    RequestInfo,
)
from plughub.kinds.hub import Command, HubContext, Page, Visitor
from plughub.kinds.profiles import Profile
from plughub.kinds.proxy import ProxyInfo, ProxySettings
from plughub.kinds.spawner import (
    ActiveServers,
    Diagnosis,
    Endpoint,
    Found,
    Moved,
    Progress,
    Resumable,
    Server,
    SpawnerInfo,
    SpawnFailed,
    Usage,
    UserInfo,
    Watched,
)
from plughub.kinds.tls import TLSFiles
from plughub.kinds.tokens import TokenIdentity

__all__ = [
    "ActiveServers",
    "Command",
    "Diagnosis",
    "Endpoint",
    "Event",
    "EventKind",
    "Found",
    "HubContext",
    "Identity",
    "Login",
    "LoginMethod",
    "ManagedRole",
    "Moved",
    "Page",
    "Profile",
    "Progress",
    "ProxyInfo",
    "ProxySettings",
    "Refusal",
    "Rejected",
    "RequestInfo",
    "Resumable",
    "Route",
    "Server",
    "SpawnFailed",
    "SpawnerInfo",
    "TLSFiles",
    "TokenIdentity",
    "Usage",
    "UserInfo",
    "Visitor",
    "Watched",
]
