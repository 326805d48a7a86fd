"""configurable-http-proxy as the proxy of plughub."""

from plughub_chp.proxy import ConfigurableHTTPProxy

__all__ = ["ConfigurableHTTPProxy"]
