"""Administration of services through the API."""

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
from plughub.domain.services import Service, ServiceDeclaration, ServiceState
from plughub.domain.words import _
from plughub.services.hub_services.health_checks import observed_services
from plughub.services.hub_services.registration import delete_service, store_service
from plughub.services.settings import HubSettings
from plughub.services.tokens.principals import Principal
from plughub.storage.store import Store, Transaction


class ServiceAdmin:
    """Finds, creates and deletes services.

    Args:
        store: the storage.
        settings: settings of the hub.
        tree: hierarchy of scopes.
    """

    def __init__(self, store: Store, settings: HubSettings, tree: ScopeTree) -> None:
        self._store = store
        self._settings = settings
        self._tree = tree

    async def get(self, name: str) -> Service:
        """Find a service.

        Raises:
            NotFoundError: there is no such service.
        """
        return await self._store.read(lambda tx: _existing(tx, name))

    async def within(self, coverage: ScopeCoverage) -> list[Service]:
        """Return the services covered by a scope, by name."""
        return await self._store.read(lambda tx: tx.services.within(coverage))

    async def states(self, coverage: ScopeCoverage) -> list[ServiceState]:
        """Return the services covered by a scope with their observed states, by name."""
        return await self._store.read(lambda tx: observed_services(tx, coverage))

    async def restart(self, name: str) -> None:
        """Request a restart of a managed service, or a start without delay if it does not run.

        The process that manages the services executes it.

        Raises:
            NotFoundError: there is no such service.
            ConflictError: the hub does not start the service.
        """

        def work(tx: Transaction) -> None:
            service = _existing(tx, name)
            if not service.command:
                raise ConflictError(
                    _("The hub does not run the service %(name)s.", name=shorten(name)),
                    hint=_("Restart it where it runs."),
                )
            tx.service_lives.request_restart(name)

        await self._store.write(work)

    async def revoke_token(self, name: str, token_id: int) -> bool:
        """Revoke a token of a service. The next start of the hub stores tokens of the config file again.

        Returns:
            False when the service has no such token.

        Raises:
            NotFoundError: there is no such service.
        """

        def work(tx: Transaction) -> bool:
            is_own = token_id in tx.services.token_ids(_existing(tx, name).id)
            tx.tokens.delete([token_id] if is_own else [])
            return is_own

        return await self._store.write(work)

    async def create(self, name: str, spec: Mapping[str, Any], by: Principal) -> Service:
        """Store an external service permanently; one with a URL gets a route.

        Args:
            name: its name.
            spec: its settings, as in a config file, without a command.
            by: the caller.

        Returns:
            The service.

        Raises:
            InvalidError: the settings are not valid, or request scopes that the caller does not hold.
            ConflictError: there is a service of this name.
        """
        if not spec:
            raise InvalidError("Invalid service data: at least one field is required")
        if spec.get("name") not in {None, name}:
            raise InvalidError("the name in the body differs from the name in the path")
        declaration = read_service({**spec, "name": name}, from_config=False)
        plain_json(declaration.info, "the info of the service")

        def work(tx: Transaction) -> Service:
            if tx.services.get(name) is not None:
                raise ConflictError(f"Service {shorten(name)} already exists")
            self._check_grant(tx, declaration, by)
            service = store_service(tx, declaration, self._settings.base_url)
            if declaration.admin:
                tx.roles.grant(ADMIN_ROLE, "service", [name])
                service = _existing(tx, name)
            return service

        return await self._store.write(work)

    async def delete(self, name: str) -> None:
        """Delete a service, its tokens, and its authorizations by users.

        Raises:
            NotFoundError: there is no such service.
            ReadOnlyError: it is defined in the config file.
        """

        def work(tx: Transaction) -> None:
            service = _existing(tx, name)
            if service.from_config:
                raise ReadOnlyError(
                    f"Service {shorten(name)} is not modifiable at runtime",
                    hint="it is defined in the config file",
                )
            delete_service(tx, service)
            tx.service_lives.forget(name, "")

        await self._store.write(work)

    def _check_grant(self, tx: Transaction, declaration: ServiceDeclaration, by: Principal) -> None:
        """Refuse scopes that the caller does not hold."""
        what = f"oauth_client_allowed_scopes of service {declaration.name!r}"
        self._tree.check(declaration.oauth_scopes, what)
        roles = {role.name: role.scopes for role in tx.roles.all()} if declaration.oauth_roles else {}
        raw = set(declaration.oauth_scopes).union(*(roles.get(name, ()) for name in declaration.oauth_roles))
        wanted = {found for scope in raw for found in _granted_by(scope)}
        if declaration.admin or INHERIT in raw:
            wanted.update(default_role(ADMIN_ROLE).scopes)
        asked = self._tree.expand(wanted, ScopeOwner(service=declaration.name))
        if excess := excess_scopes(asked, by.scopes):
            more = ", ".join(sorted(excess)[:5])
            raise InvalidError(f"service {declaration.name!r} would get scopes that you do not hold: {more}")


def _granted_by(scope: str) -> Collection[str]:
    """Return the scopes that a service gets from an allowed scope: ``self`` means those of any visitor."""
    base, limit = parse_scope(scope)
    if base == SELF:
        return SELF_SCOPES
    return (scope,) if limit is None or limit.value or limit.kind == "service" else (base,)


def _existing(tx: Transaction, name: str) -> Service:
    service = tx.services.get(name)
    if service is None:
        raise NotFoundError(f"there is no service {shorten(name)}")
    return service
