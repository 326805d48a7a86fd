"""What a list of the console shows: search, filters, order and page, all in the address of the page."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Final
from urllib.parse import urlencode

from plughub.web.pages.base import PageHandler

SIZES: Final = (25, 50, 100)
"""Numbers of rows that a page may have. The largest one still renders within the time for one turn of the
event loop."""
USUAL_SIZE: Final = 25
"""Rows of a page unless the address says otherwise; a page of 50 would take more than 60 kB."""
MAX_SEARCH: Final = 255
MAX_PAGE: Final = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class ListView:
    """One page of a list.

    Attributes:
        path: path of the page.
        text: search text.
        sort: name of the column that orders the list; empty for a list with a fixed order.
        descending: whether to reverse the order.
        page: number of the page, from 1.
        size: rows on a page.
        filters: chosen values by name of the filter; empty for all.
        defaults: values of the filters that the address need not contain.
        total: rows on all pages.
    """

    path: str
    text: str = ""
    sort: str = ""
    descending: bool = False
    page: int = 1
    size: int = USUAL_SIZE
    filters: Mapping[str, str]
    defaults: Mapping[str, str]
    total: int = 0

    @property
    def offset(self) -> int:
        """Return the number of rows before the page."""
        return (self.page - 1) * self.size

    @property
    def pages(self) -> int:
        """Return the number of pages, at least one."""
        return max(1, ceil(self.total / self.size))

    @property
    def first(self) -> int:
        """Return the number of the first row on the page, from 1; 0 if the list is empty."""
        return min(self.offset + 1, self.total)

    @property
    def last(self) -> int:
        """Return the number of the last row on the page."""
        return min(self.offset + self.size, self.total)

    @property
    def is_usual_size(self) -> bool:
        """Return whether the page has the usual number of rows."""
        return self.size == USUAL_SIZE

    @property
    def is_limited(self) -> bool:
        """Return whether a search or a filter other than the usual ones hides rows."""
        return bool(self.text) or dict(self.filters) != dict(self.defaults)

    @property
    def export_query(self) -> str:
        """Return the query of an address for all rows of this list."""
        return urlencode([(name, value) for name, value in self.filters.items() if value])

    @property
    def is_missing(self) -> bool:
        """Return whether the page is after the last one."""
        return self.page > self.pages

    def with_total(self, total: int) -> ListView:
        """Return the view with the number of rows on all pages."""
        return replace(self, total=total)

    def at(self, page: int) -> str:
        """Return the address of another page of the list."""
        return self._address(page=page)

    def sorted_by(self, column: str) -> str:
        """Return the address of the list ordered by a column; in the other direction if it is already."""
        return self._address(sort=column, descending=column == self.sort and not self.descending)

    def direction(self, column: str) -> str:
        """Return the value of ``aria-sort`` for a column."""
        if column != self.sort:
            return "none"
        return "descending" if self.descending else "ascending"

    def _address(self, *, page: int = 1, sort: str | None = None, descending: bool | None = None) -> str:
        order = self.sort if sort is None else sort
        reverse = self.descending if descending is None else descending
        values = {
            "q": self.text,
            **{name: value for name, value in self.filters.items() if value != self.defaults.get(name)},
            "sort": f"-{order}" if reverse else order,
            "size": str(self.size) if self.size != USUAL_SIZE else "",
            "page": str(page) if page > 1 else "",
        }
        # An empty filter is kept where another value is the usual one.
        kept = [(name, value) for name, value in values.items() if value or name in self.filters]
        return f"{self.path}?{urlencode(kept)}" if kept else self.path


def requested_view(
    handler: PageHandler,
    *,
    sortable: Collection[str] = (),
    sort: str = "",
    filters: Mapping[str, str] | None = None,
) -> ListView:
    """Return the part of a list that a request asks for. Invalid values count as missing ones.

    Args:
        handler: handler of the request.
        sortable: columns that can order the list.
        sort: the usual order, with ``-`` in front for descending.
        filters: usual values of the filters by name.
    """
    wanted = handler.text_argument("sort")
    order = wanted if wanted.removeprefix("-") in sortable else sort
    defaults = dict(filters or {})
    sent = handler.request.query_arguments
    size = _number(handler.text_argument("size"), USUAL_SIZE)
    return ListView(
        path=handler.request.path,
        text=handler.text_argument("q").strip()[:MAX_SEARCH],
        sort=order.removeprefix("-"),
        descending=order.startswith("-"),
        page=min(max(1, _number(handler.text_argument("page"), 1)), MAX_PAGE),
        size=size if size in SIZES else USUAL_SIZE,
        filters={
            name: handler.text_argument(name)[:MAX_SEARCH] if name in sent else usual
            for name, usual in defaults.items()
        },
        defaults=defaults,
    )


def _number(text: str, usual: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else usual  # noqa: PLR2004 - below MAX_PAGE
