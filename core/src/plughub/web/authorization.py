"""Decorators and checks for the scopes that a request needs."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, TypeVar

from plughub.domain.confirmation import needs_confirmation
from plughub.domain.errors import ForbiddenError, NotFoundError
from plughub.domain.names import normalize_username
from plughub.domain.scopes import Access, ScopeCoverage, ScopeFilter, check_scopes, coverage_of
from plughub.domain.words import _
from plughub.web.base import BaseHandler

Method = TypeVar("Method", bound=Callable[..., Any])
Resource = Callable[..., ScopeFilter | None]
LOG_SCOPES: Final = ("start:servers", "admin:server_state")
"""Scopes of which one is needed to read what a server wrote: those of its owner and of administrators.

Those who only use a server, such as users with whom it is shared, may not know what its process writes about
others. Those who only read or stop servers, such as services that stop idle ones, do not need it.
"""
NO_ACCESS = _("No access to resources or resources not found")


def of_user(user: str, *_rest: str) -> ScopeFilter:
    """Return the filter of the user in the path."""
    return ScopeFilter.user(user)


def of_new_user(user: str, *_rest: str) -> ScopeFilter:
    """Return the filter of a user to create; the name in the path is normalized first."""
    return ScopeFilter.user(normalize_username(user))


def of_server(user: str, server: str = "", *_rest: str) -> ScopeFilter:
    """Return the filter of the server in the path."""
    return ScopeFilter.server(user, server)


def of_group(group: str, *_rest: str) -> ScopeFilter:
    """Return the filter of the group in the path."""
    return ScopeFilter.group(group)


def of_service(service: str, *_rest: str) -> ScopeFilter:
    """Return the filter of the service in the path."""
    return ScopeFilter.service(service)


def of_no_resource(*_path: str) -> None:
    """Return no filter: the request is about no single resource, so only unfiltered scopes allow it."""


def never(_handler: BaseHandler) -> bool:
    """Return False: the request always needs its scopes."""
    return False


def requires(
    *scopes: str, about: Resource = of_no_resource, unless: Callable[[BaseHandler], bool] = never
) -> Callable[[Method], Method]:
    """Require one of several scopes for the resource that the path names.

    Args:
        scopes: names without filters; none if any logged-in user may make the request.
        about: returns the resource from the parts of the path.
        unless: returns whether the request is open to everybody.

    Returns:
        A decorator for methods of handlers.

    Raises:
        UnauthorizedError: the request has no valid login.
        ForbiddenError: the principal holds none of the scopes.
        NotFoundError: the principal holds the scopes for other resources only.
    """

    async def check(handler: BaseHandler, path: tuple[str, ...]) -> None:
        if unless(handler):
            return
        if scopes:
            await check_access(handler, scopes, about(*path))
        else:
            _ = handler.visitor

    return _decorator(check, scopes)


def lists(scope: str, *, kinds: tuple[str, ...]) -> Callable[[Method], Method]:
    """Require a scope, filtered or not, for a method that lists resources.

    The method must limit its list to the result of `list_coverage`.

    Args:
        scope: name without a filter.
        kinds: filters by which the method limits its list; scopes with other filters are not accepted.

    Returns:
        A decorator for methods of handlers.

    Raises:
        UnauthorizedError: the request has no valid login.
        ForbiddenError: the principal does not hold the scope, or only with other filters.
    """

    async def check(handler: BaseHandler, _path: tuple[str, ...]) -> None:
        coverage = coverage_of(handler.visitor.scopes, scope)
        if not coverage.everything and not any(getattr(coverage, f"{kind}s") for kind in kinds):
            raise _missing((scope,))

    return _decorator(check, (scope,))


def list_coverage(handler: BaseHandler, scope: str) -> ScopeCoverage:
    """Return what a list may contain, for a method decorated with `lists` for the same scope."""
    return coverage_of(handler.visitor.scopes, scope)


def _decorator(
    check: Callable[[BaseHandler, tuple[str, ...]], Awaitable[None]], scopes: tuple[str, ...]
) -> Callable[[Method], Method]:
    def decorate(method: Method) -> Method:
        @functools.wraps(method)
        async def checked(handler: BaseHandler, *path: str) -> None:
            await check(handler, path)
            answer: Awaitable[None] | None = method(handler, *path)
            if answer is not None:
                await answer

        checked.scopes = scopes  # type: ignore[attr-defined]
        return checked  # type: ignore[return-value]

    return decorate


async def check_access(handler: BaseHandler, scopes: Iterable[str], resource: ScopeFilter | None) -> None:
    """Check that the principal holds one of several scopes for a resource.

    Args:
        handler: handler of the request.
        scopes: names without filters.
        resource: what the request is about; None for no single resource.

    Raises:
        UnauthorizedError: the request has no valid login.
        ForbiddenError: the principal holds none of the scopes.
        NotFoundError: the principal holds the scopes for other resources only.
        UnconfirmedError: the action needs a more recent login.
    """
    scopes = tuple(scopes)
    access = await access_to(handler, scopes, resource)
    if access is Access.MISSING:
        raise _missing(scopes)
    if access is Access.FILTERED:
        raise NotFoundError(NO_ACCESS)
    name = handler.visitor.name if handler.visitor.is_user else ""
    if needs_confirmation(handler.request.method or "", scopes, resource, name):
        handler.require_confirmation()


async def access_to(handler: BaseHandler, scopes: tuple[str, ...], resource: ScopeFilter | None) -> Access:
    """Return whether the principal holds one of several scopes for a resource, by groups of its user as well.

    Args:
        handler: handler of the request.
        scopes: names without filters.
        resource: what the request is about; None for no single resource.

    Raises:
        UnauthorizedError: the request has no valid login.
    """
    held = handler.visitor.scopes
    access = check_scopes(held, scopes, resource)
    if access is Access.FILTERED and any(coverage_of(held, scope).groups for scope in scopes):
        access = check_scopes(held, scopes, resource, await _groups(handler, resource))
    return access


def _missing(scopes: tuple[str, ...]) -> ForbiddenError:
    return ForbiddenError(
        f"Action is not authorized with current scopes; requires any of [{', '.join(scopes)}]"
    )


async def _groups(handler: BaseHandler, resource: ScopeFilter | None) -> tuple[str, ...]:
    """Return the groups of the resource's user; empty when there is no such user."""
    if resource is None or not resource.user_name:
        return ()
    try:
        user = await handler.find_user(resource.user_name)
    except NotFoundError:
        return ()
    return user.groups
