"""Health check, logo, favicon, CSP reports, and the proxy's error pages."""

from __future__ import annotations

import mimetypes
from http.client import responses
from pathlib import Path
from typing import Final

from tornado.web import HTTPError

from plughub.domain.secrets import scrub
from plughub.domain.timings import ERROR_PAGE_RETRY_SECONDS
from plughub.web.base import BaseHandler
from plughub.web.errors import RETRYABLE_STATUSES, asks_for_json, error_answer
from plughub.web.pages.base import PageHandler, error_variables
from plughub.web.static import STATIC

_SHOWN: Final = 500


class OpenHandler(BaseHandler):
    """Base class of pages that need no login."""

    guarded = frozenset()

    async def prepare(self) -> None:
        """Skip authentication."""


class RespelledHandler(OpenHandler):
    """Redirect of page addresses that spell the base URL differently, such as with other escapes."""

    def get(self) -> None:
        """Redirect to the same address with the hub's own spelling."""
        self.redirect(self.request.uri or "/")

    head = get


class LogoHandler(OpenHandler):
    """``/hub/logo``."""

    def get(self) -> None:
        """Return the logo."""
        configured = Path(self.context.options.logo_file) if self.context.options.logo_file else None
        # The name of the hub stands beside a symbol without text.
        own = STATIC / ("favicon.svg" if self.context.options.title else "logo.svg")
        path = configured if configured and configured.is_file() else own
        self.set_header("Content-Type", mimetypes.guess_type(path.name)[0] or "application/octet-stream")
        self.set_header("Cache-Control", "max-age=3600")
        self.finish(path.read_bytes())

    head = get


class FaviconHandler(OpenHandler):
    """``/favicon.ico``, which browsers request for responses that name no icon, such as those of the API."""

    def get(self) -> None:
        """Return the icon."""
        self.set_header("Content-Type", "image/x-icon")
        self.set_header("Cache-Control", "max-age=86400")
        self.finish((STATIC / "favicon.ico").read_bytes())


class CSPReportHandler(BaseHandler):
    """``/hub/security/csp-report``: browsers' reports of content that the security policy blocked."""

    guarded = frozenset()

    def post(self) -> None:
        """Log a report from a logged-in user; others are ignored, so that they cannot fill the log."""
        if self.principal is not None:
            text = scrub(self.request.body[:_SHOWN].decode(errors="replace"))
            self.context.metrics.count_csp_report()
            self.application.log.warning(
                "CSP report from a browser of user %s: %r", self.principal.name, text
            )
        self.set_status(204)


class ProxyErrorHandler(PageHandler):
    """``/hub/error/404``: error pages that the proxy displays. The status is always 200."""

    any_host = True
    guarded = frozenset()

    def get(self, code: str) -> None:
        """Show the error page, which reloads if that may help; programs get JSON."""
        status = int(code)
        reason = responses.get(status, "Unknown HTTP error")
        answer = error_answer(HTTPError(status, reason=reason if status not in {404, 503} else ""), status)
        retry = ERROR_PAGE_RETRY_SECONDS if status in RETRYABLE_STATUSES else None
        if retry:
            self.set_header("Retry-After", str(retry))
        path = self.get_query_argument("url", "").partition("?")[0]
        if asks_for_json(self.request.headers.get("Accept", ""), path):
            BaseHandler.finish_error(self, answer)
            return
        self.render_page("error.html", **error_variables(answer), retry_seconds=retry)
