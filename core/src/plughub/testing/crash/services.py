"""Checks of managed services: each runs once, with the right token and OAuth client."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from plughub.domain.scopes import ScopeCoverage
from plughub.domain.services import Service, ServiceLife
from plughub.domain.tokens import compare_token, token_prefix
from plughub.services.hub_services.registration import GENERATED
from plughub.storage.store import Transaction

TOKEN: Final = "JUPYTERHUB_API_TOKEN"
NAME: Final = "JUPYTERHUB_SERVICE_NAME"
LAUNCH: Final = "PLUGHUB_OPERATION"


def faults_of_services(tx: Transaction, running: Collection[tuple[int, Mapping[str, str]]]) -> Iterator[str]:
    """Compare the running services with those that should run.

    Args:
        tx: the transaction.
        running: process id and environment variables of each running service.

    Yields:
        Sentences.
    """
    lives = {life.name: life for life in tx.service_lives.all()}
    services = {service.name: service for service in tx.services.within(ScopeCoverage(everything=True))}
    for pid, environment in running:
        if not services.get(environment[NAME], _NOBODY).command:
            yield f"process {pid} of service {environment[NAME]} belongs to no service"
    for name, service in services.items():
        if service.command:
            own = [found for found in running if found[1][NAME] == name]
            yield from _faults_of(tx, service, lives.get(name), own)
        if service.oauth_client_id and tx.oauth.client(service.oauth_client_id) is None:
            yield f"service {name} has no OAuth client"
    for name in lives.keys() - services.keys():
        yield f"service {name} is deleted, but its process is still recorded"


def _faults_of(
    tx: Transaction,
    service: Service,
    life: ServiceLife | None,
    running: Collection[tuple[int, Mapping[str, str]]],
) -> Iterator[str]:
    if len(running) != 1:
        yield f"service {service.name} has {len(running)} processes"
        return
    ((pid, environment),) = running
    if life is None or (life.launch, life.pid) != (environment[LAUNCH], pid):
        yield f"service {service.name} runs as {pid}, which is not recorded"
    tokens = [tx.tokens.by_id(key) for key in tx.services.token_ids(service.id)]
    made = [token.id for token in tokens if token is not None and token.note == GENERATED]
    text = environment[TOKEN]
    if made != [tx.tokens.matching(token_prefix(text), text)]:
        yield f"service {service.name} has {len(made)} tokens made by the hub, or uses another one"
    client = tx.oauth.client(service.oauth_client_id) if service.oauth_client_id else None
    if client is not None and not compare_token(text, client.secret):
        yield f"the OAuth client of service {service.name} has another secret"


_NOBODY: Final = Service(id=0, name="")
