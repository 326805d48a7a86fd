"""Context of the web handlers, created from the hub's plan and components."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from plughub.app.extra_pages import extra_pages, warn_of_open_pages
from plughub.app.health import Health
from plughub.app.hub_parts import HubParts
from plughub.app.hub_plan import HubPlan
from plughub.app.installed_plugins import plugin_versions
from plughub.app.service_settings import template_folders
from plughub.app.web_additions import web_additions
from plughub.app.web_options import web_options
from plughub.web.context import WebContext


def web_context(
    plan: HubPlan, parts: HubParts, shut_down: Callable[[bool | None, bool | None], None]
) -> WebContext:
    """Create the context of the web handlers.

    Args:
        plan: of the hub.
        parts: components of the hub.
        shut_down: requests the shutdown of this process.
    """
    data = Path(plan.config.data_files_path) if plan.config.data_files_path else None
    extra = extra_pages(plan.config.extra_handlers)
    warn_of_open_pages(extra)
    added = web_additions(parts.caller, extra)
    return WebContext(
        services=parts.services,
        options=web_options(plan, parts),
        cookie_secret=plan.secret,
        shut_down=shut_down,
        health=Health(plan.store, parts.services.settings, lambda: plan.store.database.problem),
        metrics=plan.observing.metrics,
        metrics_report=plan.observing.report(parts.pools),
        audit=plan.observing.audit,
        login_methods=added.login_methods,
        pages=added.pages,
        template_folders=template_folders(plan.config, added.template_folders),
        static_folders=(*([data / "static"] if data else []), *added.static_folders),
        jinja_options=plan.config.jinja_environment_options,
        data_folder=data,
        template_vars=plan.config.template_vars,
        versions=plugin_versions(),
    )
