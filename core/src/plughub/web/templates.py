"""Jinja templates: custom folders take precedence over the hub's own, and everything is escaped."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, Template, TemplateSyntaxError
from markupsafe import Markup

from plughub import __version__
from plughub.domain.clock import isoformat
from plughub.domain.errors import StartError
from plughub.domain.timings import RENDER_SLICE_SECONDS
from plughub.web.context import WebContext
from plughub.web.languages import gettext, in_groups, known, ngettext, translated
from plughub.web.script_policy import NONCE, ScriptNonces, with_nonce
from plughub.web.static import HubStaticHandler
from plughub.web.template_user import TemplateUser

log = logging.getLogger("plughub.web.templates")
FOLDER: Final = Path(__file__).parent / "templates"
DEFAULT_TITLE: Final = "Hub"
"""Name of the hub on its pages if the configuration gives it none."""
FIXED_OPTIONS: Final = frozenset({"autoescape", "enable_async", "loader"})
"""Arguments of Jinja environments on which the security or the rendering of pages relies."""


def check_jinja_options(options: Mapping[str, Any]) -> None:
    """Check the arguments for Jinja environments.

    Raises:
        StartError: Jinja refuses them, or the hub does.
    """
    if fixed := sorted(FIXED_OPTIONS & set(options)):
        raise StartError(f"c.JupyterHub.jinja_environment_options cannot change {', '.join(fixed)}")
    try:
        Environment(autoescape=True, **options)
    except Exception as error:  # an extension may raise anything
        raise StartError(f"c.JupyterHub.jinja_environment_options: {error}") from error


class Templates:
    """Renderer of the hub's pages.

    The hub's own templates are also available as ``templates/<name>``, so that a custom template can extend
    the one that it replaces. Everything but `Markup` is escaped, and no template uses the filter ``safe``. If
    a custom template fails, the hub's own is rendered instead.

    Args:
        context: dependencies of the handlers.
        tornado_settings: settings of the application, for addresses of static files.
    """

    def __init__(self, context: WebContext, tornado_settings: Mapping[str, Any]) -> None:
        self._context = context
        more = [context.data_folder] if context.data_folder else []
        self._folders = tuple(str(folder) for folder in (*context.template_folders, FOLDER, *more))
        self._tornado_settings = dict(tornado_settings)
        self._own = self._environment_of([])
        is_custom = context.template_folders or context.jinja_options or context.data_folder
        self._environment = self._custom_environment() if is_custom else self._own

    @property
    def environment(self) -> Environment:
        """Environment of all pages, with the custom templates."""
        return self._environment

    def complete(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the variables of a page together with those of the administrator."""
        return {**self._admin_variables(variables), **variables}

    def render(self, name: str, **variables: Any) -> str:
        """Render the template `name`, such as ``home.html``, with variables."""
        return self._render([name], variables)

    async def render_in_slices(self, name: str, **variables: Any) -> str:
        """Render a long page in short steps, between which the event loop does other work. See `render`."""
        variables = self.complete(variables)
        try:
            return await _joined_in_slices(self._environment.get_template(name).generate(variables))
        except Exception as error:  # noqa: BLE001 - a custom template may raise anything
            return await _joined_in_slices(self._own_instead([name], error).generate(variables))

    def render_error(self, status: int, **variables: Any) -> str:
        """Render an error page: ``<status>.html`` when it exists, else ``error.html``."""
        return self._render([f"{status}.html", "error.html"], variables)

    def render_text(self, text: str, **variables: Any) -> Markup:
        """Render trusted template text from a plugin; the variables are escaped."""
        return Markup(self._environment.from_string(text).render(**variables))  # noqa: S704 - trusted

    def render_texts(self, texts: Mapping[str, str], **variables: Any) -> Markup:
        """Render trusted template texts, given by plugin name, and leave out those that fail."""
        parts = []
        for plugin, text in texts.items():
            try:
                parts.append(self.render_text(text, **variables))
            except Exception as error:  # noqa: BLE001 - a plugin's template may raise anything
                log.error("the login form of plugin %s failed: %s", plugin, self._reason(error))
        return Markup().join(parts)

    def _render(self, names: Sequence[str], variables: Mapping[str, Any]) -> str:
        variables = self.complete(variables)
        try:
            return self._environment.select_template(names).render(variables)
        except Exception as error:  # noqa: BLE001 - a custom template may raise anything
            return self._own_instead(names, error).render(variables)

    def _own_instead(self, names: Sequence[str], error: Exception) -> Template:
        """Return the hub's own template after a custom one has failed; raise the error if none has."""
        own = [name for name in names if (FOLDER / name).is_file()]
        if self._environment is self._own or not own:
            raise error
        log.error("%s; rendering the hub's own %s instead", self._reason(error), own[0])
        return self._own.select_template(own)

    def _reason(self, error: Exception) -> str:
        """Describe an error with the template and line that caused it."""
        kind = type(error).__name__
        if isinstance(error, TemplateSyntaxError):
            return f"template {error.filename or error.name}, line {error.lineno}: {kind}: {error.message}"
        frames = traceback.extract_tb(error.__traceback__)
        places = [frame for frame in frames if frame.filename.startswith(self._folders)]
        place = f"template {places[-1].filename}, line {places[-1].lineno}" if places else "a template"
        return f"{place}: {kind}: {error}"

    def _custom_environment(self) -> Environment:
        options, data = self._context.jinja_options, self._context.data_folder
        check_jinja_options(options)
        last = [data / "templates"] if data else []
        return self._environment_of(self._context.template_folders, last, options)

    def _environment_of(
        self,
        folders: Sequence[Path],
        last: Sequence[Path] = (),
        options: Mapping[str, Any] = MappingProxyType({}),
    ) -> Environment:
        own = FileSystemLoader(FOLDER)
        before, after = ([FileSystemLoader(folder) for folder in part] for part in (folders, last))
        defaults = {"auto_reload": False, "trim_blocks": True, "lstrip_blocks": True}
        environment = Environment(
            loader=ChoiceLoader([*before, own, PrefixLoader({"templates": own}), *after]),
            autoescape=True,
            **{**defaults, "finalize": translated, **options},
        )
        _mark_texts(environment)
        environment.add_extension(ScriptNonces)
        environment.filters.update(isoformat=isoformat, known=known, grouped=_grouped)
        environment.globals.update(self._globals())
        return environment

    def _globals(self) -> dict[str, Any]:
        prefix = self._context.services.settings.hub_prefix
        return {
            "base_url": prefix,
            "prefix": self._context.services.settings.base_url,
            "login_url": f"{prefix}login",
            "logout_url": f"{prefix}logout",
            "logo_url": "",
            "login_service": "",
            "static_url": self._static_url,
            "version_hash": "",
            "services": (),
            "announcement": "",
            "hub_announcement": None,
            "page_path": "",
            "hub_title": self._context.options.title or DEFAULT_TITLE,
            "hub_named": bool(self._context.options.title),
            "hub_version": __version__,
            "help_url": self._context.options.help_url,
        }

    def _static_url(self, path: str, include_host: bool = False, include_version: bool = True) -> str:
        """Return the address of a static file; with the hub's public origin if requested and configured."""
        url = HubStaticHandler.make_static_url(self._tornado_settings, path, include_version=include_version)
        return f"{self._context.services.settings.hub_origin}{url}" if include_host else url

    def _admin_variables(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the administrator's template variables; functions are called with the user."""
        user: TemplateUser | None = variables.get("user")
        values = {}
        for name, value in self._context.template_vars.items():
            if name in variables:
                continue
            try:
                values[name] = _value(value, user, variables.get(NONCE, ""))
            except Exception as error:  # noqa: BLE001 - a custom function may raise anything
                name_of_user = f"user {user.name}" if user else "an anonymous user"
                reason = f"{type(error).__name__}: {error}"
                log.error("c.JupyterHub.template_vars[%r] fails for %s: %s", name, name_of_user, reason)
        return values


async def _joined_in_slices(pieces: Iterable[str]) -> str:
    parts, until = [], time.perf_counter()  # what came before, such as building rows, was a step of its own
    for piece in pieces:
        parts.append(piece)
        if time.perf_counter() >= until:
            await asyncio.sleep(0)
            until = time.perf_counter() + RENDER_SLICE_SECONDS
    return "".join(parts)


def _mark_texts(environment: Environment) -> None:
    """Provide ``_()`` and ``{% trans %}``, which translate texts of templates."""
    environment.add_extension("jinja2.ext.i18n")
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]


def _grouped(number: Any) -> Any:
    """Separate the thousands of a number by narrow spaces, as readers of all languages understand them."""
    return in_groups(number) if isinstance(number, int) else number


def _value(value: Any, user: TemplateUser | None, nonce: str) -> Any:
    function: Callable[[TemplateUser | None], Any] | None = value if callable(value) else None
    value = function(user) if function else value
    # Administrators may write announcements with markup in their own configuration.
    return with_nonce(value, nonce) if isinstance(value, str) else value
