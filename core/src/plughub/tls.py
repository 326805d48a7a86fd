"""Certificates between hub, proxy, services and servers, made when ``JupyterHub.internal_ssl`` is on."""

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
