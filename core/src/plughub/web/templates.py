"""Templates: found in the administrator's folders first, then in the hub's own; everything is escaped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader
from markupsafe import Markup
from tornado.web import StaticFileHandler

from plughub.domain.clock import isoformat
from plughub.domain.users import User
from plughub.web.context import WebContext

FOLDER: Final = Path(__file__).parent / "templates"


class Templates:
    """The templates of the hub.

    The hub's own are always found as ``templates/<name>`` too, so that a template of an administrator
    can extend the one in whose place it stands. What is not `Markup` is escaped; no template says ``safe``.

    Args:
        context: of the hub.
        tornado_settings: tell where static files are.
    """

    def __init__(self, context: WebContext, tornado_settings: Mapping[str, Any]) -> None:
        own = FileSystemLoader(FOLDER)
        folders = [FileSystemLoader(folder) for folder in context.template_folders]
        loader = ChoiceLoader([*folders, own, PrefixLoader({"templates": own})])
        self._context = context
        self._environment = Environment(
            loader=loader, autoescape=True, auto_reload=False, trim_blocks=True, lstrip_blocks=True
        )
        self._environment.filters["isoformat"] = isoformat
        self._environment.globals.update(self._globals(dict(tornado_settings)))

    def render(self, name: str, **variables: Any) -> str:
        """Render a template.

        Args:
            name: such as ``home.html``.
            variables: of this page.

        Returns:
            The page.
        """
        return self._environment.get_template(name).render(**self._custom(variables), **variables)

    def render_error(self, status: int, **variables: Any) -> str:
        """Render the page of an error: ``<status>.html`` when there is one, else ``error.html``.

        Args:
            status: HTTP status.
            variables: of this page.

        Returns:
            The page.
        """
        found = self._environment.select_template([f"{status}.html", "error.html"])
        return found.render(**self._custom(variables), **variables)

    def render_text(self, text: str, **variables: Any) -> Markup:
        """Render markup that a plugin vouches for; what is put in is escaped.

        Args:
            text: the markup, with Jinja's marks.
            variables: to put in.

        Returns:
            Markup.
        """
        return Markup(self._environment.from_string(text).render(**variables))  # noqa: S704 - vouched for

    def _globals(self, tornado_settings: dict[str, Any]) -> dict[str, Any]:
        prefix = self._context.settings.hub_prefix
        return {
            "base_url": prefix,
            "prefix": self._context.settings.base_url,
            "login_url": f"{prefix}login",
            "logout_url": f"{prefix}logout",
            "logo_url": f"{prefix}logo",
            "static_url": lambda path: StaticFileHandler.make_static_url(tornado_settings, path),
            "version_hash": "",
            "services": (),
            "announcement": "",
        }

    def _custom(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Give the administrator's variables; those that are functions get the user."""
        user: User | None = variables.get("user")
        return {
            name: _value(value, user)
            for name, value in self._context.template_vars.items()
            if name not in variables
        }


def _value(value: Any, user: User | None) -> Any:
    function: Callable[[User | None], Any] | None = value if callable(value) else None
    value = function(user) if function else value
    # Administrators write announcements with markup in their own configuration.
    return Markup(value) if isinstance(value, str) else value  # noqa: S704 - the administrator's own text
