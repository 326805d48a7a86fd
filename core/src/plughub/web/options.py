"""How the web behaves, as the configuration wants it: what no service has to know of."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from tornado.httputil import HTTPServerRequest

from plughub.domain.errors import HubError
from plughub.domain.users import User
from plughub.web.connections import MAX_CONNECTIONS
from plughub.web.errors import SPEAKING

if TYPE_CHECKING:
    from plughub.web.base import BaseHandler

RedirectHook = Callable[[str, HTTPServerRequest, User, str], Any]
PAGE_LIMIT: Final = 50
MAX_PAGE_LIMIT: Final = 200
SPAWN_FORM_LIMIT: Final = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class WebOptions:
    """How the web behaves.

    Attributes:
        redirect_to_server: who has logged in is sent to the default server, not to the home page.
        default_url: where to send who has logged in, instead of that: a text, or a function of the handler.
        user_redirect_hook: function of path, request, user and base URL that says where ``user-redirect``
            leads; what it answers may be awaited, None is for as usual.
        user_redirect_limit: how often a browser is sent to a server before that is taken for a loop.
        default_server_name: named server to which ``user-redirect`` leads; empty for the default one.
        named_server_limit: function of the handler that says how many named servers are allowed; None for
            what the settings say. What it answers may be awaited.
        stop_on_logout: the servers of who logs out are stopped.
        implicit_spawn_seconds: after how long who opens a server that does not run is sent to start it; 0 for
            never. A start that failed is never tried again so.
        not_running_status: HTTP status of the addresses of servers that do not run.
        page_limit: items of a page of a list, unless said otherwise.
        max_page_limit: items of a page at most.
        spawn_form_limit: bytes that the start page may send, files among them, where the spawner has a form.
        max_connections: how many connections to the hub's own port are kept.
        xsrf_cookie: further attributes of the cookie that protects forms.
        hsts_seconds: for how long browsers that came by https come by https only; 0 to leave that to them.
        secure_cookies: the public address is https.
        host_cookies_since: login cookies without the prefix ``__Host-`` from before that time still count, in
            seconds since the epoch; 0 for none.
        slow_spawn_timeout: seconds that a start through the API is waited for.
        slow_stop_timeout: seconds that a stop through the API is waited for.
        trusted_downstream_ips: addresses whose X-Forwarded headers are believed.
        proxy_users: numbers of the system users of whose processes on this machine the same holds.
        headers: further headers of every answer.
        logo_file: picture for the head of the pages; empty for our own.
        authenticate_prometheus: the page with metrics needs a scope.
    """

    redirect_to_server: bool = True
    default_url: str | Callable[[BaseHandler], Any] = ""
    user_redirect_hook: RedirectHook | None = None
    user_redirect_limit: int = 4
    default_server_name: str = ""
    named_server_limit: Callable[[BaseHandler], Any] | None = None
    stop_on_logout: bool = False
    implicit_spawn_seconds: float = 0
    not_running_status: int = HTTPStatus.FAILED_DEPENDENCY
    page_limit: int = PAGE_LIMIT
    max_page_limit: int = MAX_PAGE_LIMIT
    spawn_form_limit: int = SPAWN_FORM_LIMIT
    max_connections: int = MAX_CONNECTIONS
    xsrf_cookie: Mapping[str, Any] = field(default_factory=dict)
    hsts_seconds: int = 0
    secure_cookies: bool = False
    host_cookies_since: float = 0
    slow_spawn_timeout: float = 10
    slow_stop_timeout: float = 10
    trusted_downstream_ips: tuple[str, ...] = ()
    proxy_users: frozenset[int] = frozenset()
    headers: Mapping[str, str] = field(default_factory=dict)
    logo_file: str = ""
    authenticate_prometheus: bool = True


async def named_server_limit(handler: BaseHandler) -> int:
    """Tell how many named servers a user may have.

    Args:
        handler: of the request.

    Returns:
        How many; 0 for any number.

    Raises:
        HubError: the function that says it failed.
    """
    limit = handler.context.options.named_server_limit
    if limit is None:
        return handler.services.settings.named_server_limit
    answer = await _ask("named_server_limit_per_user", limit, handler)
    if isinstance(answer, int) and not isinstance(answer, bool) and answer >= 0:
        return answer
    detail = f"c.JupyterHub.named_server_limit_per_user must answer a number, not {answer!r:.60}"
    raise HubError(SPEAKING[500], detail=detail)


async def default_url(handler: BaseHandler) -> str:
    """Tell where to send who has logged in, instead of home page or server.

    Args:
        handler: of the request.

    Returns:
        The address; empty for as usual.

    Raises:
        HubError: the function that says it failed.
    """
    default = handler.context.options.default_url
    return default if isinstance(default, str) else str(await _ask("default_url", default, handler) or "")


async def redirected(handler: BaseHandler, path: str, user: User) -> str:
    """Ask the configuration where ``user-redirect`` leads.

    Args:
        handler: of the request.
        path: what stands after ``user-redirect/``.
        user: who opens the link.

    Returns:
        The address; empty for as usual.

    Raises:
        HubError: the function that says it failed.
    """
    hook = handler.context.options.user_redirect_hook
    if hook is None:
        return ""
    base_url = handler.services.settings.base_url
    return str(await _ask("user_redirect_hook", hook, path, handler.request, user, base_url) or "")


async def _ask(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        answer = function(*arguments)
        return await answer if inspect.isawaitable(answer) else answer
    except HubError:
        raise
    except Exception as error:
        detail = f"c.JupyterHub.{name} failed: {type(error).__name__}: {error}"
        raise HubError(SPEAKING[500], detail=detail) from error
