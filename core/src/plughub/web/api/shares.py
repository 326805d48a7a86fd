"""Shares of servers, by owner, user and group, and share codes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

from plughub.domain.errors import InvalidError, NotFoundError
from plughub.domain.names import MAX_USERNAME
from plughub.domain.shares import GranteeKind, Share
from plughub.services.sharing.shares import Grantee
from plughub.web.api.base import APIHandler
from plughub.web.api.pagination import page_of
from plughub.web.api.share_models import share_code_model, share_model
from plughub.web.authorization import of_group, of_server, of_user, requires
from plughub.web.bodies import NUMBER, TEXT, TEXTS
from plughub.web.description import PAGE, call

_CODE_ID: Final = re.compile(r"sc_(\d{1,9})", re.ASCII)

_SHARE: Final = {"user": TEXT, "group": TEXT, "scopes": TEXTS}


class _ShareAnswers(APIHandler):
    """Base class for calls that respond with shares; their lists always include pagination data."""

    async def answer_page(self, look: Any, model: Any) -> None:
        """Respond with a page of a list.

        Args:
            look: coroutine function of offset and limit that returns the items and their total number.
            model: function that builds the model of an item.
        """
        page = replace(page_of(self), wrapped=True)
        items, total = await look(page.offset, page.limit)
        shown = [model(self.services.settings, item) for item in items]
        self.answer(page.wrap(self, shown, total))

    def answer_share(self, share: Share) -> None:
        """Respond with a share."""
        self.answer(share_model(self.services.settings, share))


class SharesOfOwnerHandler(_ShareAnswers):
    """``/hub/api/shares/:owner``."""

    @call(errors=(404,), query=PAGE)
    @requires("read:shares", about=of_user)
    async def get(self, owner: str) -> None:
        """List the shares of all servers of a user."""
        sharing = self.services.sharing
        await self.answer_page(lambda *page: sharing.of_owner(owner, None, *page), share_model)


class SharesOfServerHandler(_ShareAnswers):
    """``/hub/api/shares/:owner/:server``."""

    @call(errors=(404,), query=PAGE)
    @requires("read:shares", about=of_server)
    async def get(self, owner: str, server: str) -> None:
        """List the shares of a server."""
        sharing = self.services.sharing
        await self.answer_page(lambda *page: sharing.of_owner(owner, server, *page), share_model)

    @call(errors=(404,), body=_SHARE)
    @requires("shares", about=of_server)
    async def post(self, owner: str, server: str) -> None:
        """Share a server with a user or group."""
        grantee, scopes = self._request()
        share = await self.services.sharing.grant(owner, server, grantee, scopes, self.visitor)
        self._tell("share-server", owner, server, grantee, sorted(share.scopes))
        self.answer_share(share)

    @call(errors=(404,), body=_SHARE)
    @requires("shares", about=of_server)
    async def patch(self, owner: str, server: str) -> None:
        """Revoke scopes of a user's or group's share; all if none are named."""
        grantee, scopes = self._request()
        share = await self.services.sharing.revoke(owner, server, grantee, scopes)
        self._tell("unshare-server", owner, server, grantee, scopes)
        if share is None:
            self.answer({})
        else:
            self.answer_share(share)

    @call(success=(204,), errors=(404,))
    @requires("shares", about=of_server)
    async def delete(self, owner: str, server: str) -> None:
        """Revoke all shares of a server."""
        await self.services.sharing.revoke_all(owner, server)
        self.emit_event("unshare-server", owner, server)
        self.answer_nothing(HTTPStatus.NO_CONTENT)

    def _request(self) -> tuple[Grantee, Sequence[str]]:
        body = self.checked_body("share")
        user, group = body.get("user"), body.get("group")
        if bool(user) == bool(group):
            raise InvalidError("Specify exactly one of `user` or `group`")
        grantee = Grantee(kind="user", name=user) if user else Grantee(kind="group", name=str(group))
        return grantee, body.get("scopes") or []

    def _tell(self, action: str, owner: str, server: str, grantee: Grantee, scopes: Sequence[str]) -> None:
        self.emit_event(action, owner, server, grantee=_name(grantee), scopes=list(scopes))


class _SharedWithHandler(_ShareAnswers):
    """Base class for calls about the shares that a user or group has received."""

    kind: GranteeKind

    async def list_shared(self, name: str) -> None:
        """Respond with the shares of a user or group."""
        grantee, sharing = Grantee(kind=self.kind, name=name), self.services.sharing
        await self.answer_page(lambda *page: sharing.with_grantee(grantee, *page), share_model)

    async def show(self, name: str, owner: str, server: str) -> None:
        """Respond with a user's or group's share of one server."""
        grantee = Grantee(kind=self.kind, name=name)
        self.answer_share(await self.services.sharing.get(grantee, owner, server))

    async def leave(self, name: str, owner: str, server: str) -> None:
        """Leave a shared server on behalf of a user or group."""
        grantee = Grantee(kind=self.kind, name=name)
        await self.services.sharing.leave(grantee, owner, server)
        self.emit_event("leave-share", owner, server, grantee=_name(grantee))
        self.answer_nothing(HTTPStatus.NO_CONTENT)


class SharedWithUserHandler(_SharedWithHandler):
    """``/hub/api/users/:name/shared``."""

    kind = "user"

    @call(errors=(404,), query=PAGE)
    @requires("read:users:shares", about=of_user)
    async def get(self, name: str) -> None:
        """List the shares that a user has received, including those of the user's groups."""
        await self.list_shared(name)


class ShareOfUserHandler(_SharedWithHandler):
    """``/hub/api/users/:name/shared/:owner/:server``."""

    kind = "user"

    @call(errors=(404,))
    @requires("read:users:shares", about=of_user)
    async def get(self, name: str, owner: str, server: str) -> None:
        """Return a user's share of a server."""
        await self.show(name, owner, server)

    @call(success=(204,), errors=(404,))
    @requires("users:shares", about=of_user)
    async def delete(self, name: str, owner: str, server: str) -> None:
        """Leave a shared server on behalf of a user."""
        await self.leave(name, owner, server)


class SharedWithGroupHandler(_SharedWithHandler):
    """``/hub/api/groups/:group/shared``."""

    kind = "group"

    @call(errors=(404,), query=PAGE)
    @requires("read:groups:shares", about=of_group)
    async def get(self, name: str) -> None:
        """List the shares that a group has received."""
        await self.list_shared(name)


class ShareOfGroupHandler(_SharedWithHandler):
    """``/hub/api/groups/:group/shared/:owner/:server``."""

    kind = "group"

    @call(errors=(404,))
    @requires("read:groups:shares", about=of_group)
    async def get(self, name: str, owner: str, server: str) -> None:
        """Return a group's share of a server."""
        await self.show(name, owner, server)

    @call(success=(204,), errors=(404,))
    @requires("groups:shares", about=of_group)
    async def delete(self, name: str, owner: str, server: str) -> None:
        """Leave a shared server on behalf of a group."""
        await self.leave(name, owner, server)


class CodesOfOwnerHandler(_ShareAnswers):
    """``/hub/api/share-codes/:owner``."""

    @call(errors=(404,), query=PAGE)
    @requires("read:shares", about=of_user)
    async def get(self, owner: str) -> None:
        """List the share codes of all servers of a user."""
        codes = self.services.share_codes
        await self.answer_page(lambda *page: codes.of_owner(owner, None, *page), share_code_model)


class CodesOfServerHandler(_ShareAnswers):
    """``/hub/api/share-codes/:owner/:server``."""

    @call(errors=(404,), query=PAGE)
    @requires("read:shares", about=of_server)
    async def get(self, owner: str, server: str) -> None:
        """List the share codes of a server."""
        codes = self.services.share_codes
        await self.answer_page(lambda *page: codes.of_owner(owner, server, *page), share_code_model)

    @call(errors=(404,), body={"scopes": TEXTS, "expires_in": NUMBER})
    @requires("shares", about=of_server)
    async def post(self, owner: str, server: str) -> None:
        """Create a share code."""
        body = self.checked_body("share code")
        made = await self.services.share_codes.create(
            owner, server, body.get("scopes") or [], body.get("expires_in"), self.visitor
        )
        scopes = sorted(made.record.scopes)
        self.emit_event("create-share-code", owner, server, code_id=f"sc_{made.record.id}", scopes=scopes)
        self.answer(share_code_model(self.services.settings, made.record, made.text))

    @call(success=(204,), errors=(404,), query={"code": TEXT, "id": TEXT})
    @requires("shares", about=of_server)
    async def delete(self, owner: str, server: str) -> None:
        """Revoke a share code, or all share codes of a server."""
        code, wanted = self.get_query_argument("code", ""), self.get_query_argument("id", "")
        found = _CODE_ID.fullmatch(wanted)
        if wanted and not found:
            raise NotFoundError(f"there is no share code {wanted[:32]!r}")
        await self.services.share_codes.delete(owner, server, code=code, key=int(found[1]) if found else None)
        self.emit_event("delete-share-code", owner, server, code_id=wanted or None)
        self.answer_nothing(HTTPStatus.NO_CONTENT)


def _name(grantee: Grantee) -> str:
    return f"{grantee.kind} {grantee.name[:MAX_USERNAME]}"
