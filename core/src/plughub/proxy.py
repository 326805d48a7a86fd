"""What the author of a proxy imports.

::

    from plughub.proxy import Proxy

    class MyProxy(Proxy):
        async def add_route(self, routespec, target, data): ...
        async def delete_route(self, routespec): ...
        async def get_all_routes(self): ...

`HAProxyProxy` comes with the distribution ``plughub-haproxy`` and `ConfigurableHTTPProxy` with
``plughub-chp``, because the core imports no plugin.
"""

from plughub.classes.proxy.proxy import Proxy
from plughub.kinds import ProxySettings, Route

__all__ = ["Proxy", "ProxySettings", "Route"]
