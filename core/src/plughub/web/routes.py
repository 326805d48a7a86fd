"""Routes: the handlers of all addresses."""

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
from plughub.web.api.calls import calls_of, pattern_of
from plughub.web.api.openapi import PATH, OpenAPIHandler, describe
from plughub.web.context import WebContext
from plughub.web.pages import (
    confirmation,
    login,
    root,
    server,
    share,
    small_pages,
    spawn,
    spawn_pending,
    token,
)
from plughub.web.pages import oauth as consent

_NAME = r"([^/]+)"

PAGES: tuple[tuple[str, type], ...] = (
    (r"/", root.RootHandler),
    (r"", root.SlashHandler),
    (r"/home", root.HomeHandler),
    (r"/login", login.LoginHandler),
    (r"/login/onetime", login.OneTimeHandler),
    (r"/logout", login.LogoutHandler),
    (r"/confirm", confirmation.ConfirmHandler),
    (r"/spawn/?", spawn.SpawnHandler),
    (rf"/spawn/{_NAME}/?", spawn.SpawnHandler),
    (rf"/spawn/{_NAME}/{_NAME}", spawn.SpawnHandler),
    (rf"/spawn-pending/{_NAME}/?", spawn_pending.SpawnPendingHandler),
    (rf"/spawn-pending/{_NAME}/{_NAME}", spawn_pending.SpawnPendingHandler),
    (rf"/user/{_NAME}((?:/.*)?)", server.UserUrlHandler),
    (r"/user-redirect/?(.*)", server.UserRedirectHandler),
    (r"/token", token.TokenPageHandler),
    (r"/accept-share", share.AcceptShareHandler),
    (r"/error/(\d{3})", small_pages.ProxyErrorHandler),
    (r"/health", small_pages.HealthHandler),
    (r"/metrics", metrics.MetricsHandler),
    (r"/logo", small_pages.LogoHandler),
    (r"/favicon\.ico", small_pages.FaviconHandler),
    (r"/security/csp-report", small_pages.CSPReportHandler),
)

API: tuple[tuple[str, type], ...] = (
    ("/api/?", hub.VersionHandler),
    ("/api/health", hub.APIHealthHandler),
    ("/api/metrics", metrics.MetricsHandler),
    ("/api/info", hub.InfoHandler),
    ("/api/user", users.SelfHandler),
    ("/api/users", users.UsersHandler),
    ("/api/users/{name}", users.UserHandler),
    ("/api/users/{name}/server", servers.ServerHandler),
    ("/api/users/{name}/servers/{server?}", servers.ServerHandler),
    ("/api/users/{name}/server/progress", progress.ProgressHandler),
    ("/api/users/{name}/servers/{server?}/progress", progress.ProgressHandler),
    ("/api/users/{name}/activity", activity.ActivityHandler),
    ("/api/groups", groups.GroupsHandler),
    ("/api/groups/{group}", groups.GroupHandler),
    ("/api/groups/{group}/users", groups.GroupUsersHandler),
    ("/api/groups/{group}/properties", groups.GroupPropertiesHandler),
    ("/api/users/{name}/tokens", tokens.TokensHandler),
    ("/api/users/{name}/tokens/{token}", tokens.TokenHandler),
    ("/api/users/{name}/sessions", sessions.SessionsHandler),
    ("/api/shares/{name}", shares.SharesOfOwnerHandler),
    ("/api/shares/{name}/{server?}", shares.SharesOfServerHandler),
    ("/api/share-codes/{name}", shares.CodesOfOwnerHandler),
    ("/api/share-codes/{name}/{server?}", shares.CodesOfServerHandler),
    ("/api/users/{name}/shared", shares.SharedWithUserHandler),
    ("/api/users/{name}/shared/{owner}/{server?}", shares.ShareOfUserHandler),
    ("/api/groups/{group}/shared", shares.SharedWithGroupHandler),
    ("/api/groups/{group}/shared/{owner}/{server?}", shares.ShareOfGroupHandler),
    ("/api/users/{name}/admin-access", authorizations.AdminAccessHandler),
    ("/api/services", services.ServicesHandler),
    ("/api/services/{service}", services.ServiceHandler),
    ("/api/proxy", proxy.ProxyHandler),
    ("/api/audit", audit.AuditHandler),
    ("/api/shutdown", hub.ShutdownHandler),
    ("/api/authorizations/token", authorizations.TokenOwnerHandler),
    ("/api/authorizations/token/{token}", authorizations.TokenOwnerHandler),
    ("/api/authorizations/cookie/{cookie}", authorizations.CookieOwnerHandler),
    ("/api/authorizations/cookie/{cookie}/{value}", authorizations.CookieOwnerHandler),
    ("/api/oauth2/authorize", consent.AuthorizeHandler),
    ("/api/oauth2/token", oauth.TokenForCodeHandler),
)

CALLS = calls_of((*API, (PATH, OpenAPIHandler)))
"""All calls of the API."""


def routes(context: WebContext) -> list[Any]:
    """Return the routes in lookup order; those of plugins precede the catch-all routes."""
    base = re.escape(context.services.settings.base_url)
    below = re.escape(context.services.settings.hub_prefix.rstrip("/"))
    plugins = [URLSpec(below + page.path, page.handler, dict(page.options)) for page in context.pages]
    # Routes are tried in order, so the most requested ones come first.
    api = [(pattern_of(path), handler) for path, handler in API]
    own = [URLSpec(below + pattern, handler) for pattern, handler in (*api, *PAGES)]
    document = describe(CALLS, f"{context.services.settings.hub_prefix}api")
    return [
        *own,
        URLSpec(below + PATH, OpenAPIHandler, {"document": document}),
        *plugins,
        URLSpec(rf"{below}/api/(.*)", UnknownHandler),
        URLSpec(rf"{below}/(.*)", root.NotFoundHandler),
        *([URLSpec(base[:-1], root.SlashHandler)] if context.services.settings.base_url != "/" else []),
        URLSpec(rf"{base}favicon\.ico", small_pages.FaviconHandler),
        URLSpec(rf"{base}(?!hub/)(.*)", root.PrefixHandler),
    ]
