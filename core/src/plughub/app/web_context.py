"""Context of the web handlers, created from the hub's plan and components."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from plughub.app.extra_pages import extra_pages, warn_of_open_pages
from plughub.app.health import Health
from plughub.app.hub_parts import HubParts
from plughub.app.hub_plan import HubPlan
from plughub.app.installed_plugins import plugin_versions
from plughub.app.service_settings import template_folders
from plughub.app.web_options import web_options
from plughub.domain.errors import StartError
from plughub.kinds import LoginMethod, Page
from plughub.web.context import WebContext
from plughub.web.plugin_pages import PluginPage, check_paths, with_login_pages

PATH: Final = (str, os.PathLike)


def web_context(
    plan: HubPlan, parts: HubParts, shut_down: Callable[[bool | None, bool | None], None]
) -> WebContext:
    """Create the context of the web handlers.

    Args:
        plan: of the hub.
        parts: components of the hub.
        shut_down: requests the shutdown of this process.
    """
    register = parts.caller.register
    data = Path(plan.config.data_files_path) if plan.config.data_files_path else None
    extra = extra_pages(plan.config.extra_handlers)
    warn_of_open_pages(extra)
    of_plugins = [
        PluginPage(answer.plugin, page)
        for answer in register("hub_register_pages", each=Page)
        for page in answer.value
    ]
    pages = (*of_plugins, *(PluginPage("", page) for page in extra))
    check_paths(pages)
    return WebContext(
        services=parts.services,
        options=web_options(plan, parts),
        cookie_secret=plan.secret,
        shut_down=shut_down,
        health=Health(plan.store, parts.services.settings, lambda: plan.store.database.problem),
        metrics=plan.observing.metrics,
        metrics_report=plan.observing.report(parts.pools),
        audit=plan.observing.audit,
        login_methods=with_login_pages(_login_methods(plan, parts), pages),
        pages=pages,
        template_folders=template_folders(plan.config, _folders(parts, "hub_register_templates")),
        static_folders=(*([data / "static"] if data else []), *_folders(parts, "hub_register_static")),
        jinja_options=plan.config.jinja_environment_options,
        data_folder=data,
        template_vars=plan.config.template_vars,
        versions=plugin_versions(),
    )


def _folders(parts: HubParts, hook: str) -> list[Path]:
    """Return the folders that plugins register; a mistake must not publish other files of the machine."""
    found = []
    for answer in parts.caller.register(hook, each=PATH):
        for folder in map(Path, answer.value):
            if not folder.is_absolute() or not folder.is_dir() or folder.resolve() == Path(folder.anchor):
                raise StartError(
                    f"plugin {answer.plugin!r} failed in {hook}: {str(folder)!r} is not the absolute path of "
                    "an existing folder below the root folder",
                    plugin=answer.plugin,
                )
            found.append(folder)
    return found


def _login_methods(plan: HubPlan, parts: HubParts) -> dict[str, LoginMethod]:
    methods = {name: LoginMethod() for name in plan.selection.active.owners("authenticator")}
    answers = parts.caller.register("hub_login_method", expected=LoginMethod)
    return methods | {answer.plugin: answer.value for answer in answers if answer.plugin in methods}
