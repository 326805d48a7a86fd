"""The OAuth 2 provider: servers and services in a browser use it to identify the user.

Source: RFC 6749 (authorization code) and RFC 7636 (PKCE), implemented by oauthlib.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode

from oauthlib.oauth2 import AuthorizationCodeGrant, AuthorizationEndpoint, BearerToken, TokenEndpoint
from oauthlib.oauth2.rfc6749.errors import FatalClientError, OAuth2Error

from plughub.domain.errors import ForbiddenError, InvalidError, NotFoundError
from plughub.domain.names import shorten
from plughub.domain.oauth import IDENTIFY, OAuthClient
from plughub.domain.scopes import (
    ScopeFilter,
    ScopeTree,
    access_scopes,
    identify_scopes,
    intersect_scopes,
    users_in_filters,
)
from plughub.domain.scopes.access_scopes import service_access_scopes
from plughub.domain.scopes.definitions import INHERIT
from plughub.domain.tokens import new_oauth_token
from plughub.domain.words import _
from plughub.services.settings import HubSettings
from plughub.services.tokens.oauth_validator import ORIGIN, HubValidator
from plughub.services.tokens.principals import Principal
from plughub.storage.store import Store, Transaction

_ENDPOINT: Final = f"{ORIGIN}/authorize"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentQuestion:
    """Request of a client for a user's consent.

    Attributes:
        client: the client.
        scopes: requested scopes that the user holds.
        confirmed: no consent is needed.
    """

    client: OAuthClient
    scopes: frozenset[str]
    confirmed: bool

    def grants(self, chosen: frozenset[str], name: str) -> frozenset[str]:
        """Return the scopes that consent would grant beyond access to the client and the user's identity.

        Args:
            chosen: scopes that the user agrees to.
            name: name of the user.

        Returns:
            Scopes; empty when no consent is needed.
        """
        least = _access(self.client) | identify_scopes(name) | {IDENTIFY}
        return frozenset() if self.confirmed else (self.scopes & chosen) - least


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAnswer:
    """Response to a request for a token.

    Attributes:
        status: HTTP status.
        headers: HTTP headers.
        body: JSON.
    """

    status: int
    headers: Mapping[str, str]
    body: str


class OAuthService:
    """The OAuth 2 provider.

    Args:
        store: the storage.
        settings: settings of the hub.
        tree: hierarchy of scopes.
    """

    def __init__(self, store: Store, settings: HubSettings, tree: ScopeTree) -> None:
        self._store = store
        self._settings = settings
        self._tree = tree

    async def consent_question(self, query: str, principal: Principal) -> ConsentQuestion | str:
        """Validate a request for a code.

        Args:
            query: query string of the request.
            principal: the user in the browser.

        Returns:
            The question for the user, or the address to redirect the browser to with an error for the client.

        Raises:
            InvalidError: unknown client, or not its redirect URI; the browser must not be redirected.
            NotFoundError: the user may not use that server.
            ForbiddenError: the user may not use that service.
        """

        def work(tx: Transaction) -> ConsentQuestion | str:
            validator = self._validator(tx, principal.name)
            try:
                scopes, facts = _authorization(validator).validate_authorization_request(
                    _uri(query, validator)
                )
            except FatalClientError as error:
                raise _unknown_client(query, error) from error
            except OAuth2Error as error:
                return validator.from_absolute(_client_id(query), error.in_uri(error.redirect_uri))
            return self._question(tx, validator, principal, facts["client_id"], frozenset(scopes))

        return await self._store.read(work)

    async def approve(self, query: str, principal: Principal, scopes: frozenset[str], session_id: str) -> str:
        """Create a code for a client.

        Args:
            query: query string of the request.
            principal: the user who agrees.
            scopes: requested scopes that the user agrees to.
            session_id: login session of the browser.

        Returns:
            The address to redirect the browser to.

        Raises:
            InvalidError: unknown client, or not its redirect URI.
            NotFoundError: the user may not use that server.
            ForbiddenError: the user may not use that service.
        """

        def work(tx: Transaction) -> str:
            validator = self._validator(tx, principal.name)
            endpoint = _authorization(validator)
            try:
                wanted, facts = endpoint.validate_authorization_request(_uri(query, validator))
                asked = self._question(tx, validator, principal, facts["client_id"], frozenset(wanted))
                # Access to the client itself is not optional: a code without it would be useless.
                granted = (asked.scopes & scopes) | _access(asked.client)
                facts |= {"user_id": principal.user.id, "session_id": session_id}
                headers, _, _ = endpoint.create_authorization_response(
                    _uri(query, validator), scopes=sorted(granted), credentials=facts
                )
            except FatalClientError as error:
                raise _unknown_client(query, error) from error
            except OAuth2Error as error:
                return validator.from_absolute(_client_id(query), error.in_uri(error.redirect_uri))
            return validator.from_absolute(_client_id(query), headers["Location"])

        return await self._store.write(work)

    async def issue_token(self, body: str, headers: Mapping[str, str]) -> TokenAnswer:
        """Exchange a code for a token.

        Args:
            body: form of the request.
            headers: headers of the request.

        Returns:
            The response, also for an error.
        """
        form = dict(parse_qsl(body, keep_blank_values=True))

        def work(tx: Transaction) -> TokenAnswer:
            validator = self._validator(tx)
            if "redirect_uri" in form:
                form["redirect_uri"] = validator.to_absolute(form.get("client_id", ""), form["redirect_uri"])
            expires_in = self._settings.oauth_token_expires_in
            bearer = BearerToken(
                validator, token_generator=lambda _request: new_oauth_token(), expires_in=expires_in
            )
            grant = AuthorizationCodeGrant(validator, refresh_token=False)
            endpoint = TokenEndpoint(
                default_grant_type="authorization_code",
                grant_types={"authorization_code": grant},
                default_token_type=bearer,
            )
            given, text, status = endpoint.create_token_response(
                _ENDPOINT, "POST", urlencode(form), dict(headers)
            )
            return TokenAnswer(status=status, headers=given, body=text)

        return await self._store.write(work)

    def _validator(self, tx: Transaction, visitor: str = "") -> HubValidator:
        return HubValidator(
            tx,
            tree=self._tree,
            visitor=visitor,
            expires_in=self._settings.oauth_token_expires_in,
            require_pkce=self._settings.oauth_require_pkce,
            origins=self._settings.origins,
        )

    def _question(
        self,
        tx: Transaction,
        validator: HubValidator,
        principal: Principal,
        client_id: str,
        scopes: frozenset[str],
    ) -> ConsentQuestion:
        client = validator.client(client_id)
        if client is None or (client.server_id is None and not client.service):
            raise InvalidError(
                _("OAuth client %(client_id)s belongs to no server or service", client_id=shorten(client_id))
            )
        wanted = validator.resolve_roles(scopes) or frozenset()
        asked = validator.expand(client, wanted)
        groups = tx.users.groups_of(users_in_filters(asked | _access(client), principal.scopes))
        _check_access(client, principal, groups.get(client.user, ()))
        held = intersect_scopes(asked, principal.scopes, groups)
        if INHERIT in wanted:
            held = frozenset({INHERIT})
        own = client.server_id is not None and client.user == principal.name
        confirmed = own or client.no_confirm or self._has_agreed(tx, principal, client_id, held)
        return ConsentQuestion(client=client, scopes=held, confirmed=confirmed)

    def _has_agreed(
        self, tx: Transaction, principal: Principal, client_id: str, scopes: frozenset[str]
    ) -> bool:
        tokens = [tx.tokens.by_id(key) for key in tx.tokens.of_client(client_id, principal.user.id)]
        return any(token is not None and scopes <= token.scopes for token in tokens)


def _authorization(validator: HubValidator) -> AuthorizationEndpoint:
    grant = AuthorizationCodeGrant(validator, refresh_token=False)
    return AuthorizationEndpoint(
        default_response_type="code",
        default_token_type=BearerToken(validator),
        response_types={"code": grant},
    )


def _access(client: OAuthClient) -> frozenset[str]:
    return (
        service_access_scopes(client.service) if client.service else access_scopes(client.user, client.server)
    )


def _check_access(client: OAuthClient, principal: Principal, groups: Collection[str]) -> None:
    """Refuse a user who may not access the client's service or server, given the groups of its user."""
    if client.service:
        if not principal.may("access:services", resource=ScopeFilter.service(client.service)):
            raise ForbiddenError(
                _("You do not have permission to access service %(service)s", service=client.service),
                hint=_(
                    "an administrator can give you the scope access:services!service=%(service)s",
                    service=client.service,
                ),
            )
    elif not principal.may(
        "access:servers", resource=ScopeFilter.server(client.user, client.server), groups=groups
    ):
        # Do not reveal whether another user's server exists.
        raise NotFoundError("There is no server here that you may access")


def _uri(query: str, validator: HubValidator) -> str:
    pairs = [
        (name, validator.to_absolute(_client_id(query), value) if name == "redirect_uri" else value)
        for name, value in parse_qsl(query, keep_blank_values=True)
    ]
    return f"{_ENDPOINT}?{urlencode(pairs)}"


def _client_id(query: str) -> str:
    return dict(parse_qsl(query)).get("client_id", "")


def _unknown_client(query: str, error: FatalClientError) -> InvalidError:
    client = shorten(_client_id(query), 100)
    reason = error.description or error.error
    return InvalidError(
        _("The request of OAuth client %(client)s was refused: %(reason)s", client=client, reason=reason),
        hint="The server may have been stopped since this page was opened. Start it again.",
    )
