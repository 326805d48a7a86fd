"""What the services ask of the storage about services, and about those of them that run."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from plughub.domain.scopes import Reach
from plughub.domain.services import Service, ServiceDeclaration, ServiceLife


class Services(Protocol):
    """Services."""

    def get(self, name: str) -> Service | None:
        """Find a service."""

    def within(self, reach: Reach) -> list[Service]:
        """List the services in a reach by name."""

    def save(self, service: ServiceDeclaration) -> Service:
        """Store a service, or bring it up to date; its tokens and OAuth client are stored apart."""

    def set_client(self, service_id: int, client_id: str) -> None:
        """Note the OAuth client of a service; empty for none."""

    def delete(self, name: str) -> None:
        """Forget a service with its tokens."""

    def others(self, names: Collection[str]) -> list[Service]:
        """List the services that came from a configuration and are none of these."""

    def routed(self) -> list[Service]:
        """List the services to which requests are led: those that the hub starts once they have answered."""

    def token_ids(self, service_id: int) -> list[int]:
        """List the keys of the tokens of a service."""


class ServiceLives(Protocol):
    """Services that run or should."""

    def all(self) -> list[ServiceLife]:
        """List what is known, by name."""

    def launching(self, name: str, *, host: str, launch: str, digest: str) -> None:
        """Store that a start is about to touch the world."""

    def launched(self, name: str, launch: str, pid: int, started: str) -> bool:
        """Store which process a start led to; False when somebody else has started it since."""

    def ended(self, name: str, launch: str) -> None:
        """Store that nothing is left of a start."""

    def answers(self, name: str, launch: str, *, well: bool) -> bool:
        """Store whether a service answered since a start; False when it was started anew since.

        The start is empty for a service that the hub does not start. Who has answered once is routed.
        """

    def withdraw(self, name: str, launch: str) -> None:
        """Lead nobody to a service until it answers again, unless it was started since."""

    def forget(self, name: str, launch: str) -> None:
        """Forget what is known of a service, unless somebody else has started it since."""
