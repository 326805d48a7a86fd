"""What HAProxy itself answers to errors, a page for people and JSON for programs: lines of the configuration.

Answers of the hub and of servers are left alone. HAProxy's own text remains where it cannot read a request at
all: 400 for headers that do not fit into its buffer, 408 for headers that do not come.

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
"""Bytes from which on headers are refused in words: some cookies before the buffer is full."""

_JSON: Final = "json"
_TOO_LARGE: Final = 431


@dataclass(frozen=True, slots=True)
class Page:
    """An answer.

    Attributes:
        title: what happened, in short.
        text: what happened, and what to do.
        retry: seconds until the page looks again; 0 for never.
    """

    title: str
    text: str
    retry: int = 0


_AGAIN: Final = "This page looks again every few seconds. If it lasts, tell an administrator of this hub."

_NOTHING: Final = Page(
    "Nothing answers here right now",
    f"Neither the server behind this address nor the hub can be reached. {_AGAIN}",
    5,
)

PAGES: Final = {
    400: Page("This request cannot be read", "Open the address again, or go back and try again."),
    404: _NOTHING,
    403: Page("This is not allowed", "If you think that you should be allowed, ask an administrator."),
    408: Page("The request took too long", "Your connection may be slow or broken. Go back and try again."),
    429: Page("Too many requests at once", "Others at your address may send some too. Wait a little.", 15),
    _TOO_LARGE: Page(
        "Your browser sends too many cookies",
        "Delete the cookies of this site in the settings of your browser. Then open the address again and "
        "log in.",
    ),
    500: Page("Something went wrong", "Try again. If it happens again, tell an administrator of this hub."),
    502: Page("The server broke off its answer", f"It may just be starting again. {_AGAIN}", 5),
    503: _NOTHING,
    504: Page("The server took too long", f"It may be busy with something else. {_AGAIN}", 5),
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
    """Write the map of all answers: status and kind, then the body on the same line."""
    lines = []
    for status, page in PAGES.items():
        lines += [f"{status}. {_html(status, page)}", f"{status}.{_JSON} {_json(status, page)}"]
    return "\n".join(lines) + "\n"


def error_lines() -> str:
    """Write which body each status has.

    Returns:
        Lines for the defaults. Where ``txn.kind`` is not known, it is the page.
    """
    generated = [status for status in PAGES if status != _TOO_LARGE]
    return "\n".join(_error_line(status, f"str({status}.)") for status in generated)


def unreachable_line() -> str:
    """Write what is answered where the hub's page for ``txn.status`` was asked for, and no hub answers."""
    return _error_line(503, "var(txn.status),concat(.)")


def frontend_lines() -> str:
    """Write who gets JSON, and what happens with large headers: lines for a frontend that people reach."""
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
