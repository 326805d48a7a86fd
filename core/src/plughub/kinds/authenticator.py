"""What goes in and out of the hooks of an authenticator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What somebody sent to log in.

    Attributes:
        username: the name, normalised; empty when the login needs none.
        password: the password as typed.
        form: every other field of the login form by name.
        remote_ip: address of the browser.
    """

    username: str
    password: str = field(default="", repr=False)
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    remote_ip: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedRole:
    """A role that an authenticator gives; who holds it besides stands in the other attributes.

    Attributes:
        name: its name; a role that is missing is made.
        description: what it is for; None leaves it as it is.
        scopes: what it may do; None leaves it as it is.
        users: exactly those users hold it; None says nothing of them.
        groups: exactly those groups hold it; None says nothing of them.
        services: exactly those services hold it; None says nothing of them.
    """

    name: str
    description: str | None = None
    scopes: tuple[str, ...] | None = None
    users: frozenset[str] | None = None
    groups: frozenset[str] | None = None
    services: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A person, as an authenticator knows her.

    Attributes:
        name: name of the user; the core normalises it.
        subject: what the plugin knows this person by for ever; the name when empty.
        plugin: the plugin that authenticated; the core fills it in.
        admin: whether she is an admin; None leaves it as it is.
        groups: her groups when the plugin manages groups; None leaves them as they are.
        roles: the roles that the plugin gives her when it manages roles; those that it gave before and
            does not name any more are taken away. None leaves them as they are.
        auth_state: JSON-able secrets to save, encrypted, and to hand to spawner and refresh. They are
            saved where ``enable_auth_state`` is set, of `c.Authenticator` for plugins without a class.
        exists: the person is a user already; the core fills it in. Where several authenticators are active
            that ``JupyterHub.one_person`` does not join, a user of the same name counts only when the person
            logged in by this one before or was added for it.
        admitted: an administrator added the user for this authenticator; the core fills it in. Such a
            person may log in unless they are blocked or ``allow_existing_users`` is set to False.
        user_info: what single-user servers may show: ``name``, ``display_name``, ``initials``,
            ``avatar_url``, ``color``.
        login_name: the name that the plugin gave, normalised; the core fills it in. It is another one
            than ``name`` once the user was renamed. Lists and groups of the plugin go by this name.
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
    """The login is refused and nobody else is asked.

    Attributes:
        reason: what the person reads.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A veto.

    Attributes:
        reason: what the person reads.
        status: HTTP status of the answer: 403 not allowed, 429 not now.
    """

    reason: str
    status: int = 403


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginMethod:
    """How a person logs in with a plugin.

    Attributes:
        label: name of the service on the login page, such as ``GitHub``.
        url: address below the hub's prefix that begins a login elsewhere; None for the form.
        form: the plugin is asked with what the form for name and password sends.
        request_otp: the form asks for a one-time password too (field ``otp``).
        otp_prompt: what stands before that field.
        html: markup, vouched for by the plugin, that takes the place of the form; empty for the form.
        auto: the login page goes to the address at once.
        auto_oauth: it does so for who comes from a server or service that asks who is there.
    """

    label: str = ""
    url: str | None = None
    form: bool = True
    request_otp: bool = False
    otp_prompt: str = "OTP:"
    html: str = ""
    auto: bool = False
    auto_oauth: bool = False
