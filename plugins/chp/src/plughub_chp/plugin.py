"""The module that the hub loads for ``--plugins chp``."""

from __future__ import annotations

from plughub import hookimpl
from plughub_chp.proxy import ConfigurableHTTPProxy

hub_contract = "1.0"


@hookimpl
def hub_register_proxy() -> type[ConfigurableHTTPProxy]:
    """Return `ConfigurableHTTPProxy`."""
    return ConfigurableHTTPProxy
