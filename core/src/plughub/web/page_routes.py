"""Routes of the pages, relative to the hub's prefix."""

from __future__ import annotations

from plughub.web.admin_routes import ADMIN_PAGES
from plughub.web.api import health, metrics
from plughub.web.pages import (
    confirmation,
    home,
    login,
    logout,
    logs,
    root,
    server,
    share,
    shares,
    small_pages,
    spawn,
    spawn_pending,
    token,
)

_NAME = r"([^/]+)"

PAGES: tuple[tuple[str, type], ...] = (
    (r"/", root.RootHandler),
    (r"", root.SlashHandler),
    (r"/home", home.HomeHandler),
    (r"/login", login.LoginHandler),
    (r"/login/onetime", login.OneTimeHandler),
    (r"/logout", logout.LogoutHandler),
    (r"/confirm", confirmation.ConfirmHandler),
    (r"/spawn/?", spawn.SpawnHandler),
    (rf"/spawn/{_NAME}/?", spawn.SpawnHandler),
    (rf"/spawn/{_NAME}/{_NAME}", spawn.SpawnHandler),
    (rf"/spawn-pending/{_NAME}/?", spawn_pending.SpawnPendingHandler),
    (rf"/spawn-pending/{_NAME}/{_NAME}", spawn_pending.SpawnPendingHandler),
    (rf"/logs/{_NAME}/?", logs.LogPageHandler),
    (rf"/logs/{_NAME}/{_NAME}", logs.LogPageHandler),
    (rf"/user/{_NAME}((?:/.*)?)", server.UserUrlHandler),
    (r"/user-redirect/?(.*)", server.UserRedirectHandler),
    (r"/token", token.TokenPageHandler),
    (r"/accept-share", share.AcceptShareHandler),
    (r"/shares", shares.SharesHandler),
    (r"/error/(\d{3})", small_pages.ProxyErrorHandler),
    (r"/health", health.HealthHandler),
    (r"/metrics", metrics.MetricsHandler),
    (r"/logo", small_pages.LogoHandler),
    (r"/favicon\.ico", small_pages.FaviconHandler),
    (r"/security/csp-report", small_pages.CSPReportHandler),
    *ADMIN_PAGES,
)
