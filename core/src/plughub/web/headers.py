"""Response headers, built once for all pages and once for all API calls."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from typing import Final

import tornado
from tornado.httputil import HTTPHeaders, format_timestamp
from tornado.web import RequestHandler

from plughub.web.context import WebContext
from plughub.web.protocol import PROTOCOL_VERSION, VERSION_HEADER

HSTS: Final = "Strict-Transport-Security"
CSP: Final = "Content-Security-Policy"
CLEAR: Final = "Clear-Site-Data"
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
STORAGE: Final = '"storage"'
"""Service workers and script storage, but no cookies. Browsers honour the header over https and on
localhost."""


def allowed_methods(handler: RequestHandler) -> str:
    """Return the methods that the address supports, for the header ``Allow``."""
    missing = {
        method
        for method in METHODS
        if getattr(type(handler), method.lower()) is getattr(RequestHandler, method.lower())
    }
    if "GET" in missing:
        missing.add("HEAD")
    return ", ".join(method for method in METHODS if method not in missing | {handler.request.method})


def tornado_headers() -> HTTPHeaders:
    """Return the headers with which tornado begins each response; the date is formatted once a second."""
    return HTTPHeaders(
        {
            "Server": f"TornadoServer/{tornado.version}",
            "Content-Type": "text/html; charset=UTF-8",
            "Date": _date(int(time.time())),
        }
    )


@functools.lru_cache(maxsize=1)
def _date(second: int) -> str:
    return format_timestamp(second)


def has_own_policy(headers: Mapping[str, str]) -> bool:
    """Return whether the administrator's headers contain a content security policy, in any spelling."""
    return any(name.lower() == CSP.lower() for name in headers)


def page_headers(context: WebContext) -> Mapping[str, str]:
    """Return the headers of pages; the administrator's settings take precedence."""
    report = f"report-uri {context.services.settings.hub_prefix}security/csp-report"
    return {
        VERSION_HEADER: PROTOCOL_VERSION,
        CSP: f"frame-ancestors 'none'; {report}",
        "Access-Control-Allow-Headers": "accept, content-type, authorization",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        **context.options.headers,
    }


def api_headers(context: WebContext) -> Mapping[str, str]:
    """Return the headers of API responses."""
    pages = page_headers(context)
    strict = {} if has_own_policy(context.options.headers) else {CSP: f"{pages[CSP]}; default-src 'none'"}
    return {**pages, **strict, "Content-Type": "application/json"}
