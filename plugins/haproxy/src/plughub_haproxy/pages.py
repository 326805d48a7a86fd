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
_GERMAN: Final = "de"
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
    "Neither the server at this address nor the hub can be reached at the moment. Servers keep running while "
    f"the hub is away, and your work in them continues. {_RELOADS}",
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

_RELOADS_DE: Final = (
    "Diese Seite lädt alle paar Sekunden neu. Wenn das Problem bleibt, wenden Sie sich an die Administration."
)
_NOTHING_DE: Final = Page(
    "Unter dieser Adresse antwortet kein Server",
    "Weder der Server unter dieser Adresse noch der Hub ist zurzeit erreichbar. Server laufen weiter, "
    f"während der Hub nicht erreichbar ist, und Ihre Arbeit darin geht weiter. {_RELOADS_DE}",
    5,
)
GERMAN: Final = {
    400: Page(
        "Die Anfrage ist ungültig",
        "Öffnen Sie die Adresse noch einmal, oder gehen Sie zurück und versuchen es erneut.",
    ),
    404: _NOTHING_DE,
    403: Page("Das ist nicht erlaubt", "Wenn es erlaubt sein sollte, fragen Sie die Administration."),
    408: Page(
        "Die Anfrage hat zu lange gedauert",
        "Ihre Verbindung ist vielleicht langsam oder unterbrochen. Gehen Sie zurück und versuchen Sie es "
        "erneut.",
    ),
    429: Page(
        "Zu viele Anfragen auf einmal",
        "Andere teilen vielleicht Ihre Netzadresse. Warten Sie einen Augenblick.",
        15,
    ),
    _TOO_LARGE: Page(
        "Ihr Browser sendet zu viele Cookies",
        "Löschen Sie in den Einstellungen des Browsers die Cookies dieser Website. Öffnen Sie dann die "
        "Adresse erneut und melden Sie sich an.",
    ),
    500: Page(
        "Etwas ist schiefgegangen",
        "Versuchen Sie es noch einmal. Wenn es wieder geschieht, wenden Sie sich an die Administration.",
    ),
    502: Page("Der Server hat die Verbindung geschlossen", f"Vielleicht startet er neu. {_RELOADS_DE}", 5),
    503: _NOTHING_DE,
    504: Page("Der Server hat zu lange gebraucht", f"Vielleicht ist er ausgelastet. {_RELOADS_DE}", 5),
}
_LOGO: Final = (
    '<svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">'
    '<circle cx="16" cy="16" r="5" fill="#0b62c4"/><g stroke="#0b62c4" stroke-width="2.5">'
    '<path d="M16 11V5M16 27v-6M11 16H5M27 16h-6"/></g><g fill="#f08a24">'
    '<circle cx="16" cy="4" r="3"/><circle cx="16" cy="28" r="3"/><circle cx="4" cy="16" r="3"/>'
    '<circle cx="28" cy="16" r="3"/></g></svg>'
)

_STYLE: Final = (
    ":root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--text:#1c2430;--soft:#5b6675;--line:#d8dde4}"
    "@media(prefers-color-scheme:dark){"
    ":root{--page:#14181e;--card:#1d232b;--text:#e8ecf1;--soft:#a5b0bd;--line:#39424e}}"
    "body{margin:0;background:var(--page);color:var(--text);font:1rem/1.5 system-ui,sans-serif}"
    "header{padding:.6rem 1rem;background:var(--card);border-bottom:1px solid var(--line)}"
    "header svg{display:block}"
    "main{max-width:36rem;margin:3rem auto;padding:1.5rem;background:var(--card)}"
    "@media(max-width:38rem){main{margin:1rem;padding:1rem}}"
    "main{border:1px solid var(--line);border-radius:.6rem}"
    "h1{font-size:1.6rem;line-height:1.2;margin:0 0 1rem}small{color:var(--soft)}"
)


def pages_file() -> str:
    """Return the map of all error responses: status and kind, then the body on the same line."""
    lines = []
    for status, page in PAGES.items():
        german = _html(status, GERMAN[status], _GERMAN)
        lines += [f"{status}. {_html(status, page)}", f"{status}.{_JSON} {_json(status, page)}"]
        lines.append(f"{status}.{_GERMAN} {german}")
    return "\n".join(lines) + "\n"


def error_lines() -> str:
    """Return the lines of the defaults with the body of each status: English HTML without ``txn.kind``."""
    generated = [status for status in PAGES if status != _TOO_LARGE]
    return "\n".join(_error_line(status, f"str({status}.)") for status in generated)


def unreachable_line() -> str:
    """Return the line for requests for one of the hub's error pages when no hub answers."""
    return _error_line(503, "var(txn.status),concat(.)")


def frontend_lines() -> str:
    """Return the frontend lines that select JSON or the language of the page and refuse large headers."""
    return f"""
    http-request set-var(txn.kind) str({_GERMAN}) if {{ req.fhdr(accept-language) -m beg -i {_GERMAN} }}
    acl asks_for_json req.hdr(accept) -m sub -i application/json
    acl asks_for_page req.hdr(accept) -m sub -i text/html
    acl is_api path -m sub /api/
    http-request set-var(txn.kind) str({_JSON}) if is_api || asks_for_json !asks_for_page
    acl large_headers req.hdrs,length gt {LARGE_HEADERS}
    http-request return status {_TOO_LARGE} {_content(f"str({_TOO_LARGE}.)")} if large_headers
    http-response set-var(txn.is_answered) bool(true)
    http-after-response set-header Content-Type application/json if {{ var(txn.kind) -m str {_JSON} }} \
!{{ var(txn.is_answered) -m found }}
""".strip("\n")


def _error_line(status: int, key: str) -> str:
    retry = f" hdr Retry-After {PAGES[status].retry}" if PAGES[status].retry else ""
    return f"    http-error status {status} {_content(key)}{retry}"


def _content(key: str) -> str:
    body = f'lf-string "%[{key},concat(,txn.kind),map_str({PAGES_NAME})]"'
    return f'content-type "text/html; charset=utf-8" {body} hdr Cache-Control no-store'


def _html(status: int, page: Page, language: str = "en") -> str:
    refresh = f'<meta http-equiv="refresh" content="{page.retry}">' if page.retry else ""
    return (
        f'<!DOCTYPE html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="robots" content="noindex">'
        f"{refresh}<title>{html.escape(page.title)}</title><style>{_STYLE}</style></head>"
        f"<body><header>{_LOGO}</header><main><h1>{html.escape(page.title)}</h1>"
        f'<p role="alert">{html.escape(page.text)}</p>'
        f"<small>{status} {responses[status]}</small></main></body></html>"
    )


def _json(status: int, page: Page) -> str:
    return json.dumps({"status": status, "message": f"{page.title}."})
