"""Routes of the API, relative to the hub's prefix."""

from __future__ import annotations

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
    usage,
    usage_reports,
    users,
)
from plughub.web.api.calls import calls_of
from plughub.web.api.openapi import PATH, OpenAPIHandler
from plughub.web.pages import oauth as consent

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
    ("/api/users/{name}/server/usage", usage.UsageHandler),
    ("/api/users/{name}/servers/{server?}/usage", usage.UsageHandler),
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
    ("/api/usage", usage_reports.UsageReportHandler),
    ("/api/usage/runs", usage_reports.RunsHandler),
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
