"""Names of ``jupyterhub.scopes`` that use the hub's own scopes; the others are those of JupyterHub."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any

from plughub import handlers
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
    known = sys.modules["jupyterhub.scopes"].scope_definitions
    for scope in scopes:
        if scope not in known:
            raise ValueError(f"Scope {scope} is not a valid scope")

    def decorate(method: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(method)

        @functools.wraps(method)
        async def checked(handler: Any, *path: Any, **named: Any) -> None:
            given = signature.bind(handler, *path, **named)
            given.apply_defaults()
            resource = _resource(given.arguments)
            await at_home(handlers.needs_scope(*scopes, about=lambda *_path: resource)(_pass)(handler))
            if isinstance(handler, handlers.PageHandler) and handler.is_from_elsewhere:
                raise handlers.ForbiddenError(
                    "A link of another site led to this page.",
                    hint="Open it from a page of the hub, or type its address.",
                )
            answer = method(handler, *path, **named)
            if inspect.isawaitable(answer):
                await answer

        return checked

    return decorate


async def _pass(_handler: Any) -> None:
    """Do nothing: the decorator has checked the request."""


def _resource(arguments: Mapping[str, Any]) -> Any:
    user, server = arguments.get("user_name"), arguments.get("server_name")
    if user is not None:
        return handlers.of_user(user) if server is None else handlers.of_server(user, server)
    if (group := arguments.get("group_name")) is not None:
        return handlers.of_group(group)
    if (service := arguments.get("service_name")) is not None:
        return handlers.of_service(service)
    return None
