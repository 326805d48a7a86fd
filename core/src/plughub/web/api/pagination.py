"""Pagination of lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from plughub.domain.errors import InvalidError
from plughub.domain.names import shorten
from plughub.domain.queries import add_query, filter_query
from plughub.web.addresses import absolute
from plughub.web.base import BaseHandler

MEDIA_TYPE: Final = "application/jupyterhub-pagination+json"
_LARGEST: Final = 2**62


@dataclass(frozen=True, slots=True)
class PageOfList:
    """Requested page of a list.

    Attributes:
        offset: number of items before the page.
        limit: largest number of items on the page.
        wrapped: whether the response includes the address of the next page.
    """

    offset: int
    limit: int
    wrapped: bool

    def wrap(self, handler: BaseHandler, items: Any, total: int) -> Any:
        """Format the items as requested.

        Args:
            handler: handler of the request.
            items: items of this page.
            total: number of items in the whole list.

        Returns:
            The items alone, or with pagination data.
        """
        if not self.wrapped:
            return items
        after = self.offset + self.limit
        following = None
        if after < total:
            following = {"offset": after, "limit": self.limit, "url": _url(handler, after, self.limit)}
        return {
            "items": items,
            "_pagination": {
                "offset": self.offset,
                "limit": self.limit,
                "total": total,
                "next": following,
            },
        }


def page_of(handler: BaseHandler) -> PageOfList:
    """Return the requested page of a list.

    Raises:
        InvalidError: offset or limit is no number, or too large.
    """
    options, argument = handler.context.options, handler.get_query_argument
    kinds: Sequence[str] = handler.request.headers.get("Accept", "").lower().split(",")
    wrapped = MEDIA_TYPE in {kind.partition(";")[0].strip() for kind in kinds}
    offset = _number("offset", argument("offset", "0"))
    usual = options.page_limit if wrapped else options.max_page_limit
    limit = _number("limit", argument("limit", str(usual)))
    return PageOfList(offset, max(1, min(limit, options.max_page_limit)), wrapped)


def order_of(handler: BaseHandler, sortable: Sequence[str], usual: str) -> tuple[str, bool]:
    """Return the requested order of a list: its column, and whether it is descending.

    Args:
        handler: handler of the request.
        sortable: the columns.
        usual: column for requests without an order.

    Raises:
        InvalidError: the list has no such order.
    """
    sort = handler.get_query_argument("sort", usual)
    if sort.removeprefix("-") not in sortable:
        raise InvalidError(
            f"sort must be one of {', '.join(sortable)}, with - in front for descending order, "
            f"not {shorten(sort)}"
        )
    return sort.removeprefix("-"), sort.startswith("-")


def _number(name: str, text: str) -> int:
    try:
        number = abs(int(text))
    except ValueError as error:
        raise InvalidError(f"{name} must be a number, not {shorten(text)}") from error
    if number > _LARGEST:
        raise InvalidError(f"{name} must not be more than {_LARGEST}")
    return number


def _url(handler: BaseHandler, offset: int, limit: int) -> str:
    request = handler.request
    other_arguments = filter_query(request.query, {"offset", "limit"}.__contains__)
    path = add_query(add_query(request.path, other_arguments), f"offset={offset}&limit={limit}")
    return absolute(handler.services.settings, request, path)
