"""A single-user server in a few lines, for tests that need a real process and no notebook.

``python -m plughub.testing.tiny_server`` listens where ``JUPYTERHUB_SERVICE_URL`` says and answers every
request with JSON: the path, its user and its process. It does not authenticate visitors. With an
``https://`` address it uses the certificate of ``JUPYTERHUB_SSL_CERTFILE`` and requires client
certificates.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Return a description of this server."""
        facts = {"path": self.path, "user": os.environ.get("JUPYTERHUB_USER"), "pid": os.getpid()}
        body = json.dumps(facts).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until a signal ends it."""
    address = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    server = ThreadingHTTPServer((address.hostname or "", address.port or 0), _Answer)
    if address.scheme == "https":
        authorities = os.environ["JUPYTERHUB_SSL_CLIENT_CA"]
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authorities)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(os.environ["JUPYTERHUB_SSL_CERTFILE"], os.environ["JUPYTERHUB_SSL_KEYFILE"])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    sys.stderr.write(f"listening on port {server.server_port}\n")
    sys.stderr.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
