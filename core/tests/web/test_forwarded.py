from __future__ import annotations

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from plughub.web.forwarded import apply_forwarded


class Connection:
    context = None

    def set_close_callback(self, callback):
        pass


def request(peer, **headers):
    made = HTTPServerRequest(
        start_line=RequestStartLine("GET", "/", "HTTP/1.1"),
        headers=HTTPHeaders(
            {"Host": "hub", **{name.replace("_", "-"): text for name, text in headers.items()}}
        ),
        connection=Connection(),
    )
    made.remote_ip = peer
    return made


@pytest.mark.parametrize(
    ("peer", "chain", "believed"),
    [
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("::1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9, 10.0.0.1", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.2", "203.0.113.9", "10.0.0.2"),
        ("127.0.0.1", "<script>", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "6.6.6.6, nonsense", "127.0.0.1"),
    ],
)
def test_the_address_of_the_browser(peer, chain, believed):
    made = request(peer, X_Forwarded_For=chain)
    apply_forwarded(made, ("10.0.0.1",))
    assert made.remote_ip == believed


@pytest.mark.parametrize(
    ("peer", "proto", "scheme"),
    [
        ("127.0.0.1", "https", "https"),
        ("127.0.0.1", "http, https", "https"),
        ("127.0.0.1", "gopher", "http"),
        ("203.0.113.9", "https", "http"),
    ],
)
def test_the_scheme_of_the_browser(peer, proto, scheme):
    made = request(peer, X_Forwarded_Proto=proto)
    apply_forwarded(made, ())
    assert made.protocol == scheme
