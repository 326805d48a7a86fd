"""Base class of all pages: rendering, the redirect to the login page, and the addresses of pages and
servers.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Awaitable, Collection, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar, Final, NoReturn
from urllib.parse import urlencode

from markupsafe import Markup
from tornado.web import Finish, HTTPError

from plughub.domain.announcements import Announcement
from plughub.domain.clock import utcnow
from plughub.domain.errors import HubError, InvalidError, NotFoundError, UnauthorizedError
from plughub.domain.explanations import explained
from plughub.domain.names import quote_path
from plughub.domain.queries import add_query, escape_uri, filter_query
from plughub.domain.scopes import ScopeFilter
from plughub.domain.servers import ServerRecord, profile_of
from plughub.domain.urls import safe_next, spawn_pending_url, spawn_url
from plughub.domain.words import _
from plughub.services.addresses import link_to_server, server_link, service_link
from plughub.services.tokens.principals import Principal
from plughub.web.authorization import LOG_SCOPES
from plughub.web.base import MISSING_CREDENTIALS, BaseHandler
from plughub.web.errors import ErrorAnswer
from plughub.web.headers import CLEAR, CSP, STORAGE, has_own_policy
from plughub.web.languages import current_language
from plughub.web.script_policy import NONCE, handler_hashes, script_policy, with_nonce
from plughub.web.template_user import TemplateUser
from plughub.web.xsrf import is_navigation

_HUB_PARAMETERS: Final = frozenset({"next", "_xsrf"})


class PageHandler(BaseHandler):
    """Base class of all pages.

    Attributes:
        is_activity: whether viewing the page counts as activity of the user.
        own_parameters: query parameters of this page; they are not passed on to other pages.
        announcement: the announcement of the administrators; None for none.
    """

    is_activity: ClassVar[bool] = True
    any_host: ClassVar[bool] = False
    own_parameters: ClassVar[frozenset[str]] = _HUB_PARAMETERS
    announcement: Announcement | None = None

    # ---- authentication

    async def prepare(self) -> None:
        """Authenticate the request and record the user's activity."""
        if not self.any_host and not self.is_at_hub:
            self.redirect_to_hub()
            return
        await super().prepare()
        with contextlib.suppress(HubError):  # a page must not fail for it
            self.announcement = await self.services.announcements.current()
        # An open page that updates itself is no activity of its user.
        if self.principal is not None and self.is_activity and is_navigation(self.request):
            self.services.activity.record_user(self.principal.user.id, utcnow())

    async def head(self, *path: str) -> None:
        """Respond like GET without the page. A page whose GET has side effects overrides this."""
        answer: Awaitable[None] | None = self.get(*path)
        if answer is not None:
            await answer

    def refuse_anonymous(self) -> NoReturn:
        """Redirect to the login page, which leads back here."""
        if self.request.method not in {"GET", "HEAD"}:
            raise UnauthorizedError(MISSING_CREDENTIALS, hint="Log in first.")
        self.redirect(f"{self.hub_path('login')}?{urlencode({'next': self.uri})}")
        raise Finish

    def ask_confirmation(self, page: str) -> NoReturn:
        """Redirect to the page where the user confirms their identity, which leads back here."""
        query = filter_query(self.request.query, "_xsrf".__eq__)
        back = add_query(escape_uri(self.request.path), query)
        self.redirect(f"{page}?{urlencode({'next': back})}")
        raise Finish

    def redirect_to_hub(self) -> None:
        """Redirect from the host of a server to the same page on the hub's host.

        Raises:
            NotFoundError: the request has a body, which browsers do not send again after the redirect.
        """
        if self.request.method not in {"GET", "HEAD"}:
            raise NotFoundError("there is nothing at this address")
        self.redirect(self.services.settings.origins.hub + self.uri)

    # ---- addresses

    @property
    def uri(self) -> str:
        """Return the address of this request, escaped for use in another address."""
        return escape_uri(self.request.uri or "/")

    def is_own(self, parameter: str) -> bool:
        """Return whether a query parameter belongs to this page and is not passed on."""
        return parameter in self.own_parameters

    def onward(self, default: str) -> str:
        """Return the address to continue to from this page.

        Args:
            default: address for requests without ``next``.

        Returns:
            ``next`` if it is valid, else the default with the query parameters that do not belong to this
            page.
        """
        return self.next_url or add_query(default, filter_query(self.request.query, self.is_own))

    def with_next(self, path: str, default: str) -> str:
        """Return the address of an intermediate page, with the address to continue to in ``next``.

        Args:
            path: path of the intermediate page.
            default: address to which that page leads without ``next``.

        Returns:
            The address.
        """
        after = self.onward(default)
        return path if after == default else add_query(path, urlencode({"next": after}))

    def hub_path(self, *pieces: str) -> str:
        """Return the path of a page of the hub.

        Args:
            pieces: parts of the path below the hub's prefix, not yet escaped.

        Returns:
            The path.
        """
        return self.services.settings.hub_prefix + "/".join(quote_path(piece) for piece in pieces if piece)

    def server_path(self, user: str, server: str) -> str:
        """Return the address of a server.

        Args:
            user: name of the user.
            server: name of the server.

        Returns:
            The path; an absolute address if servers have origins of their own.
        """
        return server_link(self.services.settings, user, server)

    def link_to(self, server: ServerRecord) -> str:
        """Return the address of a server, spelled as the server itself expects it.

        Args:
            server: the server.

        Returns:
            The path; an absolute address if servers have origins of their own.
        """
        return link_to_server(self.services.settings, server)

    def spawn_path(self, user: str, server: str) -> str:
        """Return the path of the page that starts a server.

        Args:
            user: name of the user.
            server: name of the server.

        Returns:
            The path.
        """
        return spawn_url(self.services.settings.base_url, user, server)

    def pending_path(self, user: str, server: str) -> str:
        """Return the path of the page that shows the progress of a start, with the address to continue to.

        Args:
            user: name of the user.
            server: name of the server.

        Returns:
            The path.
        """
        path = spawn_pending_url(self.services.settings.base_url, user, server)
        return self.with_next(path, self.server_path(user, server))

    def api_path(self, server: ServerRecord) -> str:
        """Return the path of a server in the API.

        Args:
            server: the server.

        Returns:
            The path.
        """
        named = ("servers", server.name) if server.name else ("server",)
        return self.hub_path("api", "users", server.user, *named)

    def text_argument(self, name: str) -> str:
        """Return an argument for pages that must not fail; empty if it is missing or invalid."""
        try:
            return self.get_argument(name, "")
        except (HTTPError, InvalidError):
            return ""

    @property
    def next_url(self) -> str:
        """Return the value of ``next`` if it is an address of this hub, else an empty string."""
        return self.as_next_url(self.text_argument("next"))

    def as_next_url(self, wanted: str) -> str:
        """Return an address without its host if it is an address of this hub, else an empty string."""
        if not wanted:
            return ""
        settings = self.services.settings
        origins = settings.origins
        if origins.servers and wanted.startswith(f"{origins.servers}/"):
            wanted = wanted[len(origins.servers) :]
        # Keep only the path: the hub itself redirects to the host of a server.
        domain = origins.hub.partition("://")[2] if origins.alone else ""
        return safe_next(wanted, self.request.host, settings.base_url, domain=domain)

    # ---- responses

    @cached_property
    def csp_nonce(self) -> str:
        """Return the nonce of the scripts of this response."""
        return secrets.token_urlsafe(16)

    def set_default_headers(self) -> None:
        """Set the headers of pages; scripts need the nonce of the response."""
        super().set_default_headers()
        self._allow_scripts()

    def _allow_scripts(self, hashes: Sequence[str] = ()) -> None:
        if not has_own_policy(self.context.options.headers):
            policy = self.application.page_headers[CSP]
            self.set_header(CSP, f"{policy}; {script_policy(self.csp_nonce, hashes)}")

    def trusted_form(self, html: str) -> Markup:
        """Mark a form from a plugin as safe markup whose scripts and event handlers may run.

        Args:
            html: the form.
        """
        self._allow_scripts(handler_hashes(html))
        return with_nonce(html, self.csp_nonce)

    def clear_stored_data(self) -> None:
        """Make the browser remove service workers and stored data of this origin.

        A service worker of a server on the hub's origin would outlive the server and could show pages of its
        own. Only page views clear data, so that images embedded on other sites cannot.
        """
        if is_navigation(self.request):
            self.set_header(CLEAR, STORAGE)

    def render_page(self, template: str, **variables: Any) -> None:
        """Respond with a page.

        Args:
            template: name of the template.
            variables: variables of the page.
        """
        self.set_header("Cache-Control", "no-store")
        self.finish(self.application.templates.render(template, **{**self._shared(), **variables}))

    def finish_error(self, answer: ErrorAnswer) -> None:
        """Respond with an error page, without a template if rendering fails."""
        try:
            page = self.application.templates.render_error(
                answer.status, **{**self._shared(), **error_variables(answer)}
            )
        except Exception:
            self.application.log.exception("rendering the error page failed; sending a plain one")
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
            "rendered_at": round(time.time(), 3),
            "xsrf": token,
            "xsrf_token": token,
            NONCE: self.csp_nonce,
            "language": current_language.get(),
            "page_path": self.request.path,
            "hub_announcement": self.announcement,
            "jhdata": {
                "base_url": self.services.settings.hub_prefix,
                "prefix": self.services.settings.base_url,
                "user": principal.name if principal else "",
                "xsrf_token": token,
            },
        }

    def _services(self, principal: Principal) -> list[dict[str, Any]]:
        """Return the services that the principal may open."""
        settings = self.services.settings
        return [
            {
                "name": service.name,
                "prefix": service_link(settings, service.name),
                "href": service_link(settings, service.name),
                "info": service.info,
            }
            for service in self.services.service_checks.listed_services()
            if principal.may("access:services", resource=ScopeFilter.service(service.name))
        ]

    def server_card(self, server: ServerRecord, groups: Collection[str] = ()) -> dict[str, Any]:
        """Return the template variables of a server.

        Args:
            server: the server.
            groups: groups of its user, by which visitors may have scopes.
        """
        settings = self.services.settings
        info = settings.spawners.get(server.backend)
        resource = ScopeFilter.server(server.user, server.name)
        details = self.may_see_details(resource, groups)
        may_read_log = self.visitor.may(*LOG_SCOPES, resource=resource, groups=groups)
        return {
            "key": server.id,
            "name": server.name,
            "display_name": server.display_name or server.name,
            "started": server.started,
            "url": self.link_to(server),
            "api_url": self.api_path(server),
            "spawn_url": self.spawn_path(server.user, server.name),
            "logs_url": self.hub_path("logs", server.user, server.name) if may_read_log else "",
            "pending_url": spawn_pending_url(settings.base_url, server.user, server.name),
            "ready": server.ready,
            "active": server.active,
            "pending": server.pending,
            "place": server.operation.place if server.operation else None,
            "unknown": explained(server.unknown, details=details),
            "unreachable": server.running and not server.ready,
            "trouble": describe_problem(server, details=details),
            "failed_message": server.failure.describe(details=details) if server.failure else "",
            "last_activity": server.last_activity,
            "backend": (info.label if info else "") or server.backend,
            "profile": profile_of(server),
        }


def describe_problem(server: ServerRecord, *, details: bool) -> str:
    """Describe why an operation on a server does not progress, and when it is retried.

    Args:
        server: the server.
        details: include the details for administrators.

    Returns:
        A sentence; empty if the operation progresses or there is none.
    """
    operation = server.operation
    if operation is None or not operation.problem:
        return ""
    problem = explained(operation.problem, details=details)
    if not operation.retry_at:
        return _("%(problem)s; the hub is trying again", problem=problem)
    at = datetime.fromtimestamp(operation.retry_at, UTC)
    return _("%(problem)s; the hub tries again at %(time)s UTC", problem=problem, time=f"{at:%H:%M:%S}")


def error_variables(answer: ErrorAnswer) -> dict[str, Any]:
    """Return the template variables of an error page."""
    return {
        "status_code": answer.status,
        "status_message": answer.reason,
        "message": answer.message,
        "message_html": trusted(answer.html),
        "details": answer.details,
        "reference": answer.reference,
        "hint": answer.hint,
        "logs": answer.logs,
    }


def bare_page(answer: ErrorAnswer, hub_prefix: str) -> str:
    """Return an error page that needs no template."""
    return Markup(
        "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>{0} {1}</title>"
        '<h1>{0} {1}</h1><p role="alert">{2}</p><p>{3}</p><p>{4}</p><p><a href="{5}home">Home</a></p></html>'
    ).format(answer.status, answer.reason, answer.message, answer.hint, answer.reference, hub_prefix)


def trusted(html: str) -> Markup:
    """Mark text from a plugin as safe markup."""
    return Markup(html)  # noqa: S704 - by contract, plugins escape the markup that they return
