"""Names of ``jupyterhub.scopes`` that use the hub's own scopes; the others are those of JupyterHub."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from plughub.domain.scopes import DEFINITIONS, ScopeFilter
from plughub.errors import ForbiddenError
from plughub.web.authorization import check_access
from plughub.web.base import BaseHandler
from plughub.web.pages.base import PageHandler
from plughub.web.xsrf import is_from_hub_page, is_from_other_origin
from plughub_jupyterhub.page_loop import at_home

__all__ = ["needs_scope"]


def needs_scope(*scopes: str, post_filter: bool = False) -> Callable[[Callable[..., Any]], Any]:  # noqa: ARG001 - as there
    """Require one of several scopes for what the arguments of a method name.

    Pages that need a scope are not opened by links of other sites, because those of some packages change
    something without a form.

    Args:
        scopes: names without filters.
        post_filter: as in JupyterHub; has no effect.

    Returns:
        A decorator for methods of handlers, whose arguments ``user_name``, ``server_name``, ``group_name``
        and ``service_name`` name the resource.

    Raises:
        ValueError: there is no such scope.
    """
    for scope in scopes:
        if scope not in DEFINITIONS:
            raise ValueError(f"Scope {scope} is not a valid scope")

    def decorate(method: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(method)

        @functools.wraps(method)
        async def checked(handler: BaseHandler, *path: Any, **named: Any) -> None:
            given = signature.bind(handler, *path, **named)
            given.apply_defaults()
            await at_home(check_access(handler, scopes, _resource(given.arguments)))
            if isinstance(handler, PageHandler):
                _refuse_links_of_other_sites(handler)
            answer = method(handler, *path, **named)
            if inspect.isawaitable(answer):
                await answer

        return checked

    return decorate


def _resource(arguments: Mapping[str, Any]) -> ScopeFilter | None:
    user, server = arguments.get("user_name"), arguments.get("server_name")
    if user is not None:
        return ScopeFilter.user(user) if server is None else ScopeFilter.server(user, server)
    if (group := arguments.get("group_name")) is not None:
        return ScopeFilter.group(group)
    if (service := arguments.get("service_name")) is not None:
        return ScopeFilter.service(service)
    return None


def _refuse_links_of_other_sites(page: PageHandler) -> None:
    request = page.request
    referred = "Sec-Fetch-Site" not in request.headers and "Referer" in request.headers
    if is_from_other_origin(request) or (referred and not is_from_hub_page(request)):
        raise ForbiddenError(
            "A link of another site led to this page.",
            hint="Open it from a page of the hub, or type its address.",
        )
