"""The web application: tornado settings, admission of requests, and the access log."""

from __future__ import annotations

import logging
import re
from typing import Any, Final
from weakref import WeakSet

from tornado.httputil import HTTPServerRequest
from tornado.web import Application, RequestHandler

from plughub.domain.paths import respell
from plughub.domain.secrets import scrub
from plughub.services.observability.log_rate_limit import unauthenticated_address
from plughub.web.body_gate import BodyGate
from plughub.web.body_memory import BodyMemory
from plughub.web.connections import Connections
from plughub.web.context import WebContext
from plughub.web.forwarded_headers import apply_forwarded
from plughub.web.headers import api_headers, page_headers
from plughub.web.languages import choose_language, current_language
from plughub.web.listener import read_ahead
from plughub.web.peers import TrustedPeers
from plughub.web.static import FURTHER_STATIC, STATIC, HubStaticHandler
from plughub.web.templates import Templates

_SHOWN: Final = 200
_IN_PATH: Final = re.compile(r"(/authorizations/(?:token|cookie/[^/?]*)/)[^?]+")
"""Secrets that some older API calls carry in the path."""
_ROUTINE: Final = frozenset({"health", "metrics", "logo"})
"""Pages that are requested all the time, as paths below the hub's prefix; successes are logged at level
DEBUG."""
_CLIENT_ERROR: Final = 400
_SERVER_ERROR: Final = 500


class HubApplication(Application):
    """The hub's web application.

    Args:
        context: what handlers work with.
        rules: the routes in lookup order.
        respelled: the handler that redirects to the hub's own spelling of a page's address.
    """

    def __init__(self, context: WebContext, rules: list[Any], respelled: type[RequestHandler]) -> None:
        self.context = context
        self._respelled = respelled
        self.log = logging.getLogger("plughub.web")
        self.page_headers = page_headers(context)
        self.api_headers = api_headers(context)
        self._base = context.services.settings.base_url
        self._prefix = context.services.settings.hub_prefix
        self._api = f"{self._prefix}api"
        super().__init__(
            rules,
            cookie_secret=context.cookie_secret,
            xsrf_cookies=True,
            static_path=str(STATIC),
            static_url_prefix=f"{self._prefix}static/",
            static_handler_class=HubStaticHandler,
            login_url=f"{self._prefix}login",
        )
        self.settings[FURTHER_STATIC] = tuple(map(str, context.static_folders))
        self.templates = Templates(context, self.settings)
        bodies = BodyMemory(longest=context.options.spawn_form_limit)
        self.connections = Connections(context.options.max_connections, bodies, read_ahead)
        self._peers = TrustedPeers(context.options.trusted_downstream_ips, context.options.proxy_users)
        self._host_header = context.options.forwarded_host_header
        self._requests: WeakSet[HTTPServerRequest] = WeakSet()

    @property
    def open_requests(self) -> int:
        """Return the number of requests without a response."""
        return len(self._requests)

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """Return the delegate for a request, behind a gate that admits its body."""
        self._requests.add(request)
        apply_forwarded(request, self._peers, self._host_header)
        unauthenticated_address.set(request.remote_ip or "")
        current_language.set(choose_language(request.headers.get("Accept-Language", "")))
        sent = request.uri or ""
        request.uri = respell(sent, self._base)
        request.path = request.uri.partition("?")[0]
        if request.uri != sent and _opens_page(request):
            # Browsers store the hub's cookies for one spelling of the base URL only.
            return BodyGate(self, request, self.get_handler_delegate(request, self._respelled))
        return BodyGate(self, request, super().find_handler(request, **kwargs))

    def log_request(self, handler: RequestHandler) -> None:
        """Log a response in one line; routine requests only at level DEBUG."""
        self._requests.discard(handler.request)
        status, seconds = handler.get_status(), handler.request.request_time()
        method = handler.request.method or ""
        self.context.metrics.observe_request(method, type(handler), status, seconds)
        level = (
            logging.ERROR
            if status >= _SERVER_ERROR
            else logging.WARNING
            if status >= _CLIENT_ERROR
            else logging.INFO
        )
        if status < _CLIENT_ERROR and self._is_routine(handler.request):
            level = logging.DEBUG
        if self.log.isEnabledFor(level):
            name = getattr(getattr(handler, "principal", None), "name", "")
            self.log.log(
                level, "%d %s (%s@%s) %.1f ms", status, self.describe(handler.request), name,
                handler.request.remote_ip, 1000 * seconds,
            )  # fmt: skip

    def describe(self, request: HTTPServerRequest) -> str:
        """Return method and address of a request for a log line, shortened and without secrets."""
        uri = scrub(_IN_PATH.sub(r"\1[hidden]", (request.uri or "")[:_SHOWN]))
        return f"{request.method} {uri.encode('unicode_escape').decode()}"

    def _is_routine(self, request: HTTPServerRequest) -> bool:
        path = request.path
        if path == self._api or path.startswith(f"{self._api}/"):
            return request.method in {"GET", "HEAD"} or path.endswith("/activity")
        page = path.removeprefix(self._prefix)
        return path.startswith(self._prefix) and (page in _ROUTINE or page.startswith("static/"))


def _opens_page(request: HTTPServerRequest) -> bool:
    return request.method in {"GET", "HEAD"} and "text/html" in request.headers.get("Accept", "")
