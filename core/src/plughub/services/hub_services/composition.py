"""Composition of the services that manage and check other programs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from plughub.domain.services import ServiceDeclaration
from plughub.services.basis import Basis
from plughub.services.hub_services.admin import ServiceAdmin
from plughub.services.hub_services.health_checks import ServiceChecks
from plughub.services.hub_services.launcher import Launcher
from plughub.services.hub_services.managed_services import ManagedServices


@dataclass(frozen=True, kw_only=True)
class ProgramServices:
    """Services of this package.

    Attributes:
        service_admin: finds, creates and deletes services.
        managed_services: starts and stops the services that the hub manages.
        service_checks: checks the health of services.
    """

    service_admin: ServiceAdmin
    managed_services: ManagedServices
    service_checks: ServiceChecks


def compose_programs(
    basis: Basis, declared: Collection[ServiceDeclaration], folder: Path, secret: bytes
) -> ProgramServices:
    """Create the services of this package.

    Args:
        basis: the basis.
        declared: services from the configuration.
        folder: folder for logs and marks of managed services.
        secret: signs the digests of managed services.
    """
    store, settings = basis.store, basis.settings
    return ProgramServices(
        service_admin=ServiceAdmin(store, settings, basis.tree),
        managed_services=ManagedServices(store, settings, Launcher(settings, folder, secret), declared),
        service_checks=ServiceChecks(store, settings),
    )
