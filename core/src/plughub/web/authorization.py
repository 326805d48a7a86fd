"""One way to say which scopes a request needs, and one place that checks it."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from plughub.domain.confirmation import needs_confirmation
from plughub.domain.errors import ForbiddenError, NotFoundError
from plughub.domain.names import normalize_username
from plughub.domain.scopes import Access, ScopeCoverage, ScopeFilter, check_scopes, reach_of
from plughub.web.base import BaseHandler

Method = TypeVar("Method", bound=Callable[..., Any])
Resource = Callable[..., ScopeFilter | None]
NOT_TO_BE_SEEN = "No access to resources or resources not found"


def of_user(user: str, *_rest: str) -> ScopeFilter:
    """The request is about the user that its path names."""
    return ScopeFilter.user(user)


def of_new_user(user: str, *_rest: str) -> ScopeFilter:
    """The request is about a user that it makes, whose name may be typed in any form."""
    return ScopeFilter.user(normalize_username(user))


def of_server(user: str, server: str = "", *_rest: str) -> ScopeFilter:
    """The request is about the server that its path names."""
    return ScopeFilter.server(user, server)


def of_group(group: str, *_rest: str) -> ScopeFilter:
    """The request is about the group that its path names."""
    return ScopeFilter.group(group)


def of_service(service: str, *_rest: str) -> ScopeFilter:
    """The request is about the service that its path names."""
    return ScopeFilter.service(service)


def of_nothing(*_path: str) -> None:
    """The request is about no single thing: a scope with a filter does not reach it."""


def never(_handler: BaseHandler) -> bool:
    """The request always needs its scopes."""
    return False


def requires(
    *scopes: str, about: Resource = of_nothing, unless: Callable[[BaseHandler], bool] = never
) -> Callable[[Method], Method]:
    """Let a method of a handler run only for who holds one of some scopes for what the path names.

    Args:
        scopes: names without filters; none for whoever is logged in.
        about: gets the parts of the path and names the resource.
        unless: tells whether anybody may do it here.

    Returns:
        The decorator.

    Raises:
        UnauthorizedError: nobody is logged in.
        ForbiddenError: none of the scopes is held at all.
        NotFoundError: they are held for other resources only.
    """

    async def check(handler: BaseHandler, path: tuple[str, ...]) -> None:
        if unless(handler):
            return
        if scopes:
            await check_access(handler, scopes, about(*path))
        else:
            _ = handler.visitor

    return _checking(check, scopes)


def lists(scope: str, *, kinds: tuple[str, ...]) -> Callable[[Method], Method]:
    """Let a method that lists things run for who holds a scope, also with a filter: the list is cut to it.

    The method must ask `reach_in_list` what it may list.

    Args:
        scope: name without a filter.
        kinds: filters by which the method cuts its list; with others the scope does not count.

    Returns:
        The decorator.

    Raises:
        UnauthorizedError: nobody is logged in.
        ForbiddenError: the scope is not held, or only with filters that mean nothing here.
    """

    async def check(handler: BaseHandler, _path: tuple[str, ...]) -> None:
        reach = reach_of(handler.visitor.scopes, scope)
        if not reach.everything and not any(getattr(reach, f"{kind}s") for kind in kinds):
            raise _missing((scope,))

    return _checking(check, (scope,))


def reach_in_list(handler: BaseHandler, scope: str) -> ScopeCoverage:
    """Tell what a list may hold.

    Args:
        handler: of the request, its method decorated with `lists`.
        scope: the same as there.

    Returns:
        What the scope reaches.
    """
    return reach_of(handler.visitor.scopes, scope)


def _checking(
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
    """Check that whoever makes a request holds one of some scopes for a resource.

    Args:
        handler: of the request.
        scopes: names without filters.
        resource: what the request is about.

    Raises:
        UnauthorizedError: nobody is logged in.
        ForbiddenError: none of the scopes is held at all.
        NotFoundError: they are held for other resources only.
        UnconfirmedError: the login is too old for it.
    """
    held = handler.visitor.scopes
    scopes = tuple(scopes)
    access = check_scopes(held, scopes, resource)
    if access is Access.FILTERED and any(reach_of(held, scope).groups for scope in scopes):
        access = check_scopes(held, scopes, resource, await _groups(handler, resource))
    if access is Access.MISSING:
        raise _missing(scopes)
    if access is Access.FILTERED:
        raise NotFoundError(NOT_TO_BE_SEEN)
    name = handler.visitor.name if handler.visitor.is_user else ""
    if needs_confirmation(handler.request.method or "", scopes, resource, name):
        handler.require_confirmation()


def _missing(scopes: tuple[str, ...]) -> ForbiddenError:
    return ForbiddenError(
        f"Action is not authorized with current scopes; requires any of [{', '.join(scopes)}]"
    )


async def _groups(handler: BaseHandler, resource: ScopeFilter | None) -> tuple[str, ...]:
    """Look up the groups of the user that a resource belongs to; nobody's when there is no such user."""
    if resource is None or not resource.user_name:
        return ()
    try:
        user = await handler.find_user(resource.user_name)
    except NotFoundError:
        return ()
    return user.groups
