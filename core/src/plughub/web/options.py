"""Settings of the web layer that no service needs."""

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
from plughub.web.errors import DEFAULT_MESSAGES

if TYPE_CHECKING:
    from plughub.web.base import BaseHandler

RedirectHook = Callable[[str, HTTPServerRequest, User, str], Any]
PAGE_LIMIT: Final = 50
MAX_PAGE_LIMIT: Final = 200
SPAWN_FORM_LIMIT: Final = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class WebOptions:
    """Settings of the web layer.

    Attributes:
        redirect_to_server: redirect to the default server after a login, instead of to the home page.
        default_url: address to redirect to after a login instead; a text, or a function of the handler.
        user_redirect_hook: function of path, request, user and base URL that returns, possibly as an
            awaitable, the target of ``user-redirect``; None for the built-in target.
        user_redirect_limit: redirects to a server after which a redirect loop is reported.
        default_server_name: named server that ``user-redirect`` leads to; empty for the default server.
        named_server_limit: function of the handler that returns, possibly as an awaitable, how many named
            servers are allowed; None for the setting.
        stop_on_logout: stop a user's servers when they log out.
        implicit_spawn_seconds: seconds after which the page of a stopped server starts it; 0 for never. A
            failed start is never repeated this way.
        not_running_status: HTTP status at addresses of servers that do not run.
        page_limit: default page size of lists.
        max_page_limit: largest page size of lists.
        spawn_form_limit: bytes that the start page accepts, including files, if the spawner has a form.
        max_connections: limit for connections to the hub's port.
        xsrf_cookie: additional attributes of the XSRF cookie.
        hsts_seconds: lifetime of the header Strict-Transport-Security; 0 to send none.
        secure_cookies: whether the public address uses https.
        host_cookies_since: time before which login cookies without the prefix ``__Host-`` are still accepted,
            in seconds since the epoch; 0 to accept none.
        slow_spawn_timeout: seconds that an API call waits for a start.
        slow_stop_timeout: seconds that an API call waits for a stop.
        trusted_downstream_ips: addresses of proxies whose X-Forwarded headers are trusted.
        forwarded_host_header: header with the browser's host, trusted from ``trusted_downstream_ips``; empty
            for none.
        proxy_users: ids of system users whose processes on this machine are trusted proxies as well.
        headers: additional headers of every response.
        title: name of the hub on its pages; empty for the default.
        help_url: address of the link to help in the footer of pages; empty for none.
        logo_file: image for the head of the pages; empty for the built-in one.
        admin_access: whether the home page says that administrators may open servers.
        show_free_resources: whether the start page shows the free resources of a machine that servers share.
        authenticate_prometheus: whether the metrics page needs a scope.
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
    forwarded_host_header: str = ""
    proxy_users: frozenset[int] = frozenset()
    headers: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    help_url: str = ""
    logo_file: str = ""
    admin_access: bool = False
    show_free_resources: bool = False
    authenticate_prometheus: bool = True


async def named_server_limit(handler: BaseHandler) -> int:
    """Return how many named servers a user may have; 0 for no limit.

    Raises:
        HubError: the configured function failed.
    """
    limit = handler.context.options.named_server_limit
    if limit is None:
        return handler.services.settings.named_server_limit
    answer = await _call("named_server_limit_per_user", limit, handler)
    if isinstance(answer, int) and not isinstance(answer, bool) and answer >= 0:
        return answer
    detail = (
        f"c.JupyterHub.named_server_limit_per_user must return a non-negative integer, not {answer!r:.60}"
    )
    raise HubError(DEFAULT_MESSAGES[500], detail=detail)


async def default_url(handler: BaseHandler) -> str:
    """Return the configured address to redirect to after a login; empty for the built-in target.

    Raises:
        HubError: the configured function failed.
    """
    default = handler.context.options.default_url
    return default if isinstance(default, str) else str(await _call("default_url", default, handler) or "")


async def user_redirect(handler: BaseHandler, path: str, user: User) -> str:
    """Return the configured target of ``user-redirect``; empty for the built-in target.

    Args:
        handler: handler of the request.
        path: the part of the address after ``user-redirect/``.
        user: the user that opens the link.

    Raises:
        HubError: the configured function failed.
    """
    hook = handler.context.options.user_redirect_hook
    if hook is None:
        return ""
    base_url = handler.services.settings.base_url
    return str(await _call("user_redirect_hook", hook, path, handler.request, user, base_url) or "")


async def _call(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        answer = function(*arguments)
        return await answer if inspect.isawaitable(answer) else answer
    except HubError:
        raise
    except Exception as error:
        detail = f"c.JupyterHub.{name} failed: {type(error).__name__}: {error}"
        raise HubError(DEFAULT_MESSAGES[500], detail=detail) from error
