"""HAProxy as the proxy of plughub."""

from plughub_haproxy.proxy import HAProxyProxy

__all__ = ["HAProxyProxy"]
