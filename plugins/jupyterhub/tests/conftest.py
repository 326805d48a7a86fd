"""A real OpenID Connect provider, and users who log in with it."""

from __future__ import annotations

import re
import subprocess
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from .providers import StandIn
from .suites import expect_exceptions

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Expect the exceptions that suites over classes for JupyterHub name."""
    expect_exceptions(items)


class Visitor:
    """User with a browser that submits the forms of the provider.

    Args:
        name: name that the user types at the provider.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.session = requests.Session()
        self.url = ""

    @property
    def is_logged_in(self) -> bool:
        """Return whether the browser has a login cookie of the hub."""
        return any(cookie.name == "jupyterhub-hub-login" for cookie in self.session.cookies)

    def get(self, url: str, **headers: str) -> requests.Response:
        """Open an address, following redirects; `url` then has the last one."""
        return self._keep(self.session.get(url, headers=headers))

    def post(self, url: str, **fields: str) -> requests.Response:
        """Submit a form, following redirects; `url` then has the last one."""
        return self._keep(self.session.post(url, fields))

    def submit(self, url: str, **fields: str) -> requests.Response:
        """Open a page, and submit the form of the same address with its hidden field."""
        token = re.search(r'name="_xsrf" value="([^"]+)"', self.get(url).text)
        return self.post(url, **fields, **({"_xsrf": token[1]} if token else {}))

    def log_in(self, url: str) -> requests.Response:
        """Open an address that leads to the provider, log in there, and return the answer that follows."""
        answer = self.get(url)
        while found := re.search(r'<form[^>]*action="([^"]*/interaction/[^"]+)"', answer.text):
            prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
            fields = {"prompt": prompt[1] if prompt else "login", "login": self.name, "password": "any"}
            answer = self.post(urllib.parse.urljoin(self.url, found[1]), **fields)
        return answer

    def begin_login(self, url: str, page: str = "oauth_login") -> tuple[str, dict[str, str]]:
        """Begin a login at a provider that has no pages, and return its address and the arguments in it.

        Args:
            url: of the hub.
            page: the page that begins it, below ``/hub/``.
        """
        begun = self.session.get(f"{url}hub/{page}?next=/hub/token", allow_redirects=False)
        address, _, query = begun.headers["Location"].partition("?")
        return address, {name: values[0] for name, values in urllib.parse.parse_qs(query).items()}

    def log_in_with_code(self, url: str, page: str = "oauth_login") -> requests.Response:
        """Begin a login at a provider whose codes are usernames, and return with the code of this user."""
        _, given = self.begin_login(url, page)
        return self.get(f"{given['redirect_uri']}?code={self.name}&state={given['state']}")

    def log_out(self, url: str) -> str:
        """Log out from the home page of a hub, and return the address elsewhere that follows, if any."""
        address, page = f"{url}hub/logout", {"Referer": f"{url}hub/home"}
        while address.startswith(url):
            answer = self.session.get(address, headers=page, allow_redirects=False)
            if not answer.is_redirect:
                return ""
            address = urllib.parse.urljoin(address, answer.headers["Location"])
        return address

    def _keep(self, answer: requests.Response) -> requests.Response:
        self.url = answer.url
        return answer


@contextmanager
def provider(port: int, redirect_uri: str, groups: Path) -> Iterator[str]:
    """Run the provider with the groups of users in a file, and return its address."""
    root = subprocess.run(["npm", "root", "-g"], capture_output=True, text=True, check=True).stdout.strip()
    library = Path(root) / "oidc-provider" / "lib" / "index.js"
    if not library.exists():
        pytest.skip("needs a provider: npm install -g oidc-provider@8")
    command = ["node", str(HERE / "oidc_provider.mjs"), str(library), str(port), redirect_uri, str(groups)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """Stand-in for login services, whose codes are usernames."""
    with StandIn(tmp_path_factory.mktemp("provider")).running() as running:
        yield running


@pytest.fixture(scope="session")
def visitors() -> type[Visitor]:
    """`Visitor`, for the tests in other folders."""
    return Visitor
