"""Which address leads where."""

from __future__ import annotations

import re
from typing import Any

from tornado.routing import URLSpec

from plughub.web.api import (
    activity,
    audit,
    authorizations,
    groups,
    hub,
    metrics,
    oauth,
    progress,
    proxy,
    servers,
    services,
    sessions,
    shares,
    tokens,
    users,
)
from plughub.web.api.base import UnknownHandler
from plughub.web.api.openapi import PATH, OpenAPIHandler, describe
from plughub.web.context import WebContext
from plughub.web.pages import confirm, login, misc, pending, root, server, share, spawn, token
from plughub.web.pages import oauth as consent

_NAME = r"([^/]+)"
_MAYBE = r"([^/]*)"

PAGES: tuple[tuple[str, type], ...] = (
    (r"/", root.RootHandler),
    (r"", root.SlashHandler),
    (r"/home", root.HomeHandler),
    (r"/login", login.LoginHandler),
    (r"/login/onetime", login.OneTimeHandler),
    (r"/logout", login.LogoutHandler),
    (r"/confirm", confirm.ConfirmHandler),
    (r"/spawn/?", spawn.SpawnHandler),
    (rf"/spawn/{_NAME}/?", spawn.SpawnHandler),
    (rf"/spawn/{_NAME}/{_NAME}", spawn.SpawnHandler),
    (rf"/spawn-pending/{_NAME}/?", pending.SpawnPendingHandler),
    (rf"/spawn-pending/{_NAME}/{_NAME}", pending.SpawnPendingHandler),
    (rf"/user/{_NAME}((?:/.*)?)", server.UserUrlHandler),
    (r"/user-redirect/?(.*)", server.UserRedirectHandler),
    (r"/token", token.TokenPageHandler),
    (r"/accept-share", share.AcceptShareHandler),
    (r"/error/(\d{3})", misc.ProxyErrorHandler),
    (r"/health", misc.HealthHandler),
    (r"/metrics", metrics.MetricsHandler),
    (r"/logo", misc.LogoHandler),
    (r"/favicon\.ico", misc.FaviconHandler),
    (r"/security/csp-report", misc.CSPReportHandler),
)

API: tuple[tuple[str, type], ...] = (
    (r"/api/?", hub.VersionHandler),
    (r"/api/health", hub.APIHealthHandler),
    (r"/api/metrics", metrics.MetricsHandler),
    (r"/api/info", hub.InfoHandler),
    (r"/api/user", users.SelfHandler),
    (r"/api/users", users.UsersHandler),
    (rf"/api/users/{_NAME}", users.UserHandler),
    (rf"/api/users/{_NAME}/server", servers.ServerHandler),
    (rf"/api/users/{_NAME}/servers/{_MAYBE}", servers.ServerHandler),
    (rf"/api/users/{_NAME}/server/progress", progress.ProgressHandler),
    (rf"/api/users/{_NAME}/servers/{_MAYBE}/progress", progress.ProgressHandler),
    (rf"/api/users/{_NAME}/activity", activity.ActivityHandler),
    (r"/api/groups", groups.GroupsHandler),
    (rf"/api/groups/{_NAME}", groups.GroupHandler),
    (rf"/api/groups/{_NAME}/users", groups.GroupUsersHandler),
    (rf"/api/groups/{_NAME}/properties", groups.GroupPropertiesHandler),
    (rf"/api/users/{_NAME}/tokens", tokens.TokensHandler),
    (rf"/api/users/{_NAME}/tokens/{_NAME}", tokens.TokenHandler),
    (rf"/api/users/{_NAME}/sessions", sessions.SessionsHandler),
    (rf"/api/shares/{_NAME}", shares.SharesOfOwnerHandler),
    (rf"/api/shares/{_NAME}/{_MAYBE}", shares.SharesOfServerHandler),
    (rf"/api/share-codes/{_NAME}", shares.CodesOfOwnerHandler),
    (rf"/api/share-codes/{_NAME}/{_MAYBE}", shares.CodesOfServerHandler),
    (rf"/api/users/{_NAME}/shared", shares.SharedWithUserHandler),
    (rf"/api/users/{_NAME}/shared/{_NAME}/{_MAYBE}", shares.ShareOfUserHandler),
    (rf"/api/groups/{_NAME}/shared", shares.SharedWithGroupHandler),
    (rf"/api/groups/{_NAME}/shared/{_NAME}/{_MAYBE}", shares.ShareOfGroupHandler),
    (rf"/api/users/{_NAME}/admin-access", authorizations.AdminAccessHandler),
    (r"/api/services", services.ServicesHandler),
    (rf"/api/services/{_NAME}", services.ServiceHandler),
    (r"/api/proxy", proxy.ProxyHandler),
    (r"/api/audit", audit.AuditHandler),
    (r"/api/shutdown", hub.ShutdownHandler),
    (r"/api/authorizations/token", authorizations.TokenOwnerHandler),
    (rf"/api/authorizations/token/{_NAME}", authorizations.TokenOwnerHandler),
    (rf"/api/authorizations/cookie/{_NAME}", authorizations.CookieOwnerHandler),
    (rf"/api/authorizations/cookie/{_NAME}/{_NAME}", authorizations.CookieOwnerHandler),
    (r"/api/oauth2/authorize", consent.AuthorizeHandler),
    (r"/api/oauth2/token", oauth.TokenForCodeHandler),
)


def routes(context: WebContext) -> list[Any]:
    """List the routes of the hub, those of plugins before the ones that answer everything else.

    Args:
        context: of the hub.

    Returns:
        Routes, in the order in which they are looked up.
    """
    base = re.escape(context.services.settings.base_url)
    below = re.escape(context.services.settings.hub_prefix.rstrip("/"))
    plugins = [URLSpec(below + page.path, page.handler, dict(page.options)) for page in context.pages]
    # What is asked most stands first: they are tried one after the other.
    own = [URLSpec(below + path, handler) for path, handler in (*API, *PAGES)]
    document = describe((*API, (PATH, OpenAPIHandler)), f"{context.services.settings.hub_prefix}api")
    return [
        *own,
        URLSpec(below + PATH, OpenAPIHandler, {"document": document}),
        *plugins,
        URLSpec(rf"{below}/api/(.*)", UnknownHandler),
        URLSpec(rf"{below}/(.*)", root.NotFoundHandler),
        *([URLSpec(base[:-1], root.SlashHandler)] if context.services.settings.base_url != "/" else []),
        URLSpec(rf"{base}favicon\.ico", misc.FaviconHandler),
        URLSpec(rf"{base}(?!hub/)(.*)", root.PrefixHandler),
    ]
