"""Client of the hub's pages that submits their forms, for tests that need no real browser."""

from __future__ import annotations

import html
import http.cookiejar
import re
import urllib.parse
import urllib.request


class FormClient:
    """Client with a cookie jar of its own, which follows redirects and uses no proxy of the environment.

    Attributes:
        cookies: its cookie jar.
        opener: opens requests with these cookies.
        page_url: URL of the last page; empty at first.

    Args:
        url: of the hub, with a slash at the end.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(self.cookies), urllib.request.ProxyHandler({})
        )
        self.page_url = ""

    def get(self, path: str) -> str:
        """Return a page.

        Args:
            path: below the URL of the hub.

        Raises:
            urllib.error.HTTPError: the status is 400 or higher.
        """
        return self._read(f"{self._url}{path}")

    def submit(self, path: str, **fields: str) -> str:
        """Submit the first form of a page and return the page that follows.

        Args:
            path: of the page with the form, below the URL of the hub.
            fields: values by name; the hidden field against cross-site requests is added.

        Raises:
            urllib.error.HTTPError: the status is 400 or higher.
        """
        page = self.get(path)
        [action] = re.findall(r'<form [^>]*action="([^"]+)" method="post"', page)[:1]
        hidden = re.findall(r'name="_xsrf" value="([^"]+)"', page)[:1]
        body = urllib.parse.urlencode({**fields, **({"_xsrf": hidden[0]} if hidden else {})}).encode()
        return self._read(urllib.parse.urljoin(self._url, html.unescape(action)), body)

    def log_in(self, username: str, password: str = "any", *, to: str = "") -> str:  # noqa: S107 - accepted by `dummy`
        """Log in with the login form and return the page that follows.

        Args:
            username: name to log in with.
            password: its password; `dummy` accepts any.
            to: path on this host to open after the login; empty for the default.

        Raises:
            urllib.error.HTTPError: the login is refused, or the page that follows fails.
        """
        query = f"?{urllib.parse.urlencode({'next': to})}" if to else ""
        return self.submit(f"hub/login{query}", username=username, password=password)

    def _read(self, url: str, body: bytes | None = None) -> str:
        with self.opener.open(url, body) as answer:
            self.page_url = answer.url
            text: str = answer.read().decode()
        return text
