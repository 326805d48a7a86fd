"""A single-user server whose pages attack their visitors; for the user ada it runs a real JupyterLab
instead.
"""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

WORKER = """
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  if (event.request.mode === "navigate")
    event.respondWith(new Response("<h1>A worker answers</h1>", {headers: {"Content-Type": "text/html"}}));
});
"""


class HostileHandler(BaseHTTPRequestHandler):
    """Answers with a page, a service worker, the received request, or the headers that the query names."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        seen = Path(os.environ["JUPYTERHUB_USER"] + "-saw.txt")
        with seen.open("a") as file:
            file.write(f"{self.path} {self.headers.get('Cookie', '')}\n")
        kind, body = "text/html", "<!DOCTYPE html><title>hostile</title><h1>Hostile page</h1>"
        if self.path.endswith("worker.js"):
            kind, body = "text/javascript", WORKER
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Service-Worker-Allowed", "/")
        for name, value in parse_qsl(parts.query):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def do_POST(self) -> None:
        self.do_GET()


def main() -> None:
    if os.environ["JUPYTERHUB_USER"] == "ada":
        os.execvp("jupyterhub-singleuser", ["jupyterhub-singleuser", "--allow-root"])
    address = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    ThreadingHTTPServer((address.hostname or "", address.port or 0), HostileHandler).serve_forever()


if __name__ == "__main__":
    main()
