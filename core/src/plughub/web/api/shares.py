"""Shares of servers, seen from the owner, from a user and from a group; and share codes."""

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
    """Reads and shows shares. Their lists always tell where the next page is."""

    async def answer_page(self, look: Any, model: Any) -> None:
        """Answer a page of a list.

        Args:
            look: gets offset and limit, answers the items and how many there are in all.
            model: makes the model of one.
        """
        page = replace(page_of(self), wrapped=True)
        items, total = await look(page.offset, page.limit)
        shown = [model(self.services.settings, item) for item in items]
        self.answer(page.wrap(self, shown, total))

    def answer_share(self, share: Share) -> None:
        """Answer one share.

        Args:
            share: the share.
        """
        self.answer(share_model(self.services.settings, share))


class SharesOfOwnerHandler(_ShareAnswers):
    """``/hub/api/shares/:owner``."""

    @call(bad=(404,), query=PAGE)
    @requires("read:shares", about=of_user)
    async def get(self, owner: str) -> None:
        """List the shares of all servers of a user."""
        sharing = self.services.sharing
        await self.answer_page(lambda *page: sharing.of_owner(owner, None, *page), share_model)


class SharesOfServerHandler(_ShareAnswers):
    """``/hub/api/shares/:owner/:server``."""

    @call(bad=(404,), query=PAGE)
    @requires("read:shares", about=of_server)
    async def get(self, owner: str, server: str) -> None:
        """List the shares of a server."""
        sharing = self.services.sharing
        await self.answer_page(lambda *page: sharing.of_owner(owner, server, *page), share_model)

    @call(bad=(404,), body=_SHARE)
    @requires("shares", about=of_server)
    async def post(self, owner: str, server: str) -> None:
        """Share a server with a user or group."""
        grantee, scopes = self._request()
        share = await self.services.sharing.grant(owner, server, grantee, scopes, self.visitor)
        self._tell("share-server", owner, server, grantee, sorted(share.scopes))
        self.answer_share(share)

    @call(bad=(404,), body=_SHARE)
    @requires("shares", about=of_server)
    async def patch(self, owner: str, server: str) -> None:
        """Take scopes back from a user or group; all when none are named."""
        grantee, scopes = self._request()
        share = await self.services.sharing.revoke(owner, server, grantee, scopes)
        self._tell("unshare-server", owner, server, grantee, scopes)
        if share is None:
            self.answer({})
        else:
            self.answer_share(share)

    @call(good=(204,), bad=(404,))
    @requires("shares", about=of_server)
    async def delete(self, owner: str, server: str) -> None:
        """Take back all shares of a server."""
        await self.services.sharing.revoke_all(owner, server)
        self.tell("unshare-server", owner, server)
        self.answer_nothing(HTTPStatus.NO_CONTENT)

    def _request(self) -> tuple[Grantee, Sequence[str]]:
        body = self.checked_body("share")
        user, group = body.get("user"), body.get("group")
        if bool(user) == bool(group):
            raise InvalidError("Specify exactly one of `user` or `group`")
        grantee = Grantee(kind="user", name=user) if user else Grantee(kind="group", name=str(group))
        return grantee, body.get("scopes") or []

    def _tell(self, deed: str, owner: str, server: str, grantee: Grantee, scopes: Sequence[str]) -> None:
        self.tell(deed, owner, server, grantee=_name(grantee), scopes=list(scopes))


class _SharedWithHandler(_ShareAnswers):
    """What is shared with a user or group."""

    kind: GranteeKind

    async def list_shared(self, name: str) -> None:
        """Answer what is shared with somebody.

        Args:
            name: of the user or group.
        """
        grantee, sharing = Grantee(kind=self.kind, name=name), self.services.sharing
        await self.answer_page(lambda *page: sharing.with_grantee(grantee, *page), share_model)

    async def show(self, name: str, owner: str, server: str) -> None:
        """Answer what of one server is shared with somebody.

        Args:
            name: of the user or group.
            owner: of the server.
            server: its name.
        """
        grantee = Grantee(kind=self.kind, name=name)
        self.answer_share(await self.services.sharing.one(grantee, owner, server))

    async def leave(self, name: str, owner: str, server: str) -> None:
        """Give a share back.

        Args:
            name: of the user or group.
            owner: of the server.
            server: its name.
        """
        grantee = Grantee(kind=self.kind, name=name)
        await self.services.sharing.leave(grantee, owner, server)
        self.tell("leave-share", owner, server, grantee=_name(grantee))
        self.answer_nothing(HTTPStatus.NO_CONTENT)


class SharedWithUserHandler(_SharedWithHandler):
    """``/hub/api/users/:name/shared``."""

    kind = "user"

    @call(bad=(404,), query=PAGE)
    @requires("read:users:shares", about=of_user)
    async def get(self, name: str) -> None:
        """List what is shared with a user, also by groups."""
        await self.list_shared(name)


class ShareOfUserHandler(_SharedWithHandler):
    """``/hub/api/users/:name/shared/:owner/:server``."""

    kind = "user"

    @call(bad=(404,))
    @requires("read:users:shares", about=of_user)
    async def get(self, name: str, owner: str, server: str) -> None:
        """Show what of a server is shared with a user."""
        await self.show(name, owner, server)

    @call(good=(204,), bad=(404,))
    @requires("users:shares", about=of_user)
    async def delete(self, name: str, owner: str, server: str) -> None:
        """Give back what of a server is shared with a user."""
        await self.leave(name, owner, server)


class SharedWithGroupHandler(_SharedWithHandler):
    """``/hub/api/groups/:group/shared``."""

    kind = "group"

    @call(bad=(404,), query=PAGE)
    @requires("read:groups:shares", about=of_group)
    async def get(self, name: str) -> None:
        """List what is shared with a group."""
        await self.list_shared(name)


class ShareOfGroupHandler(_SharedWithHandler):
    """``/hub/api/groups/:group/shared/:owner/:server``."""

    kind = "group"

    @call(bad=(404,))
    @requires("read:groups:shares", about=of_group)
    async def get(self, name: str, owner: str, server: str) -> None:
        """Show what of a server is shared with a group."""
        await self.show(name, owner, server)

    @call(good=(204,), bad=(404,))
    @requires("groups:shares", about=of_group)
    async def delete(self, name: str, owner: str, server: str) -> None:
        """Give back what of a server is shared with a group."""
        await self.leave(name, owner, server)


class CodesOfOwnerHandler(_ShareAnswers):
    """``/hub/api/share-codes/:owner``."""

    @call(bad=(404,), query=PAGE)
    @requires("read:shares", about=of_user)
    async def get(self, owner: str) -> None:
        """List the share codes of all servers of a user."""
        codes = self.services.share_codes
        await self.answer_page(lambda *page: codes.of_owner(owner, None, *page), share_code_model)


class CodesOfServerHandler(_ShareAnswers):
    """``/hub/api/share-codes/:owner/:server``."""

    @call(bad=(404,), query=PAGE)
    @requires("read:shares", about=of_server)
    async def get(self, owner: str, server: str) -> None:
        """List the share codes of a server."""
        codes = self.services.share_codes
        await self.answer_page(lambda *page: codes.of_owner(owner, server, *page), share_code_model)

    @call(bad=(404,), body={"scopes": TEXTS, "expires_in": NUMBER})
    @requires("shares", about=of_server)
    async def post(self, owner: str, server: str) -> None:
        """Make a share code."""
        body = self.checked_body("share code")
        made = await self.services.share_codes.create(
            owner, server, body.get("scopes") or [], body.get("expires_in"), self.visitor
        )
        scopes = sorted(made.record.scopes)
        self.tell("create-share-code", owner, server, code_id=f"sc_{made.record.id}", scopes=scopes)
        self.answer(share_code_model(self.services.settings, made.record, made.text))

    @call(good=(204,), bad=(404,), query={"code": TEXT, "id": TEXT})
    @requires("shares", about=of_server)
    async def delete(self, owner: str, server: str) -> None:
        """Make a share code void, or all of a server."""
        code, wanted = self.get_query_argument("code", ""), self.get_query_argument("id", "")
        found = _CODE_ID.fullmatch(wanted)
        if wanted and not found:
            raise NotFoundError(f"there is no share code {wanted[:32]!r}")
        await self.services.share_codes.delete(owner, server, code=code, key=int(found[1]) if found else None)
        self.tell("delete-share-code", owner, server, code_id=wanted or None)
        self.answer_nothing(HTTPStatus.NO_CONTENT)


def _name(grantee: Grantee) -> str:
    return f"{grantee.kind} {grantee.name[:MAX_USERNAME]}"
