"""A service that shows visitors their names, built on JupyterHub's library as its documentation shows."""

import json
import os
from urllib.parse import urlparse

from jupyterhub.services.auth import HubOAuthCallbackHandler, HubOAuthenticated
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.web import Application, RequestHandler, authenticated


class WhoAmI(HubOAuthenticated, RequestHandler):
    @authenticated
    def get(self) -> None:
        user = self.get_current_user()
        self.finish(f"<h1 id='who'>{user['name']}</h1><pre>{json.dumps(user['scopes'])}</pre>")


def main() -> None:
    prefix = os.environ["JUPYTERHUB_SERVICE_PREFIX"]
    handlers = [(f"{prefix}oauth_callback", HubOAuthCallbackHandler), (f"{prefix}.*", WhoAmI)]
    application = Application(handlers, cookie_secret=os.urandom(32))
    url = urlparse(os.environ["JUPYTERHUB_SERVICE_URL"])
    HTTPServer(application).listen(url.port or 0, url.hostname)
    IOLoop.current().start()


if __name__ == "__main__":
    main()
