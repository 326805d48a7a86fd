"""Users of the hub that is killed: they log in with browsers, and must not notice the crash."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from websockets.sync.client import ClientConnection, connect

from plughub.testing.client import ApiClient
from plughub.testing.hub import HubProcess

_TIMEOUT = 60


class Browser:
    """A minimal browser: cookies, forms and redirects that the caller follows.

    Args:
        hub: the hub.
        name: of the user; any password is accepted.
    """

    def __init__(self, hub: HubProcess, name: str) -> None:
        self._hub = hub
        self.name = name
        self.cookies: dict[str, str] = {}

    def get(self, path: str) -> tuple[int, str]:
        """Request a page.

        Args:
            path: of the page.

        Returns:
            The status and the redirect target; empty without one.
        """
        return self._ask("GET", path)

    def post(self, path: str, **fields: str) -> int:
        """Send a form.

        Args:
            path: of the page.
            fields: of the form.

        Returns:
            Status.
        """
        form = urlencode({**fields, "_xsrf": self.cookies.get("_xsrf", "")})
        return self._ask("POST", path, form)[0]

    def log_in(self) -> Self:
        """Log in.

        Returns:
            Itself.
        """
        self.get("/hub/login")
        self.post("/hub/login", username=self.name, password="x")
        return self

    def enter(self, environment: Mapping[str, str]) -> int:
        """Enter a server through OAuth, playing both the browser and the server.

        Args:
            environment: variables of the server.

        Returns:
            Status of the request for the token.
        """
        client, secret = environment["JUPYTERHUB_CLIENT_ID"], environment["JUPYTERHUB_API_TOKEN"]
        back = environment["JUPYTERHUB_OAUTH_CALLBACK_URL"]
        question = {"client_id": client, "redirect_uri": back, "response_type": "code", "state": "s"}
        _, leads = self.get(f"/hub/api/oauth2/authorize?{urlencode(question)}")
        code = parse_qs(urlsplit(leads).query).get("code", [""])[0]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back}
        form |= {"client_id": client, "client_secret": secret}
        return self._ask("POST", "/hub/api/oauth2/token", urlencode(form))[0]

    def is_logged_in(self) -> bool:
        """Return whether the hub accepts the login cookie."""
        status, _ = self.get("/hub/home")
        assert status in {200, 302, 403}, f"the home page of {self.name} answered {status}"
        return status == 200

    def _ask(self, method: str, path: str, form: str | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self._hub.port, timeout=_TIMEOUT)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        headers["Referer"] = f"http://127.0.0.1:{self._hub.port}/hub/home"
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, path, form, headers)
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
        for key, value in answer.getheaders():
            if key.lower() == "set-cookie":
                name, _, rest = value.partition("=")
                self.cookies[name] = rest.partition(";")[0]
        return answer.status, answer.getheader("Location") or ""


class OtherUsers:
    """Logged-in users whom no crash may disturb. The first one keeps a websocket to their server open.

    Args:
        hub: the hub.
        call: client of the API with all permissions.
        names: of the users; the first one's server runs.
    """

    def __init__(self, hub: HubProcess, call: ApiClient, *names: str) -> None:
        self._hub = hub
        self._call = call
        self._names = names
        self._known: dict[str, tuple[Browser, str]] = {}
        self._open = contextlib.ExitStack()
        self._socket: ClientConnection | None = None

    def connect(self) -> None:
        """Log in the users who are logged out, and open the websocket if it is closed."""
        for name in self._names:
            if name not in self._known:
                browser = Browser(self._hub, name).log_in()
                self._known[name] = browser, self._call("GET", f"/users/{name}").body["created"]
        if self._socket is None:
            url = f"ws://127.0.0.1:{self._hub.port}/user/{self._names[0]}/socket"
            self._socket = self._open.enter_context(connect(url, open_timeout=_TIMEOUT, ping_interval=None))

    def check(self, *, cut: bool) -> None:
        """Check that sessions and websocket are intact.

        Args:
            cut: whether the websocket may be closed.

        Raises:
            AssertionError: a user was logged out, a deleted or renamed user is still logged in, or the
                websocket is closed.
        """
        self._look_at_sessions()
        try:
            assert self._socket is not None
            self._socket.send("still there?")
            assert self._socket.recv(timeout=_TIMEOUT) == "still there?"
        except Exception as error:
            self.disconnect()
            if not cut:
                raise AssertionError("an open websocket was closed") from error

    def disconnect(self) -> None:
        """Close the websocket."""
        self._socket = None
        self._open.close()

    def _look_at_sessions(self) -> None:
        users: list[Mapping[str, Any]] = self._call("GET", "/users").body
        for name, (browser, created) in list(self._known.items()):
            # A user with another name has to log in again: the rename ends sessions.
            is_there = any((user["name"], user["created"]) == (name, created) for user in users)
            is_known = browser.is_logged_in()
            if not (is_there and is_known):
                del self._known[name]
            if is_known != is_there:
                raise AssertionError(
                    f"{name} was logged out" if is_there else f"{name} is deleted or renamed but logged in"
                )
