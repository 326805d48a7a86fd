"""The module that the hub loads for ``--plugins haproxy``."""

from __future__ import annotations

from plughub import hookimpl
from plughub_haproxy.proxy import HAProxyProxy

hub_contract = "1.0"


@hookimpl
def hub_register_proxy() -> type[HAProxyProxy]:
    """Offer HAProxy."""
    return HAProxyProxy
