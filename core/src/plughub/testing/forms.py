"""Client of the hub's pages that submits their forms, for tests that need no real browser."""

from __future__ import annotations

import html
import http.cookiejar
import re
import urllib.parse
import urllib.request


class FormClient:
    """Client with a cookie jar of its own.

    Args:
        url: of the hub, with a slash at the end.
    """

    def __init__(self, url: str) -> None:
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._url, self._open = url, urllib.request.build_opener(cookies).open

    def get(self, path: str) -> str:
        """Return a page.

        Args:
            path: below the URL of the hub.

        Raises:
            urllib.error.HTTPError: the status is 400 or higher.
        """
        text: str = self._open(f"{self._url}{path}").read().decode()
        return text

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
        text: str = self._open(urllib.parse.urljoin(self._url, html.unescape(action)), body).read().decode()
        return text
