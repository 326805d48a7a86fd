"""Servers of a hub, as a service of the config file sees them."""

from datetime import UTC, datetime
from http import HTTPStatus

import requests

from plughub.testing.client import ApiClient
from plughub.testing.conditions import wait_for

TOKEN = "5d" * 16
HEADERS = {"Authorization": f"token {TOKEN}"}
SERVICE = f"""
c.JupyterHub.services = [{{"name": "tests", "api_token": "{TOKEN}"}}]
c.JupyterHub.load_roles = [
    {{"name": "tests", "services": ["tests"], "scopes": ["admin:users", "admin:servers", "access:servers"]}}
]
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 1}}
c.DummyAuthenticator.allow_all = True
"""
"""Settings for the service, and for users who exist as soon as it starts their servers."""


class Server:
    """Default server of a user, whom the constructor creates."""

    def __init__(self, hub, user):
        self.hub = hub
        self.user = user
        self.api = ApiClient(hub.url, TOKEN)
        self.api("POST", f"/users/{user}")

    @property
    def model(self):
        """The server in the API; empty if it does not run."""
        return self.api("GET", f"/users/{self.user}").body["servers"].get("", {})

    def hours_left(self):
        """Return the hours until its backend ends it."""
        ends_at = self.api("GET", f"/users/{self.user}/server/announced-stop").body["ends_at"]
        return (datetime.fromisoformat(ends_at) - datetime.now(UTC)).total_seconds() / 3600

    def start(self, **options):
        """Begin to start it."""
        reply = self.api("POST", f"/users/{self.user}/server", options)
        assert reply.status < HTTPStatus.BAD_REQUEST, (reply, self.hub.output)

    def wait_until_ready(self):
        """Wait until it is ready; fail if it ends."""
        wait_for(lambda: self.model.get("ready") or not self.model)
        assert self.model.get("ready"), self.hub.output

    def restart_hub(self):
        """Kill the hub, start the next one, and wait until it has adopted the server."""
        self.hub.kill()
        self.hub.start()
        self.wait_until_ready()

    def get(self, path=""):
        """Return the JSON that it answers."""
        answer = requests.get(f"{self.hub.url}user/{self.user}/{path}", headers=HEADERS)
        assert answer.ok, (answer.status_code, answer.text, self.hub.output)
        return answer.json()

    def stop(self):
        """Stop it, and wait for its end."""
        self.api("DELETE", f"/users/{self.user}/server")
        wait_for(lambda: not self.model)
