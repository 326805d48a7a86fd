"""Headers that every answer carries, made once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tornado.web import RequestHandler

from plughub.web.context import WebContext
from plughub.web.protocol import PROTOCOL_VERSION, VERSION_HEADER

HSTS: Final = "Strict-Transport-Security"
CSP: Final = "Content-Security-Policy"
CLEAR: Final = "Clear-Site-Data"
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
STORAGE: Final = '"storage"'
"""Service workers, and what scripts have stored; no cookies. Browsers obey by https and on localhost."""


def allowed_methods(handler: RequestHandler) -> str:
    """Name the methods that an address takes, for the header ``Allow``.

    Args:
        handler: of a request with another method.

    Returns:
        Methods with commas between them.
    """
    missing = {
        method
        for method in METHODS
        if getattr(type(handler), method.lower()) is getattr(RequestHandler, method.lower())
    }
    if "GET" in missing:
        missing.add("HEAD")
    return ", ".join(method for method in METHODS if method not in missing | {handler.request.method})


def page_headers(context: WebContext) -> Mapping[str, str]:
    """Give the headers of pages.

    Args:
        context: of the hub.

    Returns:
        Headers by name; those that the administrator set win.
    """
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
    """Give the headers of API answers.

    Args:
        context: of the hub.

    Returns:
        Headers by name.
    """
    pages = page_headers(context)
    strict = {} if CSP in context.options.headers else {CSP: f"{pages[CSP]}; default-src 'none'"}
    return {**pages, **strict, "Content-Type": "application/json"}
