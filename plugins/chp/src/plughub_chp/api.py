"""Client of configurable-http-proxy's REST API.

Source:
    configurable-http-proxy 5.3, README section "REST API" and lib/configproxy.js.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse

_TIMEOUT: Final = 10.0
_MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024


class ProxyAPIError(Exception):
    """The proxy refused a request or did not answer.

    Args:
        message: what happened.
        status: HTTP status of the response; 0 if there was none.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class ProxyAPI:
    """Client of a running proxy.

    Args:
        url: URL of the API, without ``/api``.
        token: token of hub and proxy.
        concurrency: maximum number of concurrent requests.
        context: TLS context for https.
        is_proxy: called before each request to check that the proxy itself listens there; no other process
            may receive the token.
    """

    def __init__(
        self,
        url: str,
        token: str,
        concurrency: int,
        context: ssl.SSLContext | None = None,
        is_proxy: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._context = context
        self._is_proxy = is_proxy
        self._limit = asyncio.Semaphore(concurrency)
        self._client = AsyncHTTPClient(
            force_instance=True, max_clients=concurrency, max_body_size=_MAX_ANSWER_BYTES
        )

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    async def routes(self) -> dict[str, dict[str, Any]]:
        """Return the entries of all routes by path."""
        response = await self._request("GET", "")
        return await asyncio.to_thread(_read_table, response.body)

    async def has_route(self, path: str) -> bool:
        """Return whether a route exists, given its escaped path."""
        try:
            await self._request("GET", path)
        except ProxyAPIError as error:
            if error.status == 404:  # noqa: PLR2004 - HTTP
                return False
            raise
        return True

    async def put(self, path: str, entry: Mapping[str, Any]) -> None:
        """Add or change a route.

        Args:
            path: escaped path.
            entry: target and data.
        """
        await self._request("POST", path, json.dumps(entry))

    async def delete(self, path: str) -> None:
        """Delete a route if it exists, given its escaped path."""
        try:
            await self._request("DELETE", path or "/")  # without a path, the proxy does not answer
        except ProxyAPIError as error:
            if error.status != 404:  # noqa: PLR2004 - HTTP
                raise

    async def _request(self, method: str, path: str, body: str | None = None) -> HTTPResponse:
        request = HTTPRequest(
            f"{self._url}/api/routes{path}",
            method=method,
            headers={"Authorization": f"token {self._token}"},
            body=body,
            ssl_options=self._context,
            connect_timeout=_TIMEOUT,
            request_timeout=_TIMEOUT,
        )
        async with self._limit:
            if self._is_proxy is not None and not await self._is_proxy():
                raise ProxyAPIError(
                    f"the proxy does not listen at {self._url}; if another process does, stop it, or choose "
                    "another port (ConfigurableHTTPProxy.api_url)"
                )
            try:
                return await self._client.fetch(request)
            except HTTPClientError as error:
                raise ProxyAPIError(_reason(error, self._url), error.code) from error
            except OSError as error:
                raise ProxyAPIError(f"the proxy does not answer at {self._url}: {error}") from error


def _read_table(body: bytes) -> dict[str, dict[str, Any]]:
    table = json.loads(body)
    return {path: entry for path, entry in table.items() if isinstance(entry, dict)}


def _reason(error: HTTPClientError, url: str) -> str:
    if error.code == 403:  # noqa: PLR2004 - HTTP
        return f"the server at {url} refuses the token: it is another hub's proxy, or the token has changed"
    return f"the proxy at {url} answered {error.code}: {error.message}"
