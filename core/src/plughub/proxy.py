"""Public names for proxies.

::

    from plughub.proxy import Proxy

    class MyProxy(Proxy):
        async def add_route(self, routespec, target, data): ...
        async def delete_route(self, routespec): ...
        async def get_all_routes(self): ...

`HAProxyProxy` (distribution ``plughub-haproxy``) and `ConfigurableHTTPProxy` (``plughub-chp``) can be
imported from here as well if they are installed.
"""

from typing import TYPE_CHECKING

from plughub.classes.proxy.proxy import Proxy
from plughub.kinds import ProxySettings, Route
from plughub.plugin.plugin_classes import import_plugin_class

__all__ = ["Proxy", "ProxySettings", "Route"]

if not TYPE_CHECKING:  # hidden, so that type checkers still report misspelt names

    def __getattr__(name: str) -> type:
        return import_plugin_class(__name__, name)
