"""The handlers of all addresses, in lookup order, and the web application made of them."""

from __future__ import annotations

import functools
import re
from typing import Any

from tornado.routing import URLSpec

from plughub.web.api.base import UnknownHandler
from plughub.web.api.calls import pattern_of
from plughub.web.api.openapi import PATH, OpenAPIHandler, describe
from plughub.web.api_routes import API, CALLS
from plughub.web.application import HubApplication
from plughub.web.context import WebContext
from plughub.web.page_routes import PAGES
from plughub.web.pages import root, small_pages
from plughub.web.plugin_pages import LOGIN, login_page


def make_application(context: WebContext) -> HubApplication:
    """Create the web application with all its routes."""
    return HubApplication(context, routes(context), small_pages.RespelledHandler)


def routes(context: WebContext) -> list[Any]:
    """Return the routes in lookup order; those of plugins precede the catch-all routes."""
    base = re.escape(context.services.settings.base_url)
    below = re.escape(context.services.settings.hub_prefix.rstrip("/"))
    plugins = [page.route(below) for page in context.pages]
    instead = login_page(context.login_methods, context.pages)
    # Describing all calls takes 10 ms and few hubs are asked for it.
    document = functools.cache(lambda: describe(CALLS, f"{context.services.settings.hub_prefix}api"))
    return [
        *([instead.route(below, LOGIN)] if instead else []),
        *_own_routes(below),
        URLSpec(below + PATH, OpenAPIHandler, {"document": document}),
        *plugins,
        URLSpec(rf"{below}/api/(.*)", UnknownHandler),
        URLSpec(rf"{below}/(.*)", root.NotFoundHandler),
        *([URLSpec(base[:-1], root.SlashHandler)] if context.services.settings.base_url != "/" else []),
        URLSpec(rf"{base}favicon\.ico", small_pages.FaviconHandler),
        URLSpec(rf"{base}(?!hub/)(.*)", root.PrefixHandler),
    ]


@functools.lru_cache(maxsize=4)
def _own_routes(below: str) -> tuple[URLSpec, ...]:
    """Return the routes of the API and of the pages; their patterns are shared by all hubs of a process."""
    # Routes are tried in order, so the most requested ones come first.
    api = [(pattern_of(path), handler) for path, handler in API]
    return tuple(URLSpec(below + pattern, handler) for pattern, handler in (*api, *PAGES))
