"""Begin and end of the login session of a browser, for the hub's own pages and those of plugins."""

from __future__ import annotations

from collections.abc import Mapping

from plughub.domain.sessions import SessionRequest
from plughub.domain.users import User
from plughub.services.users.login import Session
from plughub.web.pages.base import PageHandler
from plughub.web.pages.root import landing


def requested_session(handler: PageHandler, only: str = "") -> SessionRequest:
    """Return the parameters of a session that replaces the browser's current one.

    Args:
        handler: handler of the request.
        only: name of the only user who may log in; empty for any user.
    """
    before = handler.principal.session if handler.principal else None
    return SessionRequest(agent=handler.client.agent, before=before, only=only)


async def log_in_with_fields(
    handler: PageHandler,
    username: str,
    password: str,
    form: Mapping[str, str] | None,
    *,
    only: str = "",
    plugin: str | None = None,
) -> Session:
    """Log in with the fields of a form, replacing any current login of the browser.

    Args:
        handler: handler of the request.
        username: as typed.
        password: as typed.
        form: the other fields.
        only: name of the only user who may log in; empty for any user.
        plugin: the only authenticator to ask; None for all.

    Raises:
        ForbiddenError: the credentials are refused; the message is for the user.
        TooManyError: too many attempts; the message is for the user.
        UnavailableError: an authenticator is not available, or too many users log in.
    """
    return await handler.services.logins.log_in(
        username,
        password,
        form,
        remote_ip=handler.client.remote_ip,
        request=handler.request_info(form=True),
        wanted=requested_session(handler, only),
        plugin=plugin,
    )


async def begin_session(handler: PageHandler, session: Session, next_url: str = "") -> str:
    """Set the cookies of a new session.

    Args:
        handler: handler of the request.
        session: the login.
        next_url: address to continue to; empty for the one that the request names, or the default.

    Returns:
        The address to continue to.
    """
    if session.session is not None:
        handler.cookie_jar.log_in(session.key, session.session)
    return await landing(handler, session.user, next_url)


async def end_session(handler: PageHandler) -> None:
    """Log out: end the session, and clear the cookies and stored data of the browser."""
    principal = handler.principal
    if principal is not None:
        with handler.context.metrics.time_logout():
            if principal.session is not None:
                remote_ip = handler.request.remote_ip or ""
                await handler.services.logins.log_out(principal.user, principal.session, remote_ip=remote_ip)
        if handler.context.options.stop_on_logout:
            await _stop_servers(handler, principal.user)
    handler.clear_stored_data()
    handler.cookie_jar.clear()


async def _stop_servers(handler: PageHandler, user: User) -> None:
    """Stop the user's running servers in the background."""
    for server in await handler.services.servers.of_user(user):
        if server.ready:
            await handler.services.servers.stop(server, by=handler.actor)
