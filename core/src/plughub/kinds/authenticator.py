"""Records that the hooks of an authenticator take and return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Credentials of a login attempt.

    Attributes:
        username: the normalised username; empty if the login needs none.
        password: the password as typed.
        form: every other field of the login form by name.
        remote_ip: address of the browser.
        own_page: whether a page of the plugin submitted it, with ``PageHandler.log_in_with_form``. False for
            the hub's form, which anyone can fill in.
    """

    username: str
    password: str = field(default="", repr=False)
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    remote_ip: str = ""
    own_page: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestInfo:
    """HTTP request of a login or of a refresh, without the hub's own secrets.

    It lacks the headers ``Authorization``, ``Proxy-Authorization`` and ``X-XSRFToken``, the cookies of hub
    and servers (``jupyterhub-*`` and ``_xsrf*``, also with the prefix ``__Host-``), the argument ``_xsrf``,
    and uploaded files. The hub limits the headers to 64 KiB and the body to 1 MiB, or 32 KiB without a login.

    A client can send any header. A plugin may trust one only if a web server in front of the hub sets or
    removes it in every request, and if users cannot reach the hub without that web server.

    Attributes:
        method: ``GET``, ``POST`` and so on.
        protocol: ``http`` or ``https``, as the browser used it.
        host: host and port as the browser addressed the hub.
        path: path of the URL, escaped.
        remote_ip: address of the browser, as in `Login.remote_ip`: forwarded addresses count only if trusted
            proxies report them.
        headers: names and values in the order sent.
        cookies: values of the other cookies by name.
        query: values of each argument in the URL.
        form: values of each field of the login form, including the password; empty for other requests.
    """

    method: str = "GET"
    protocol: str = "http"
    host: str = ""
    path: str = "/"
    remote_ip: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    form: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    def header(self, name: str, default: str = "") -> str:
        """Return the values of a header, joined by commas.

        Args:
            name: its name; case is ignored.
            default: the result if the header is missing.
        """
        values = [value for known, value in self.headers if known.lower() == name.lower()]
        return ",".join(values) if values else default

    @property
    def uri(self) -> str:
        """Path and query."""
        return f"{self.path}?{urlencode(self.query, doseq=True)}" if self.query else self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedRole:
    """Role that an authenticator defines or assigns.

    Attributes:
        name: its name; a missing role is created.
        description: its purpose; None keeps the stored description.
        scopes: its scopes; None keeps the stored scopes.
        users: the complete set of users who hold it; None leaves the users unchanged.
        groups: the complete set of groups that hold it; None leaves the groups unchanged.
        services: the complete set of services that hold it; None leaves the services unchanged.
    """

    name: str
    description: str | None = None
    scopes: tuple[str, ...] | None = None
    users: frozenset[str] | None = None
    groups: frozenset[str] | None = None
    services: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """User as described by an authenticator.

    Attributes:
        name: username; the core normalises it.
        subject: permanent id of the user at the plugin; empty if it is the name.
        plugin: name of the plugin that authenticated the user; set by the core.
        admin: whether the user is an admin; None keeps the stored flag.
        groups: the user's groups if the plugin manages groups; None keeps the stored groups.
        roles: the user's roles if the plugin manages roles. Roles that the plugin assigned before and that
            are missing here are revoked. None keeps the stored roles.
        auth_state: JSON-able secrets to save, encrypted, and to pass to the spawner and to
            `hub_refresh_user`. They are saved only if ``enable_auth_state`` is set (of `c.Authenticator` for
            plugins without a class).
        exists: whether the user is stored already; set by the core. If several authenticators are active
            that ``JupyterHub.one_person`` does not join, a stored user of the same name counts only if they
            logged in with this authenticator before or were added for it.
        admitted: whether an administrator added the user for this authenticator; set by the core. Such a
            user may log in unless they are blocked or ``allow_existing_users`` is False.
        user_info: what single-user servers may show: ``name``, ``display_name``, ``initials``,
            ``avatar_url``, ``color``.
        login_name: the name that the plugin returned, normalised; set by the core. It differs from ``name``
            after the user was renamed. Lists and groups of the plugin refer to this name.
    """

    name: str
    subject: str = ""
    plugin: str = ""
    admin: bool | None = None
    groups: frozenset[str] | None = None
    roles: tuple[ManagedRole, ...] | None = None
    auth_state: Mapping[str, Any] | None = field(default=None, repr=False)
    user_info: Mapping[str, Any] = field(default_factory=dict)
    exists: bool = False
    admitted: bool = False
    login_name: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Refusal of a login without asking other authenticators.

    Attributes:
        reason: the message that the user reads.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Veto of a login, a start or a user.

    Attributes:
        reason: the message that the user reads.
        status: HTTP status of the answer: 403 for not allowed, 429 for not now.
    """

    reason: str
    status: int = 403


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginMethod:
    """Way to log in with a plugin.

    Attributes:
        label: name of the service on the login page, such as ``GitHub``.
        url: address that begins a login at another site: a path below the hub's prefix, such as
            ``oauth_login``, or a complete URL. None for the form, or if the plugin has a page ``/login``.
        form: whether the plugin gets the fields of the login form.
        request_otp: whether the form has a field ``otp`` for a one-time password.
        otp_prompt: label of that field.
        html: markup that replaces the form and that the hub does not escape; empty for the form.
        auto: whether the login page redirects to ``url`` immediately.
        auto_oauth: whether it redirects immediately if a server or service requested the login by OAuth.
        logout_redirect: address to which the browser goes after a logout from a session of this plugin, in
            the form of ``url``; empty for the login page.
    """

    label: str = ""
    url: str | None = None
    form: bool = True
    request_otp: bool = False
    otp_prompt: str = "OTP:"
    html: str = ""
    auto: bool = False
    auto_oauth: bool = False
    logout_redirect: str = ""
