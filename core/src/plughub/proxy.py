"""Public names for proxies.

::

    from plughub.proxy import Proxy

    class MyProxy(Proxy):
        async def add_route(self, routespec, target, data): ...
        async def delete_route(self, routespec): ...
        async def get_all_routes(self): ...

`HAProxyProxy` is part of the distribution ``plughub-haproxy``, `ConfigurableHTTPProxy` of ``plughub-chp``.
"""

from plughub.classes.proxy.proxy import Proxy
from plughub.kinds import ProxySettings, Route

__all__ = ["Proxy", "ProxySettings", "Route"]
