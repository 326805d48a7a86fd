"""Handing everything that the handlers need to the web."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from plughub.app.assembly import template_folders
from plughub.app.health import Health
from plughub.app.installed import plugin_versions
from plughub.app.web_options import proxy_users, web_options
from plughub.kinds import LoginMethod, Page
from plughub.services.hub_services.admin import ServiceAdmin
from plughub.services.people.groups import GroupService
from plughub.services.people.sessions import SessionService
from plughub.services.people.user_admin import UserAdmin
from plughub.services.people.users import UserService
from plughub.services.servers.forgetting import Forgetting
from plughub.services.servers.named_servers import NamedServers
from plughub.services.sharing.codes import ShareCodeService
from plughub.services.sharing.shares import SharingService
from plughub.services.tokens.oauth import OAuthService
from plughub.web.context import WebContext

if TYPE_CHECKING:
    from plughub.app.hub import Hub

PATH: Final = (str, os.PathLike)


def web_context(hub: Hub) -> WebContext:
    """Gather what the handlers work with.

    Args:
        hub: with all its parts.

    Returns:
        The context.
    """
    tornado = hub.config.tornado_settings
    register = hub.caller.register
    return WebContext(
        settings=hub.settings,
        hooks=hub.hooks,
        tree=hub.tree,
        logins=hub.people.logins,
        refresher=hub.people.refresher,
        auth_states=hub.auth_states,
        tokens=hub.tokens,
        sessions=SessionService(hub.store, hub.tokens, hub.settings),
        users=UserService(hub.store),
        user_admin=UserAdmin(
            hub.store,
            hub.hooks,
            hub.settings,
            hub.tree,
            hub.people.preparation,
            hub.people.deletion,
            hub.selection.accepts_name,
            hub.given_names,
        ),
        groups=GroupService(hub.store, hub.tree),
        services=ServiceAdmin(hub.store, hub.settings, hub.tree),
        sharing=SharingService(hub.store, hub.tree),
        share_codes=ShareCodeService(hub.store, hub.tree),
        servers=hub.servers,
        named_servers=NamedServers(hub.store, hub.hooks, hub.settings),
        forgetting=Forgetting(hub.store, hub.hooks, hub.settings, hub.router, hub.watchers),
        oauth=OAuthService(hub.store, hub.settings, hub.tree),
        activity=hub.activity,
        router=hub.router,
        shut_down=hub.shut_down,
        events=hub.events,
        listed_services=hub.service_checks.pages,
        health=Health(hub.store, hub.settings, lambda: hub.store.database.trouble),
        cookie_secret=hub.secret,
        audit=hub.observing.audit,
        metrics=hub.observing.metrics,
        metrics_report=hub.observing.report(hub.pools),
        authenticate_prometheus=hub.config.authenticate_prometheus,
        login_methods=_login_methods(hub),
        options=web_options(hub.config),
        versions=plugin_versions(),
        pages=tuple(page for answer in register("hub_register_pages", each=Page) for page in answer.value),
        template_folders=template_folders(
            hub.config,
            [folder for answer in register("hub_register_templates", each=PATH) for folder in answer.value],
        ),
        template_vars=hub.config.template_vars,
        secure_cookies=bool(hub.config.ssl_cert) or hub.settings.hub_origin.startswith("https:"),
        host_cookies_since=hub.host_cookies_since,
        slow_spawn_timeout=tornado.get("slow_spawn_timeout", 10),
        slow_stop_timeout=tornado.get("slow_stop_timeout", 10),
        trusted_downstream_ips=tuple(hub.config.trusted_downstream_ips),
        proxy_users=proxy_users(hub.config.trusted_downstream_users, hub.proxy_info.user),
        headers=tornado.get("headers", {}),
        logo_file=hub.config.logo_file,
    )


def _login_methods(hub: Hub) -> dict[str, LoginMethod]:
    methods = {name: LoginMethod() for name in hub.selection.active.owners("authenticator")}
    answers = hub.caller.register("hub_login_method", expected=LoginMethod)
    return methods | {answer.plugin: answer.value for answer in answers}
