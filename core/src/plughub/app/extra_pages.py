"""Pages that the config file adds with ``extra_handlers``, and checks of the pages of authenticators."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any

from tornado.web import RequestHandler
from traitlets.utils.importstring import import_item

from plughub.classes.authenticator.authenticator import Authenticator
from plughub.domain.errors import StartError
from plughub.kinds import Page
from plughub.plugin.hook_calls import describe, failing_start
from plughub.web.base import BaseHandler
from plughub.web.plugin_pages import PluginPage, check_pages

log = logging.getLogger("plughub.app")
SETTING = "c.JupyterHub.extra_handlers"


def extra_pages(given: Iterable[Any]) -> tuple[Page, ...]:
    """Return the pages of ``extra_handlers``.

    Args:
        given: tuples of regular expression, handler and, optionally, its keyword arguments.

    Raises:
        StartError: one of them is invalid.
    """
    return tuple(_page(entry) for entry in given)


def warn_of_open_pages(pages: Iterable[Page]) -> None:
    """Log a warning for pages whose requests the hub does not authenticate."""
    names = [
        f"{page.path} ({page.handler.__name__})"
        for page in pages
        if not issubclass(page.handler, BaseHandler)
    ]
    if names:
        log.warning(
            "%s: the hub does not authenticate the requests of %s: derive the handlers from "
            "plughub.handlers.PageHandler, or authenticate the requests in the handlers themselves",
            SETTING,
            ", ".join(names),
        )


def check_login_pages(authenticators: Mapping[str, Authenticator]) -> None:
    """Check that no two authenticator classes have a page with the same path.

    Args:
        authenticators: by plugin.

    Raises:
        StartError: two classes have, or one cannot return its pages.
    """
    pages = []
    for plugin, authenticator in authenticators.items():
        with failing_start(plugin, "get_handlers"):
            for path, handler, *_ in authenticator.get_handlers(None):
                pages.append(PluginPage(plugin, Page(path=f"/{path.lstrip('/')}", handler=handler)))
    check_pages(pages)


def _page(entry: Any) -> Page:
    path, handler, *rest = entry if isinstance(entry, list | tuple) and len(entry) in {2, 3} else (None, None)
    options = rest[0] if rest else {}
    if not isinstance(path, str) or not isinstance(options, Mapping):
        raise StartError(f"{SETTING} must be a list of tuples (path, handler) or (path, handler, arguments)")
    try:
        re.compile(path)
    except re.error as error:
        raise StartError(f"{SETTING}: {path!r} is not a regular expression: {error}") from error
    return Page(path=f"/{path.lstrip('/')}", handler=_handler(handler), options=options)


def _handler(handler: Any) -> type:
    if isinstance(handler, str):
        try:
            handler = import_item(handler)
        except Exception as error:
            raise StartError(f"{SETTING}: {handler!r} cannot be imported: {describe(error)}") from error
    if not (isinstance(handler, type) and issubclass(handler, RequestHandler)):
        raise StartError(f"{SETTING}: {handler!r:.100} is not a class of request handlers")
    # A class that a config file makes with type() has no module.
    modules = [getattr(base, "__module__", "") for base in handler.__mro__]
    if any(module.partition(".")[0] == "jupyterhub" for module in modules):
        raise StartError(
            f"{SETTING}: {handler.__name__} is written for JupyterHub",
            hint="derive it from plughub.handlers.BaseHandler or plughub.handlers.APIHandler",
        )
    return handler
