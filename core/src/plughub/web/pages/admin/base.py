"""Base class of the pages of the administration console."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, TypeVar

from plughub.domain.errors import ForbiddenError
from plughub.web.pages.admin.list_view import ListView
from plughub.web.pages.admin.navigation import CONSOLE, OVERVIEW, Section, navigation
from plughub.web.pages.base import PageHandler
from plughub.words import _

Method = TypeVar("Method", bound=Callable[..., Any])


class AdminPageHandler(PageHandler):
    """Base class of the console's pages. Their methods are decorated with `shows_section`.

    Attributes:
        section: the section of the console to which the page belongs.
    """

    section: ClassVar[Section] = OVERVIEW

    def admin_path(self, *pieces: str) -> str:
        """Return the path of a page of the console, from parts that are not yet escaped."""
        return self.hub_path("admin", *pieces)

    def check_section(self) -> None:
        """Check that the viewer may open the section.

        Raises:
            UnauthorizedError: the request has no valid login.
            ForbiddenError: the viewer may not open the console, or not this section.
        """
        section = self.section
        if not section.is_shown(self.visitor.scopes):
            needed = f" and one of {', '.join(section.scopes)}" if section.scopes else ""
            raise ForbiddenError(
                _("You do not have permission to open this page."),
                detail=f"it requires the scope {CONSOLE}{needed}",
            )

    def redirect_from_missing_page(self, view: ListView) -> bool:
        """Redirect from a page after the last one, for example after its rows were deleted, to the last one.

        Returns:
            Whether the request is finished.
        """
        if not view.is_missing:
            return False
        self.redirect(view.at(view.pages))
        return True

    async def render_admin(self, template: str, **variables: Any) -> None:
        """Respond with a page of the console. Long lists are rendered without delaying other requests.

        Args:
            template: name of the template, such as ``admin/users.html``.
            variables: variables of the page.
        """
        of_console = {
            "section": self.section,
            "navigation": navigation(self.visitor.scopes),
            "admin_url": self.admin_path(),
        }
        self.set_header("Cache-Control", "no-store")
        rendered = self.application.templates.render_in_slices(
            template, **{**self._shared(), **of_console, **variables}
        )
        self.finish(await rendered)


def shows_section(method: Method) -> Method:
    """Require the scopes of the handler's section.

    The method must limit what it shows to the scopes of the viewer.

    Raises:
        UnauthorizedError: the request has no valid login.
        ForbiddenError: the viewer may not open the console, or not this section.
    """

    @functools.wraps(method)
    async def checked(handler: AdminPageHandler, *path: str) -> None:
        handler.check_section()
        answer: Awaitable[None] | None = method(handler, *path)
        if answer is not None:
            await answer

    checked.scopes = (CONSOLE,)  # type: ignore[attr-defined]
    return checked  # type: ignore[return-value]
