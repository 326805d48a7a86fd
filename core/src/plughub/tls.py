"""Certificates between hub, proxy, services and servers, used if ``JupyterHub.internal_ssl`` is set."""

from plughub.classes.tls.certificates import (
    HUB,
    HUB_PARTY,
    LOCAL_NAMES,
    NOTEBOOKS,
    PROXY_API,
    PROXY_CLIENT,
    SERVICES,
    CertificateFolder,
)
from plughub.kinds import TLSFiles

__all__ = [
    "HUB",
    "HUB_PARTY",
    "LOCAL_NAMES",
    "NOTEBOOKS",
    "PROXY_API",
    "PROXY_CLIENT",
    "SERVICES",
    "CertificateFolder",
    "TLSFiles",
]
