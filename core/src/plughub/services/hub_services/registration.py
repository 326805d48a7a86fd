"""Storage of services with their tokens and OAuth clients."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace
from typing import Final

from plughub.domain.errors import InvalidError
from plughub.domain.oauth import OAuthClient
from plughub.domain.roles import TOKEN_ROLE
from plughub.domain.scopes.access_scopes import service_access_scopes
from plughub.domain.services import Service, ServiceDeclaration
from plughub.domain.tokens import GENERATED_ROUNDS, GIVEN_ROUNDS, hash_token, token_prefix
from plughub.domain.urls import service_url
from plughub.services.tokens.role_scopes import scopes_of_role
from plughub.storage.store import Transaction

log = logging.getLogger("plughub.services")
GENERATED: Final = "made by the hub for a service that it starts"
"""Note of a token that the hub created for a service; stored, so it stays as it is."""
GIVEN: Final = "from the configuration"
REQUESTED: Final = "given with the service through the API"


def store_services(
    tx: Transaction, declared: Collection[ServiceDeclaration], base_url: str, *, trusted: bool = False
) -> None:
    """Store the services of the configuration and delete those that are no longer in it.

    Services created through the API are kept.

    Args:
        tx: the transaction.
        declared: services from the config file.
        base_url: path of the whole application.
        trusted: whether configured tokens cannot be guessed, so that one hash round is enough.

    Raises:
        InvalidError: a token or an OAuth client belongs to another user or service.
    """
    for removed in tx.services.others([service.name for service in declared]):
        log.warning("deleting service %s: it is no longer in the configuration", removed.name)
        delete_service(tx, removed)
    for declaration in declared:
        known = tx.services.get(declaration.name)
        if known is not None and not known.from_config:
            log.warning("service %s, created through the API, is now in the configuration", known.name)
        store_service(tx, declaration, base_url, trusted=trusted)


def store_service(
    tx: Transaction, declaration: ServiceDeclaration, base_url: str, *, trusted: bool = False
) -> Service:
    """Create or update a service with its tokens and its OAuth client.

    Args:
        tx: the transaction.
        declaration: the service.
        base_url: path of the whole application.
        trusted: whether its tokens cannot be guessed, so that one hash round is enough.

    Returns:
        The stored service.

    Raises:
        InvalidError: a token or the OAuth client belongs to another user or service.
    """
    service = tx.services.save(replace(declaration, oauth_scopes=_scopes(tx, declaration)))
    _store_tokens(tx, service, declaration, rounds=GENERATED_ROUNDS if trusted else GIVEN_ROUNDS)
    _store_client(tx, service, declaration, base_url)
    return tx.services.get(service.name) or service


def delete_service(tx: Transaction, service: Service) -> None:
    """Delete a service with its tokens and its OAuth client."""
    if service.oauth_client_id:
        tx.oauth.delete_client(service.oauth_client_id)
    tx.tokens.delete(tx.services.token_ids(service.id))
    tx.services.delete(service.name)


def renew_token(tx: Transaction, service: Service, text: str) -> None:
    """Replace the token that the hub generated for a service by a new one."""
    tx.tokens.delete(_generated(tx, service))
    _create(tx, service, text, GENERATED, rounds=GENERATED_ROUNDS)
    client = tx.oauth.client(service.oauth_client_id) if service.oauth_client_id else None
    if client is not None:
        tx.oauth.save_client(replace(client, secret=hash_token(text, rounds=GENERATED_ROUNDS)))


def _scopes(tx: Transaction, declaration: ServiceDeclaration) -> tuple[str, ...]:
    """Return the scopes that visitors' tokens may hold; without scopes, those of the named roles."""
    if declaration.oauth_scopes or not declaration.oauth_roles:
        return declaration.oauth_scopes
    roles = {role.name: role.scopes for role in tx.roles.all()}
    if unknown := sorted(set(declaration.oauth_roles) - roles.keys()):
        raise InvalidError(f"oauth_roles of service {declaration.name!r}: there is no role {unknown[0]!r}")
    return tuple(sorted({scope for name in declaration.oauth_roles for scope in roles[name]}))


def _store_tokens(tx: Transaction, service: Service, declaration: ServiceDeclaration, *, rounds: int) -> None:
    """Replace the tokens of a service by the declared ones, and keep the one that the hub generated."""
    known = tx.services.token_ids(service.id)
    given = [token for token in (declaration.api_token, *declaration.more_tokens) if token]
    found = {token: tx.tokens.matching(token_prefix(token), token) for token in given}
    if set(found.values()) - {None, *known}:
        raise InvalidError(f"a token of service {service.name!r} already belongs to another user or service")
    current_keys = set(found.values())
    if declaration.command and not declaration.api_token:
        current_keys.update(_generated(tx, service))
    tx.tokens.delete([key for key in known if key not in current_keys])
    for token in (token for token, key in found.items() if key is None):
        _create(tx, service, token, GIVEN if declaration.from_config else REQUESTED, rounds=rounds)


def _store_client(tx: Transaction, service: Service, declaration: ServiceDeclaration, base_url: str) -> None:
    identifier, before = declaration.oauth_client_id, service.oauth_client_id
    if before and before != identifier:
        tx.oauth.delete_client(before)
    if not identifier:
        return
    known = tx.oauth.client(identifier)
    if known is not None and (known.server_id is not None or known.service not in {"", service.name}):
        raise InvalidError(f"oauth_client_id {identifier!r} of service {service.name!r} is already in use")
    secret = known.secret if known is not None and declaration.command else ""
    tx.oauth.save_client(
        OAuthClient(
            identifier=identifier,
            secret=hash_token(declaration.api_token) if declaration.api_token else secret,
            redirect_uri=declaration.oauth_redirect_uri
            or f"{service_url(base_url, service.name)}oauth_callback",
            description=f"Service {service.name}",
            allowed_scopes=frozenset(_scopes(tx, declaration)) | service_access_scopes(service.name),
        )
    )
    tx.services.set_client(service.id, identifier)


def _generated(tx: Transaction, service: Service) -> list[int]:
    tokens = [tx.tokens.by_id(key) for key in tx.services.token_ids(service.id)]
    return [token.id for token in tokens if token is not None and token.note == GENERATED]


def _create(tx: Transaction, service: Service, token: str, note: str, *, rounds: int) -> None:
    tx.tokens.create(
        hashed=hash_token(token, rounds=rounds),
        prefix=token_prefix(token),
        service_id=service.id,
        note=note,
        scopes=scopes_of_role(tx, TOKEN_ROLE),
    )
