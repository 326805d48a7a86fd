"""Services through the API: looking at all, making and deleting those that the config file does not name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from plughub.domain.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    ReadOnlyError,
)
from plughub.domain.names import shorten
from plughub.domain.plain_json import plain_json
from plughub.domain.roles import ADMIN_ROLE, default_role
from plughub.domain.scopes import ScopeCoverage, ScopeOwner, ScopeTree, excess_scopes
from plughub.domain.scopes.definitions import INHERIT, SELF, SELF_SCOPES
from plughub.domain.scopes.filters import parse_scope
from plughub.domain.service_specs import read_service
from plughub.domain.services import Service, ServiceDeclaration
from plughub.services.hub_services.registration import delete_service, store_service
from plughub.services.settings import HubSettings
from plughub.services.tokens.principals import Principal
from plughub.storage.store import Store, Transaction


class ServiceAdmin:
    """What may be asked of services.

    Args:
        store: the storage.
        settings: of the hub.
        tree: the scopes of the hub.
    """

    def __init__(self, store: Store, settings: HubSettings, tree: ScopeTree) -> None:
        self._store = store
        self._settings = settings
        self._tree = tree

    async def get(self, name: str) -> Service:
        """Find a service.

        Args:
            name: its name.

        Returns:
            The service.

        Raises:
            NotFoundError: there is no such service.
        """
        return await self._store.read(lambda tx: _there(tx, name))

    async def within(self, reach: ScopeCoverage) -> list[Service]:
        """List services.

        Args:
            reach: only services in this reach.

        Returns:
            The services by name.
        """
        return await self._store.read(lambda tx: tx.services.within(reach))

    async def create(self, name: str, spec: Mapping[str, Any], by: Principal) -> Service:
        """Store a service that somebody else starts; it stays over restarts of the hub.

        Requests for one with a url are led to it by whoever sees to the routes.

        Args:
            name: its name.
            spec: what it is, as in a config file, without a command.
            by: who asks.

        Returns:
            The service.

        Raises:
            InvalidError: it is not good, or asks for scopes that who asks does not hold.
            ConflictError: there is a service of this name.
        """
        if not spec:
            raise InvalidError("Invalid service data: say at least one thing about the service")
        if spec.get("name") not in {None, name}:
            raise InvalidError("the name in the body is another one than in the path")
        declaration = read_service({**spec, "name": name}, from_config=False)
        plain_json(declaration.info, "the info of the service")

        def work(tx: Transaction) -> Service:
            if tx.services.get(name) is not None:
                raise ConflictError(f"Service {shorten(name)} already exists")
            self._check_grant(tx, declaration, by)
            service = store_service(tx, declaration, self._settings.base_url)
            if declaration.admin:
                tx.roles.grant(ADMIN_ROLE, "service", [name])
                service = _there(tx, name)
            return service

        return await self._store.write(work)

    async def delete(self, name: str) -> None:
        """Forget a service, its tokens, and what visitors let it do.

        Args:
            name: its name.

        Raises:
            NotFoundError: there is no such service.
            ReadOnlyError: it stands in the config file.
        """

        def work(tx: Transaction) -> None:
            service = _there(tx, name)
            if service.from_config:
                raise ReadOnlyError(
                    f"Service {shorten(name)} is not modifiable at runtime",
                    hint="it stands in the config file",
                )
            delete_service(tx, service)
            tx.service_lives.forget(name, "")

        await self._store.write(work)

    def _check_grant(self, tx: Transaction, declaration: ServiceDeclaration, by: Principal) -> None:
        """Refuse what who asks may not do: nobody grants what they do not hold."""
        what = f"oauth_client_allowed_scopes of service {declaration.name!r}"
        self._tree.check(declaration.oauth_scopes, what)
        roles = {role.name: role.scopes for role in tx.roles.all()} if declaration.oauth_roles else {}
        raw = set(declaration.oauth_scopes).union(*(roles.get(name, ()) for name in declaration.oauth_roles))
        wanted = {found for scope in raw for found in _of_any_visitor(scope)}
        if declaration.admin or INHERIT in raw:
            wanted.update(default_role(ADMIN_ROLE).scopes)
        asked = self._tree.expand(wanted, ScopeOwner(service=declaration.name))
        if excess := excess_scopes(asked, by.scopes):
            more = ", ".join(sorted(excess)[:5])
            raise InvalidError(f"service {declaration.name!r} would get scopes that you do not hold: {more}")


def _of_any_visitor(scope: str) -> Collection[str]:
    """Name what a service gets by a scope: what is the visitor's is that of anybody who comes."""
    base, limit = parse_scope(scope)
    if base == SELF:
        return SELF_SCOPES
    return (scope,) if limit is None or limit.value or limit.kind == "service" else (base,)


def _there(tx: Transaction, name: str) -> Service:
    service = tx.services.get(name)
    if service is None:
        raise NotFoundError(f"there is no service {shorten(name)}")
    return service
