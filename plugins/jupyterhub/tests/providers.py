"""Stand-in for the endpoints of ten login services, at their own addresses and with TLS.

Each code and token is the name of its user. ``ada`` and ``max`` belong to the group that may log in, ``eve``
does not; the email address of ``max`` is not verified.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import jwt

from .directory import make_certificate

SECRET = "secret-of-the-hub-at-the-provider"
IDS = {"ada": 11, "eve": 12, "max": 13}
ADMINS, STAFF = "a-group-of-deans", "a-group-of-staff"
_MEMBERS = {"ada": [STAFF, ADMINS], "max": [STAFF]}


def _email(name: str) -> str:
    return f"{name}@{'elsewhere.test' if name == 'eve' else 'campus.test'}"


def _groups(name: str) -> list[str]:
    return _MEMBERS.get(name, [])


def _member(name: str) -> int:
    return 204 if _groups(name) else 404


def _tokens(name: str) -> dict[str, Any]:
    """Return a token with the additions of Azure (``id_token``) and Globus (the tokens of other services)."""
    groups_token = {"resource_server": "groups.api.globus.org", "access_token": name, "token_type": "Bearer"}
    transfer = {"resource_server": "transfer.api.globus.org", "access_token": f"transfer-{name}"}
    claims = {"name": name, "aud": "hub", "groups": _groups(name)}
    return {
        "access_token": name,
        "token_type": "bearer",
        "scope": "read:org",
        "resource_server": "auth.globus.org",
        "id_token": jwt.encode(claims, SECRET),
        "other_tokens": [groups_token, transfer],
    }


def _cilogon(name: str) -> dict[str, Any]:
    """Return a user who logged in at the university, or `eve` of another identity provider."""
    idp = "https://other.test/idp" if name == "eve" else "https://campus.test/idp"
    return {"idp": idp, "email": _email(name)}


ANSWERS: dict[str, Callable[[str], Any]] = {
    r"github.com/login/oauth/access_token": _tokens,
    r"api.github.com/user": lambda name: {"login": name.title(), "email": _email(name)},
    r"api.github.com/orgs/lab/teams/core/members/\w+": _member,
    r"gitlab.com/oauth/token": _tokens,
    r"gitlab.com/api/v4/user": lambda name: {"username": name, "id": IDS[name]},
    r"gitlab.com/api/v4/version": lambda _: {"version": "17.1.0-ee"},
    r"gitlab.com/api/v4/groups/lab/members/all/(11|13)": lambda _: {"access_level": 30},
    r"gitlab.com/api/v4/groups/lab/members/all/12": lambda _: 404,
    r"www.googleapis.com/oauth2/v4/token": _tokens,
    r"www.googleapis.com/oauth2/v1/userinfo": lambda name: {
        "email": _email(name),
        "hd": _email(name).partition("@")[2],
        "verified_email": name != "max",
    },
    r"login.microsoftonline.com/a-tenant/oauth2/token": _tokens,
    r"auth.globus.org/v2/oauth2/token": _tokens,
    r"auth.globus.org/v2/oauth2/userinfo": lambda name: {"preferred_username": _email(name)},
    r"groups.api.globus.org/v2/groups/my_groups": lambda name: [{"id": group} for group in _groups(name)],
    r"cilogon.org/oauth2/token": _tokens,
    r"cilogon.org/oauth2/userinfo": _cilogon,
    r"bitbucket.org/site/oauth2/access_token": _tokens,
    r"api.bitbucket.org/2.0/user": lambda name: {"username": name},
    r"api.bitbucket.org/2.0/workspaces": lambda name: {
        "values": [{"name": group} for group in _groups(name)]
    },
    r"openshift.test/.well-known/oauth-authorization-server": lambda _: {"issuer": "https://openshift.test"},
    r"openshift.test/oauth/token": _tokens,
    r"openshift.test/apis/user.openshift.io/v1/users/~": lambda name: {
        "metadata": {"name": name},
        "groups": _groups(name),
    },
    r"campus.auth0.com/oauth/token": _tokens,
    r"campus.auth0.com/userinfo": lambda name: {"email": _email(name), "email_verified": name != "max"},
}
"""Answers by host and path: a function from the name of the user to JSON, or to a status."""

REVOKED: set[str] = set()
"""Tokens that the hub has revoked."""

HOSTS = sorted({place.partition("/")[0] for place in ANSWERS})


class _Answer(BaseHTTPRequestHandler):
    log_message: ClassVar[Any] = lambda *_: None

    def do_GET(self) -> None:
        """Answer with facts about the user whose token the request has."""
        self._answer((self.headers["Authorization"] or "").rpartition(" ")[2])

    def do_POST(self) -> None:
        """Exchange a code for a token, if the hub has the secret, and the verifier that the login began with."""
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        if urlsplit(self.path).path == "/w/index.php":
            self._mediawiki()
            return
        fields = {name: values[0] for name, values in parse_qs(body).items()}
        if self.path == "/v2/oauth2/token/revoke":
            REVOKED.add(fields["token"])
            self._send(200, b"{}")
            return
        known = (fields["client_id"], fields["client_secret"]) == ("hub", SECRET) and fields["code_verifier"]
        self._answer(fields["code"] if known else "")

    def _answer(self, name: str) -> None:
        place = f"{self.headers['Host']}{urlsplit(self.path).path}"
        answer = next(
            (found for known, found in ANSWERS.items() if re.fullmatch(known, place)), lambda _: 404
        )
        value = answer(name)
        if isinstance(value, int):
            self._send(value, b"")
        else:
            self._send(200, json.dumps(value).encode())

    def _mediawiki(self) -> None:
        """Answer a step of a login with OAuth 1.0a, whose verifier is the name of the user."""
        step = parse_qs(urlsplit(self.path).query)["title"][0]
        given = dict(re.findall(r'(\w+)="([^"]*)"', self.headers["Authorization"]))
        if step == "Special:OAuth/initiate":
            self._send(200, b"oauth_token=first&oauth_token_secret=a-secret")
        elif step == "Special:OAuth/token":
            self._send(200, f"oauth_token={given['oauth_verifier']}&oauth_token_secret=a-secret".encode())
        else:
            claims = {"username": given["oauth_token"], "nonce": given["oauth_nonce"], "aud": "hub"}
            claims |= {"iss": f"http://{self.headers['Host']}", "iat": int(time.time())}
            self._send(200, jwt.encode(claims, SECRET).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class StandIn:
    """The running stand-in.

    Args:
        folder: for its certificate.

    Attributes:
        port: its port with TLS.
        plain_port: its port without TLS, for MediaWiki, whose address is a setting.
        authority: file of the certificate to trust.
    """

    def __init__(self, folder: Path) -> None:
        make_certificate(folder / "provider", HOSTS)
        self.authority = folder / "provider.crt"
        self._servers = [ThreadingHTTPServer(("127.0.0.1", 0), _Answer) for _ in range(2)]
        self.plain_port, self.port = (server.server_port for server in self._servers)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.authority, folder / "provider.key")
        self._servers[1].socket = context.wrap_socket(self._servers[1].socket, server_side=True)

    @contextmanager
    def running(self) -> Iterator[StandIn]:
        """Answer requests during the block."""
        threads = [threading.Thread(target=server.serve_forever, args=(0.05,)) for server in self._servers]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            for server, thread in zip(self._servers, threads, strict=True):
                server.shutdown()
                thread.join()
                server.server_close()

    def config(self) -> str:
        """Return the lines of a config file that send requests for the providers to this stand-in."""
        places = {(host, 443): ("127.0.0.1", self.port) for host in HOSTS}
        return f"""
from tornado.httpclient import AsyncHTTPClient
AsyncHTTPClient.configure(None, hostname_mapping={places!r})
c.OAuthenticator.http_request_kwargs = {{"ca_certs": {str(self.authority)!r}}}
c.OAuthenticator.client_id = "hub"
c.OAuthenticator.client_secret = {SECRET!r}
"""
