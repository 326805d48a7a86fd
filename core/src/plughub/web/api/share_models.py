"""JSON models of shares and share codes."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from plughub.domain.clock import isoformat
from plughub.domain.shares import Share, ShareCode
from plughub.domain.urls import user_url
from plughub.services.addresses import public_address, server_link
from plughub.services.settings import HubSettings


def share_model(settings: HubSettings, share: Share) -> dict[str, Any]:
    """Build the model of a share."""
    grantee = {"name": share.grantee}
    return {
        "server": _server_model(settings, share),
        "scopes": sorted(share.scopes),
        "user": grantee if share.kind == "user" else None,
        "group": grantee if share.kind == "group" else None,
        "kind": share.kind,
        "created_at": isoformat(share.created),
    }


def share_code_model(settings: HubSettings, code: ShareCode, text: str = "") -> dict[str, Any]:
    """Build the model of a share code.

    Args:
        settings: settings of the hub.
        code: the share code.
        text: the code's text, which is only known when it is created.
    """
    model = {
        "server": _server_model(settings, code),
        "scopes": sorted(code.scopes),
        "id": f"sc_{code.id}",
        "created_at": isoformat(code.created),
        "expires_at": isoformat(code.expires),
        "exchange_count": code.exchanges,
        "last_exchanged_at": isoformat(code.last_exchange),
    }
    if text:
        accept = f"{settings.hub_prefix}accept-share?{urlencode({'code': text})}"
        model |= {
            "code": text,
            "accept_url": accept,
            "full_accept_url": public_address(settings, accept) or None,
        }
    return model


def _server_model(settings: HubSettings, of: Share | ShareCode) -> dict[str, Any]:
    url = user_url(settings.base_url, of.owner, of.server)
    return {
        "user": {"name": of.owner},
        "name": of.server,
        "url": url,
        "full_url": public_address(settings, server_link(settings, of.owner, of.server)) or None,
        "ready": of.ready,
    }
