"""What all pages share: templates, the way to the login page, and where to go next."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, NoReturn
from urllib.parse import urlencode

from markupsafe import Markup
from tornado.web import Finish, HTTPError

from plughub.domain.clock import utcnow
from plughub.domain.errors import InvalidError, NotFoundError, UnauthorizedError
from plughub.domain.explanations import explained
from plughub.domain.names import quote_path
from plughub.domain.queries import add_query, escape_uri, filter_query
from plughub.domain.scopes import ScopeFilter
from plughub.domain.servers import ServerRecord
from plughub.domain.urls import safe_next, spawn_pending_url, spawn_url
from plughub.services.addresses import link_to_server, server_link, service_link
from plughub.services.tokens.principals import Principal
from plughub.web.base import MISSING_CREDENTIALS, BaseHandler
from plughub.web.errors import ErrorAnswer
from plughub.web.headers import CLEAR, STORAGE
from plughub.web.template_user import TemplateUser
from plughub.web.xsrf import is_navigation

_OF_THE_HUB: Final = frozenset({"next", "_xsrf"})


class PageHandler(BaseHandler):
    """A page.

    Attributes:
        is_activity: who looks at it is active.
        own_parameters: names in the query that are meant for this page, and for no other one.
    """

    is_activity: ClassVar[bool] = True
    any_host: ClassVar[bool] = False
    own_parameters: ClassVar[frozenset[str]] = _OF_THE_HUB

    # ---- who

    async def prepare(self) -> None:
        """Find out who looks at the page, and note that they are there."""
        if not self.any_host and not self.is_at_hub:
            self.go_to_hub()
            return
        await super().prepare()
        if self.principal is not None and self.is_activity:
            self.services.activity.user(self.principal.user.id, utcnow())

    async def head(self, *path: str) -> None:
        """Answer what GET answers, without the page; a page whose GET does something overrides this."""
        answer: Awaitable[None] | None = self.get(*path)
        if answer is not None:
            await answer

    def refuse_stranger(self) -> NoReturn:
        """Send a browser to the login page, and from there back."""
        if self.request.method not in {"GET", "HEAD"}:
            raise UnauthorizedError(MISSING_CREDENTIALS, hint="Log in first.")
        self.redirect(f"{self.hub_path('login')}?{urlencode({'next': self.uri})}")
        raise Finish

    def ask_confirmation(self, page: str) -> NoReturn:
        """Send a browser to the page where the user can confirm who they are, and from there back."""
        query = filter_query(self.request.query, "_xsrf".__eq__)
        back = add_query(escape_uri(self.request.path), query)
        self.redirect(f"{page}?{urlencode({'next': back})}")
        raise Finish

    def go_to_hub(self) -> None:
        """Send a browser that looks for the page on a server's host to the hub's.

        Raises:
            NotFoundError: it sent something, which it does not send again elsewhere.
        """
        if self.request.method not in {"GET", "HEAD"}:
            raise NotFoundError("there is nothing at this address")
        self.redirect(self.services.settings.origins.hub + self.uri)

    # ---- where

    @property
    def uri(self) -> str:
        """The address of this request, as it may stand in another address."""
        return escape_uri(self.request.uri or "/")

    def is_own(self, parameter: str) -> bool:
        """Tell whether a parameter of the query is meant for this page, so that it goes no further."""
        return parameter in self.own_parameters

    def onward(self, default: str) -> str:
        """Return where the browser goes from here.

        Args:
            default: address for requests that do not say it in ``next``.

        Returns:
            ``next`` where it is valid, else the default with what the query holds beyond this page.
        """
        return self.next_url or add_query(default, filter_query(self.request.query, self.is_own))

    def with_next(self, path: str, default: str) -> str:
        """Return the address of a page in between, with where the browser goes from there in ``next``.

        Args:
            path: of that page.
            default: address to which that page leads by itself.

        Returns:
            Its address.
        """
        after = self.onward(default)
        return path if after == default else add_query(path, urlencode({"next": after}))

    def hub_path(self, *pieces: str) -> str:
        """Give the path of a page of the hub.

        Args:
            pieces: below the hub's prefix, escaped here.

        Returns:
            The path.
        """
        return self.services.settings.hub_prefix + "/".join(quote_path(piece) for piece in pieces if piece)

    def server_path(self, user: str, server: str) -> str:
        """Give where a server is reached.

        Args:
            user: name of the user.
            server: name of the server.

        Returns:
            The path; with host and scheme when servers have origins of their own.
        """
        return server_link(self.services.settings, user, server)

    def link_to(self, server: ServerRecord) -> str:
        """Give where a server is reached, in the spelling that it goes by.

        Args:
            server: the server.

        Returns:
            The path; with host and scheme when servers have origins of their own.
        """
        return link_to_server(self.services.settings, server)

    def spawn_path(self, user: str, server: str) -> str:
        """Give the path of the page that starts a server.

        Args:
            user: name of the user.
            server: name of the server.

        Returns:
            The path.
        """
        return spawn_url(self.services.settings.base_url, user, server)

    def pending_path(self, user: str, server: str) -> str:
        """Give the path of the page that watches a server start, with the address to go to next.

        Args:
            user: name of the user.
            server: name of the server.

        Returns:
            The path.
        """
        path = spawn_pending_url(self.services.settings.base_url, user, server)
        return self.with_next(path, self.server_path(user, server))

    def api_path(self, server: ServerRecord) -> str:
        """Give the path of a server in the API.

        Args:
            server: the server.

        Returns:
            The path.
        """
        named = ("servers", server.name) if server.name else ("server",)
        return self.hub_path("api", "users", server.user, *named)

    def text_argument(self, name: str) -> str:
        """Return an argument for pages that are shown in any case; empty where it is missing or no text."""
        try:
            return self.get_argument(name, "")
        except (HTTPError, InvalidError):
            return ""

    @property
    def next_url(self) -> str:
        """Where the request wants to go next, when that is on this hub; else empty."""
        wanted = self.text_argument("next")
        if not wanted:
            return ""
        settings = self.services.settings
        origins = settings.origins
        if origins.servers and wanted.startswith(f"{origins.servers}/"):
            wanted = wanted[len(origins.servers) :]
        # Only the path is kept: the hub itself sends a browser on to the host of a server.
        domain = origins.hub.partition("://")[2] if origins.alone else ""
        return safe_next(wanted, self.request.host, settings.base_url, domain=domain)

    # ---- what

    def forget_stored(self) -> None:
        """Have the browser end the service workers of this origin and forget what its pages stored.

        The worker of a server on the hub's origin would outlive its server and show pages of its own.
        Only a page that is opened does it: pictures on other sites must not.
        """
        if is_navigation(self.request):
            self.set_header(CLEAR, STORAGE)

    def render_page(self, template: str, **variables: Any) -> None:
        """Answer with a page.

        Args:
            template: its name.
            variables: of the page.
        """
        self.set_header("Cache-Control", "no-store")
        self.finish(self.application.templates.render(template, **{**self._shared(), **variables}))

    def finish_error(self, answer: ErrorAnswer) -> None:
        """Answer an error with a page that says what happened; if need be without a template."""
        try:
            page = self.application.templates.render_error(
                answer.status, **{**self._shared(), **error_variables(answer)}
            )
        except Exception:
            self.application.log.exception("the page of an error cannot be made")
            page = bare_page(answer, self.services.settings.hub_prefix)
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.finish(page)

    def _shared(self) -> dict[str, Any]:
        principal = self.principal
        token = self.xsrf_token.decode()
        return {
            "user": TemplateUser(principal.user, self.services.settings) if principal else None,
            "expanded_scopes": sorted(principal.scopes) if principal else [],
            "parsed_scopes": {scope.partition("!")[0] for scope in principal.scopes} if principal else set(),
            "services": self._services(principal) if principal else (),
            "xsrf": token,
            "xsrf_token": token,
            "jhdata": {
                "base_url": self.services.settings.hub_prefix,
                "prefix": self.services.settings.base_url,
                "user": principal.name if principal else "",
                "xsrf_token": token,
            },
        }

    def _services(self, principal: Principal) -> list[dict[str, Any]]:
        """List the services that somebody may open."""
        settings = self.services.settings
        return [
            {
                "name": service.name,
                "prefix": service_link(settings, service.name),
                "href": service_link(settings, service.name),
                "info": service.info,
            }
            for service in self.services.service_checks.pages()
            if principal.may("access:services", resource=ScopeFilter.service(service.name))
        ]

    def server_card(self, server: ServerRecord) -> dict[str, Any]:
        """Give what templates show of a server.

        Args:
            server: the server.

        Returns:
            Variables.
        """
        settings = self.services.settings
        info = settings.spawners.get(server.backend)
        details = self.sees_details(ScopeFilter.server(server.user, server.name))
        return {
            "name": server.name,
            "display_name": server.display_name or server.name,
            "started": server.started,
            "url": self.link_to(server),
            "api_url": self.api_path(server),
            "spawn_url": self.spawn_path(server.user, server.name),
            "pending_url": spawn_pending_url(settings.base_url, server.user, server.name),
            "ready": server.ready,
            "active": server.active,
            "pending": server.pending,
            "place": server.operation.place if server.operation else None,
            "unknown": explained(server.unknown, details=details),
            "unreachable": server.running and not server.ready,
            "trouble": trouble_of(server, details=details),
            "failed_message": server.failure.told(details=details) if server.failure else "",
            "last_activity": server.last_activity,
            "backend": (info.label if info else "") or server.backend,
        }


def trouble_of(server: ServerRecord, *, details: bool) -> str:
    """Say why what is being done to a server does not get on, and when it is tried again.

    Args:
        server: the server.
        details: whether the reader is an administrator.

    Returns:
        A sentence; empty when all goes well.
    """
    operation = server.operation
    if operation is None or not operation.trouble:
        return ""
    trouble = explained(operation.trouble, details=details)
    if not operation.again_at:
        return f"{trouble}; it is being tried again"
    at = datetime.fromtimestamp(operation.again_at, UTC)
    return f"{trouble}; it is tried again at {at:%H:%M:%S} UTC"


def error_variables(answer: ErrorAnswer) -> dict[str, Any]:
    """Give what the page of an error shows.

    Args:
        answer: the error.

    Returns:
        Variables.
    """
    return {
        "status_code": answer.status,
        "status_message": answer.reason,
        "message": answer.message,
        "message_html": trusted(answer.html),
        "hint": answer.hint,
        "logs": answer.logs,
    }


def bare_page(answer: ErrorAnswer, hub_prefix: str) -> str:
    """Return a page that says what happened and needs nothing else."""
    return Markup(
        "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>{0} {1}</title>"
        '<h1>{0} {1}</h1><p role="alert">{2}</p><p>{3}</p><p><a href="{4}home">Home</a></p></html>'
    ).format(answer.status, answer.reason, answer.message, answer.hint, hub_prefix)


def trusted(html: str) -> Markup:
    """Mark text as markup.

    Args:
        html: from a plugin, which vouches for it.

    Returns:
        Markup.
    """
    return Markup(html)  # noqa: S704 - the contract says that plugins vouch for it
