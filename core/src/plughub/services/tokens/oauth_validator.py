"""Callbacks for the OAuth 2 library, inside one transaction."""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import timedelta
from typing import Any, Final

from oauthlib.common import Request
from oauthlib.oauth2 import RequestValidator

from plughub.domain.clock import utcnow
from plughub.domain.limits import MAX_OAUTH_CODES, MAX_OAUTH_TOKENS, check_room
from plughub.domain.oauth import IDENTIFY, OAuthClient, OAuthCode
from plughub.domain.origins import Origins
from plughub.domain.paths import spellings
from plughub.domain.scopes import ScopeOwner, ScopeTree, excess_scopes
from plughub.domain.scopes.definitions import INHERIT
from plughub.domain.timings import OAUTH_CODE_SECONDS
from plughub.domain.tokens import compare_token
from plughub.services.tokens.tokens import store_token
from plughub.storage.store import Transaction

ORIGIN: Final = "https://hub.invalid"
"""Placeholder origin: servers register paths as redirect URIs, but the library requires absolute ones."""


class HubValidator(RequestValidator):  # type: ignore[misc]
    """Validates requests for the OAuth 2 library.

    Args:
        tx: the transaction in which the request is handled.
        expires_in: lifetime of a token in seconds.
        require_pkce: refuse clients that do not use PKCE.
        origins: origins of servers and services.
        tree: hierarchy of scopes.
        visitor: name of the user in the browser; empty without one.
    """

    def __init__(
        self,
        tx: Transaction,
        *,
        expires_in: int,
        require_pkce: bool,
        tree: ScopeTree,
        origins: Origins,
        visitor: str = "",
    ) -> None:
        self._tx = tx
        self._origins = origins
        self._tree = tree
        self._visitor = visitor
        self._expires_in = expires_in
        self._require_pkce = require_pkce
        self._codes: dict[str, OAuthCode] = {}

    def client(self, client_id: str) -> OAuthClient | None:
        """Find a client that has a secret."""
        found = self._tx.oauth.client(client_id) if client_id else None
        return found if found is not None and found.secret else None

    def to_absolute(self, client_id: str, uri: str) -> str:
        """Return a redirect URI as the library sees it.

        Args:
            client_id: id of the client.
            uri: absolute URI, or a path.

        Returns:
            An absolute URI.
        """
        # A path, and the same path at the client's own origin, are the same address: registrations stay
        # valid when servers get origins of their own, or lose them.
        origin = self._origin_of(client_id)
        path = uri[len(origin) :] if origin and uri.startswith(f"{origin}/") else uri
        return ORIGIN + path if path.startswith("/") and not path.startswith("//") else uri

    def from_absolute(self, client_id: str, uri: str) -> str:
        """Return the address to redirect a browser to, for an absolute URI of the library.

        Args:
            client_id: id of the client.
            uri: URI from the library.

        Returns:
            The address; a path when the client shares the hub's origin.
        """
        return self._origin_of(client_id) + uri[len(ORIGIN) :] if uri.startswith(f"{ORIGIN}/") else uri

    def _origin_of(self, client_id: str) -> str:
        """Return the origin of a client; empty when it is the hub's."""
        client = self.client(client_id)
        if client is None:
            return ""
        return (
            self._origins.of_service(client.service) if client.service else self._origins.of_user(client.user)
        )

    def resolve_roles(self, scopes: Collection[str]) -> frozenset[str] | None:
        """Replace names of roles by their scopes; None for unknown scopes."""
        names = {scope for scope in scopes if scope.partition("!")[0] not in self._tree.definitions}
        roles = {role.name: role.scopes for role in self._tx.roles.all()} if names - {IDENTIFY} else {}
        if names - {IDENTIFY} - roles.keys():
            return None
        return frozenset(scopes).difference(names).union(*(roles.get(name, ()) for name in names))

    def expand(self, client: OAuthClient, scopes: Collection[str]) -> frozenset[str]:
        """Expand scopes of a client, with self-filters for the user and the client."""
        server = f"{client.user}/{client.server}" if client.user else ""
        return self._tree.expand(
            scopes, ScopeOwner(user=self._visitor, server=server, service=client.service)
        )

    # ---- requests for a code

    def validate_client_id(self, client_id: str, request: Request, *_: Any, **__: Any) -> bool:
        """Return whether a client exists."""
        request.client = self.client(client_id)
        return request.client is not None

    def validate_redirect_uri(
        self, client_id: str, redirect_uri: str, _request: Request, *_: Any, **__: Any
    ) -> bool:
        """Return whether a redirect URI is the registered one."""
        client = self.client(client_id)
        if client is None:
            return False
        registered = self.to_absolute(client_id, client.redirect_uri)
        if not registered.startswith(f"{ORIGIN}/"):
            return redirect_uri == registered
        # A server keeps the spelling that it was started with, possibly by an earlier version.
        return redirect_uri in {ORIGIN + path for path in spellings(registered[len(ORIGIN) :])}

    def get_default_redirect_uri(self, client_id: str, _request: Request, *_: Any, **__: Any) -> str | None:
        """Return the registered redirect URI."""
        client = self.client(client_id)
        return self.to_absolute(client_id, client.redirect_uri) if client else None

    def validate_response_type(self, _client_id: str, response_type: str, *_: Any, **__: Any) -> bool:
        """Return whether a response type is supported."""
        return bool(response_type == "code")

    def validate_scopes(
        self, client_id: str, scopes: list[str], _client: Any, _request: Request, *_: Any, **__: Any
    ) -> bool:
        """Return whether a client may request scopes."""
        client, wanted = self.client(client_id), self.resolve_roles(scopes)
        if client is None or wanted is None:
            return False
        if INHERIT in client.allowed_scopes:
            return True
        allowed = self.expand(client, client.allowed_scopes)
        return INHERIT not in wanted and not excess_scopes(self.expand(client, wanted), allowed)

    def get_default_scopes(self, client_id: str, _request: Request, *_: Any, **__: Any) -> list[str]:
        """Return the scopes of a request that names none."""
        client = self.client(client_id)
        return sorted(client.allowed_scopes) if client else []

    def save_authorization_code(
        self, client_id: str, code: dict[str, str], request: Request, *_: Any, **__: Any
    ) -> None:
        """Store a code."""
        check_room(
            self._tx.oauth.count_codes(request.user_id),
            MAX_OAUTH_CODES,
            "you have started %d logins that are not finished",
            "Try again in a few minutes.",
        )
        self._tx.oauth.save_code(
            OAuthCode(
                code=code["code"],
                client_id=client_id,
                user_id=request.user_id,
                redirect_uri=request.redirect_uri,
                session_id=request.session_id,
                scopes=frozenset(request.scopes),
                expires_at=int(time.time()) + OAUTH_CODE_SECONDS,
                challenge=request.code_challenge or "",
                challenge_method=(request.code_challenge_method or "") if request.code_challenge else "",
            )
        )

    # ---- requests for a token

    def client_authentication_required(self, _request: Request, *_: Any, **__: Any) -> bool:
        """Return True: every client has a secret."""
        return True

    def authenticate_client(self, request: Request, *_: Any, **__: Any) -> bool:
        """Check the secret of a client."""
        client = self.client(request.client_id or "")
        secret = request.client_secret or ""
        if client is None or not compare_token(secret, client.secret):
            return False
        # The library expects an attribute ``client_id``.
        request.client = _Client(client)
        return True

    def authenticate_client_id(self, _client_id: str, _request: Request, *_: Any, **__: Any) -> bool:
        """Return False: clients without a secret are not supported."""
        return False

    def validate_grant_type(self, _client_id: str, grant_type: str, *_: Any, **__: Any) -> bool:
        """Return whether a grant type is supported."""
        return bool(grant_type == "authorization_code")

    def validate_code(
        self, client_id: str, code: str, _client: Any, request: Request, *_: Any, **__: Any
    ) -> bool:
        """Find a code and delete it, so that it can be used only once, even by concurrent processes."""
        found = self._tx.oauth.code(client_id, code)
        if found is None or not self._tx.oauth.delete_code(client_id, code):
            return False
        self._codes[code] = found
        user = self._tx.users.by_id(found.user_id)
        request.user, request.session_id, request.scopes = user, found.session_id, sorted(found.scopes)
        return user is not None

    def confirm_redirect_uri(
        self,
        _client_id: str,
        code: str,
        redirect_uri: str,
        _client: Any,
        _request: Request,
        *_: Any,
        **__: Any,
    ) -> bool:
        """Return whether the redirect URI is the one that the code was created for."""
        return code in self._codes and redirect_uri == self._codes[code].redirect_uri

    def invalidate_authorization_code(self, *_: Any, **__: Any) -> None:
        """Do nothing: the code was deleted when it was found."""

    def save_bearer_token(self, token: dict[str, Any], request: Request, *_: Any, **__: Any) -> None:
        """Store a token; when a user has too many for the client, delete the oldest."""
        older = sorted(self._tx.tokens.of_client(request.client.client_id, request.user.id))
        self._tx.tokens.delete(older[: max(0, len(older) + 1 - MAX_OAUTH_TOKENS)])
        store_token(
            self._tx,
            token["access_token"],
            user_id=request.user.id,
            client_id=request.client.client_id,
            session_id=request.session_id,
            scopes=request.scopes,
            expires_at=utcnow() + timedelta(seconds=self._expires_in),
        )

    # ---- PKCE

    def is_pkce_required(self, _client_id: str, _request: Request) -> bool:
        """Return whether clients must use PKCE."""
        return self._require_pkce

    def get_code_challenge(self, code: str, _request: Request) -> str | None:
        """Return the challenge of a code."""
        return self._codes[code].challenge or None

    def get_code_challenge_method(self, code: str, _request: Request) -> str | None:
        """Return the challenge method of a code."""
        return self._codes[code].challenge_method or None


class _Client:
    """A client as the library expects it."""

    def __init__(self, client: OAuthClient) -> None:
        self.client_id = client.identifier
