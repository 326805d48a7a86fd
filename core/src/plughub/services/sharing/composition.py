"""Composition of the services of shares."""

from __future__ import annotations

from dataclasses import dataclass

from plughub.services.basis import Basis
from plughub.services.sharing.codes import ShareCodeService
from plughub.services.sharing.shares import SharingService


@dataclass(frozen=True, kw_only=True)
class SharingServices:
    """Services of this package.

    Attributes:
        sharing: grants and revokes shares of servers.
        share_codes: creates and accepts share codes.
    """

    sharing: SharingService
    share_codes: ShareCodeService


def compose_sharing(basis: Basis) -> SharingServices:
    """Create the services of this package."""
    return SharingServices(
        sharing=SharingService(basis.store, basis.tree),
        share_codes=ShareCodeService(basis.store, basis.tree),
    )
