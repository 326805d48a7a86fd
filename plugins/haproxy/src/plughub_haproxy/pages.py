"""Configuration lines for HAProxy's own error responses: an HTML page, or JSON for programs.

Responses of the hub and of servers are not changed. HAProxy's built-in text remains where it cannot parse a
request: 400 for headers larger than its buffer, 408 for headers that do not arrive.

Source:
    HAProxy Configuration Manual, 2.6 and 2.8: ``http-error``, ``http-after-response``, ``map_str``.
"""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from http.client import responses
from typing import Final

PAGES_NAME: Final = "errors.map"
LARGE_HEADERS: Final = 56_000
"""Size in bytes above which headers are refused with a page, a few cookies before the buffer is full."""

_JSON: Final = "json"
_TOO_LARGE: Final = 431


@dataclass(frozen=True, slots=True)
class Page:
    """An error response.

    Attributes:
        title: what happened, in short.
        text: what happened, and what the user can do.
        retry: seconds until the page reloads; 0 for never.
    """

    title: str
    text: str
    retry: int = 0


_RELOADS: Final = (
    "This page reloads every few seconds. If the problem persists, contact an administrator of this hub."
)

_NOTHING: Final = Page(
    "No server is responding at this address",
    f"Neither the server at this address nor the hub can be reached. {_RELOADS}",
    5,
)

PAGES: Final = {
    400: Page("The request is invalid", "Open the address again, or go back and try again."),
    404: _NOTHING,
    403: Page("This is not allowed", "If you think that it should be allowed, ask an administrator."),
    408: Page(
        "The request took too long", "Your connection may be slow or interrupted. Go back and try again."
    ),
    429: Page("Too many requests at once", "Other users may share your network address. Wait a moment.", 15),
    _TOO_LARGE: Page(
        "Your browser sends too many cookies",
        "Delete the cookies of this site in your browser's settings. Then open the address again and log in.",
    ),
    500: Page(
        "Something went wrong", "Try again. If it happens again, contact an administrator of this hub."
    ),
    502: Page("The server closed the connection", f"It may be restarting. {_RELOADS}", 5),
    503: _NOTHING,
    504: Page("The server took too long", f"It may be busy. {_RELOADS}", 5),
}

_STYLE: Final = (
    ":root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--text:#1c2430;--soft:#5b6675;--line:#d8dde4}"
    "@media(prefers-color-scheme:dark){"
    ":root{--page:#14181e;--card:#1d232b;--text:#e8ecf1;--soft:#a5b0bd;--line:#39424e}}"
    "body{margin:0;background:var(--page);color:var(--text);font:1rem/1.5 system-ui,sans-serif}"
    "main{max-width:36rem;margin:4rem auto;padding:1.5rem;background:var(--card)}"
    "main{border:1px solid var(--line);border-radius:.6rem}"
    "h1{font-size:1.6rem;line-height:1.2;margin:0 0 1rem}small{color:var(--soft)}"
)


def pages_file() -> str:
    """Return the map of all error responses: status and kind, then the body on the same line."""
    lines = []
    for status, page in PAGES.items():
        lines += [f"{status}. {_html(status, page)}", f"{status}.{_JSON} {_json(status, page)}"]
    return "\n".join(lines) + "\n"


def error_lines() -> str:
    """Return the lines of the defaults that set the body of each status: HTML unless ``txn.kind`` is set."""
    generated = [status for status in PAGES if status != _TOO_LARGE]
    return "\n".join(_error_line(status, f"str({status}.)") for status in generated)


def unreachable_line() -> str:
    """Return the line for requests for one of the hub's error pages when no hub answers."""
    return _error_line(503, "var(txn.status),concat(.)")


def frontend_lines() -> str:
    """Return the frontend lines that select JSON or HTML and refuse large headers."""
    return f"""
    acl asks_for_json req.hdr(accept) -m sub -i application/json
    acl asks_for_page req.hdr(accept) -m sub -i text/html
    acl is_api path -m sub /api/
    http-request set-var(txn.kind) str({_JSON}) if is_api || asks_for_json !asks_for_page
    acl large_headers req.hdrs,length gt {LARGE_HEADERS}
    http-request return status {_TOO_LARGE} {_content(f"str({_TOO_LARGE}.)")} if large_headers
    http-response set-var(txn.is_answered) bool(true)
    http-after-response set-header Content-Type application/json if {{ var(txn.kind) -m found }} \
!{{ var(txn.is_answered) -m found }}
""".strip("\n")


def _error_line(status: int, key: str) -> str:
    retry = f" hdr Retry-After {PAGES[status].retry}" if PAGES[status].retry else ""
    return f"    http-error status {status} {_content(key)}{retry}"


def _content(key: str) -> str:
    body = f'lf-string "%[{key},concat(,txn.kind),map_str({PAGES_NAME})]"'
    return f'content-type "text/html; charset=utf-8" {body} hdr Cache-Control no-store'


def _html(status: int, page: Page) -> str:
    refresh = f'<meta http-equiv="refresh" content="{page.retry}">' if page.retry else ""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="robots" content="noindex">'
        f"{refresh}<title>{html.escape(page.title)}</title><style>{_STYLE}</style></head>"
        f'<body><main><h1>{html.escape(page.title)}</h1><p role="alert">{html.escape(page.text)}</p>'
        f"<small>{status} {responses[status]}</small></main></body></html>"
    )


def _json(status: int, page: Page) -> str:
    return json.dumps({"status": status, "message": f"{page.title}."})
