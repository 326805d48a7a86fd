from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from http.cookies import SimpleCookie
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import pytest
import pytest_asyncio
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.netutil import Resolver, bind_sockets

from plughub.app.config import JupyterHub
from plughub.app.service_settings import with_settings_of
from plughub.app.web_options import options_of
from plughub.domain.hub_processes import HubHealth
from plughub.domain.roles import Role
from plughub.domain.users import User
from plughub.kinds import Page, SpawnerInfo
from plughub.plugin.hook_calls import HookCaller
from plughub.plugin.hooks import Hooks
from plughub.plugin.manager import ActivePlugins
from plughub.plugin.threads import ThreadPools
from plughub.services.coordination.initial_records import store_initial_records
from plughub.services.observability.audit import AuditTrail
from plughub.services.observability.periodic_metrics import MetricsReport
from plughub.services.settings import HubSettings
from plughub.services.tokens.database_tokens import DatabaseTokens
from plughub.services.users.composition import UserRules
from plughub.services.users.login_links import OneTimeLinks
from plughub.storage.store import Store, Transaction
from plughub.testing import delays
from plughub.testing.conditions import until
from plughub.testing.databases import open_database, prepare_database
from plughub.testing.doubles import KnownUsers, RecordedRoutes, TinyServers
from plughub.testing.hub import OPENED_BY_USER
from plughub.testing.metrics import MetricsPool
from plughub.testing.services import COOKIE_SECRET, make_services, split_settings
from plughub.testing.steady_chromium import steady_chromium
from plughub.web.context import WebContext
from plughub.web.listener import HubServer
from plughub.web.plugin_pages import PluginPage, with_login_pages
from plughub.web.routes import make_application

DEADLINE = 20.0


class CompiledTemplates(BytecodeCache):
    """Cache of compiled templates by their text, for all hubs of a run of pytest."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], Any] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key, bucket.checksum] = bucket.code

    def serve(self, *environments: Environment) -> None:
        for environment in environments:
            environment.bytecode_cache = self


COMPILED = CompiledTemplates()
METRICS = MetricsPool()


class Numeric(Resolver):
    """Resolver of numeric IPv4 addresses, which needs no thread."""

    def initialize(self) -> None:
        pass

    async def resolve(self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC) -> Any:
        return [(socket.AF_INET, (str(IPv4Address(host)), port))]


class Browser:
    """Browser with cookies per path that follows no redirects and sends no Sec-Fetch headers by default.

    Its Referer header names a page of the hub.
    """

    def __init__(self, address: str, **headers: str) -> None:
        self.address = address
        self.headers = headers
        self.cookies: dict[tuple[str, str], str] = {}
        self.client = AsyncHTTPClient(force_instance=True, resolver=Numeric())

    async def ask(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, Any] | None = None,
        model: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        chunks: Callable[[bytes], None] | None = None,
    ) -> HTTPResponse:
        sent = {"Referer": f"{self.address}/hub/home", **self.headers, **(headers or {})}
        if form is not None:
            body = urlencode(form, doseq=True).encode()
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        if model is not None:
            body = json.dumps(model).encode()
            sent.setdefault("Content-Type", "application/json")
        cookies = [
            f"{name}={value}" for (name, where), value in self.cookies.items() if _reaches(where, path)
        ]
        if cookies and "Cookie" not in sent:
            sent["Cookie"] = "; ".join(cookies)
        request = HTTPRequest(
            urljoin(self.address, path),
            method=method,
            body=body if body is not None else (b"" if method in {"POST", "PUT", "PATCH"} else None),
            headers=sent,
            follow_redirects=False,
            allow_nonstandard_methods=True,
            decompress_response=False,
            request_timeout=30,
            streaming_callback=chunks,
        )
        answer = await self.client.fetch(request, raise_error=False)
        self._keep(answer)
        return answer

    async def get(self, path: str, **more: Any) -> HTTPResponse:
        return await self.ask("GET", path, **more)

    async def open_link(self, token: str, more: str = "") -> HTTPResponse:
        """Open a one-time login link as a user does."""
        return await self.get(f"/hub/login/onetime?token={token}{more}", headers=OPENED_BY_USER)

    async def post(self, path: str, **more: Any) -> HTTPResponse:
        return await self.ask("POST", path, **more)

    async def delete(self, path: str, **more: Any) -> HTTPResponse:
        return await self.ask("DELETE", path, **more)

    @property
    def xsrf(self) -> str:
        return next((value for (name, _), value in self.cookies.items() if name == "_xsrf"), "")

    async def log_in(self, username: str, password: str, path: str = "/hub/login") -> HTTPResponse:
        await self.get(path)
        return await self.post(path, form={"username": username, "password": password, "_xsrf": self.xsrf})

    async def call(self, method: str, path: str, model: Any = None) -> HTTPResponse:
        """Call the API as a script of our pages does."""
        headers = {
            "X-XSRFToken": self.xsrf,
            "Sec-Fetch-Mode": "cors",
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": "application/json",
        }
        return await self.ask(method, path, model=model, headers=headers)

    def close(self) -> None:
        self.client.close()

    def _keep(self, answer: HTTPResponse) -> None:
        for line in answer.headers.get_list("Set-Cookie"):
            for name, morsel in SimpleCookie(line).items():
                key = (name, morsel["path"] or "/")
                if "1970" in morsel["expires"] or morsel.value == "":
                    self.cookies.pop(key, None)
                else:
                    self.cookies[key] = morsel.value


def _reaches(where: str, path: str) -> bool:
    return urlsplit(path).path.startswith(where) or where == "/"


class WebHub:
    """Hub with real services, storage and web server, and test plugins."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.base_url = settings.pop("base_url", "/")
        self.context_settings = settings.pop("context", {})
        self.options_given = settings.pop("options", {})
        self.users = settings.pop("users", None) or KnownUsers(
            {"alice": "wonder", "bob": "builder", "root": "toor", "eve": "apple"},
            admins=["root"],
            locked=["eve"],
        )
        self.tiny = TinyServers(label="Tiny servers")
        self.spawners = {"tiny": self.tiny, **settings.pop("spawners", {})}
        self.proxy = RecordedRoutes()
        self.keys = settings.pop("keys", ())
        self.url = settings.pop("url", "")
        self.settings_given = settings
        self.browsers: list[Browser] = []
        self.facts: Callable[[], Awaitable[HubHealth]] = _well
        self.shutdowns: list[tuple[bool | None, ...]] = []
        self.pages: tuple[Page | PluginPage, ...] = settings.pop("pages", ())
        self.more_plugins: Mapping[str, object] = settings.pop("plugins", {})

    async def start(self) -> WebHub:
        url = self.url or f"sqlite:///{self.folder / 'hub.sqlite'}"
        prepare_database(url)
        self.store = Store(open_database(url))
        mark = await self.store.write(store_initial_records)
        self.pools = ThreadPools(2)
        self.active = ActivePlugins()
        self.links = OneTimeLinks(self.store)
        self.metrics = METRICS.take()
        self.audit = AuditTrail(self.store)
        for name, plugin in {
            "known": self.users, **self.spawners, "recorded": self.proxy, "onetime": self.links,
            "database": DatabaseTokens(self.store), "metrics": self.metrics, "audit-trail": self.audit,
            **self.more_plugins,
        }.items():  # fmt: skip
            self.active.add(name, plugin)
        caller = HookCaller(self.active, self.pools, self.metrics.observe_hook)
        self.hooks = Hooks(caller)
        infos = {answer.plugin: answer.value for answer in caller.register("hub_spawner_info")}
        self.sockets = bind_sockets(0, "127.0.0.1")
        self.address = f"http://127.0.0.1:{self.sockets[0].getsockname()[1]}"
        of_settings, given = split_settings(self.settings_given)
        of_options, options_given = split_settings(self.options_given)
        configuration = JupyterHub(**of_settings, **of_options)
        basis = HubSettings(
            mark=mark,
            hub_id="test-hub",
            host="test-host",
            base_url=self.base_url,
            hub_url=self.address,
            api_url=f"{self.address}{self.base_url}hub/api",
            spawners={name: infos.get(name, SpawnerInfo()) for name in self.spawners},
            proxy="recorded",
        )
        self.settings = replace(with_settings_of(configuration, basis), **given)
        self.services = make_services(
            self.store,
            self.hooks,
            self.settings,
            self.folder / "services",
            keys=self.keys,
            metrics=self.metrics,
            user_rules=UserRules(configured_names={"boss"}),
        )
        self.tasks = [
            asyncio.create_task(self.events.run()),
            asyncio.create_task(self.audit.run()),
            asyncio.create_task(self.runner.claim_free_operations()),
        ]
        here = frozenset({os.geteuid()})
        fixed = {"slow_spawn_timeout": 60.0, "proxy_users": here, **options_given}
        options = replace(options_of(configuration), **fixed)
        pages = tuple(
            page if isinstance(page, PluginPage) else PluginPage("known", page) for page in self.pages
        )
        self.context = WebContext(
            **{
                "services": self.services,
                "options": options,
                "shut_down": lambda *flags: self.shutdowns.append(flags),
                "audit": self.audit,
                "metrics": self.metrics,
                "metrics_report": MetricsReport(self.store, self.metrics, self.pools.load),
                "health": lambda: self.facts(),
                "cookie_secret": COOKIE_SECRET,
                "login_methods": with_login_pages(
                    {a.plugin: a.value for a in caller.register("hub_login_method")}, pages
                ),
                "pages": pages,
                **self.context_settings,
            }
        )
        self.application = make_application(self.context)
        COMPILED.serve(self.application.templates._own, self.application.templates._environment)
        self.server = HubServer(self.application)
        self.server.add_sockets(self.sockets)
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["services"], name)

    async def close(self) -> None:
        for browser in self.browsers:
            browser.close()
        self.server.stop()
        await self.server.close_all_connections()
        if self.tiny.hold is not None:
            self.tiny.hold.set()
        await self.runner.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for spawner in self.spawners.values():
            spawner.end_all()
        self.pools.close()
        self.store.database.close()
        METRICS.give_back(self.metrics)

    def browser(self, **headers: str) -> Browser:
        browser = Browser(self.address, **headers)
        self.browsers.append(browser)
        return browser

    async def logged_in_bare(self, name: str = "alice") -> Browser:
        browser = self.browser()
        answer = await browser.log_in(name, self.users.passwords[name], f"{self.base_url}hub/login")
        assert answer.code == 302, answer.body
        return browser

    async def logged_in(self, name: str = "alice") -> Browser:
        browser = await self.logged_in_bare(name)
        # the first page after the login renews the token that scripts send
        await browser.get(f"{self.base_url}hub/token")
        return browser

    async def user(self, name: str = "alice") -> User:
        def find(tx: Transaction) -> User:
            return tx.users.get(name) or tx.users.create(name)

        return await self.store.write(find)

    async def program(self, name: str = "alice", *scopes: str) -> Browser:
        """A client with an API token."""
        user = await self.user(name)
        made = await self.tokens.create(user, scopes=scopes or ("inherit",))
        return self.browser(Authorization=f"token {made.text}")

    async def admin(self, *scopes: str) -> Browser:
        """A client with an API token of an admin."""
        user = await self.user("root")
        await self.store.write(lambda tx: tx.users.set_admin(user.id, admin=True))
        return await self.program("root", *scopes)

    async def holder(self, name: str, *scopes: str) -> Browser:
        """A client with an API token of a user who holds scopes beyond the default role."""
        await self.user(name)

        def give(tx: Any) -> None:
            tx.roles.ensure([Role(name=f"{name}-role", scopes=scopes)])
            tx.roles.grant(f"{name}-role", "user", [name])

        await self.store.write(give)
        return await self.program(name)

    async def until(self, condition: Callable[[], Awaitable[Any]]) -> Any:
        return await until(condition, seconds=DEADLINE, pause=0.02)

    async def running(self, name: str = "alice", server: str = "") -> None:
        user = await self.user(name)
        record = await self.servers.wait(await self.servers.start(user, server), DEADLINE)
        assert record.ready, record


async def _well() -> HubHealth:
    return HubHealth(hub="test-hub", hubs=(), leases={}, services={})


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry what fails after a tenth of the usual delay."""
    delays.shorten(monkeypatch)


@pytest.fixture
async def make_hub(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[WebHub]]]:
    hubs: list[WebHub] = []

    async def make(**settings: Any) -> WebHub:
        folder = tmp_path / f"hub{len(hubs)}"
        folder.mkdir()
        hub = WebHub(folder, **settings)
        hubs.append(hub)
        return await hub.start()

    yield make
    for hub in hubs:
        await hub.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_hub(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[WebHub]:
    """One hub for tests of a module with the mark ``asyncio(loop_scope="module")``.

    For cases of a parameter that leave nothing behind which the next one could notice. ``SHARED_HUB`` of the
    module has its settings.
    """
    settings = getattr(request.module, "SHARED_HUB", {})
    hub = await WebHub(tmp_path_factory.mktemp("hub"), **settings).start()
    yield hub
    await hub.close()


@pytest.fixture
async def hub(make_hub: Callable[..., Awaitable[WebHub]]) -> WebHub:
    return await make_hub()


@pytest.fixture
async def page() -> AsyncIterator[Any]:
    """Page of a real browser; errors of scripts, and scripts that the policy blocks, fail the test."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=steady_chromium(), args=["--no-sandbox"])
        page: Any = await (await browser.new_context()).new_page()
        page.failures = []
        page.on("pageerror", lambda error: page.failures.append(str(error)))
        page.on("console", lambda line: _note_blocked(page, line.text))
        page.wait_for_function = partial(_wait_for_function, page)
        yield page
        assert not page.failures
        await browser.close()


async def _wait_for_function(page: Any, expression: str, arg: Any = None) -> None:
    """Wait until an expression is true, without ``eval()`` in the page, which the policy of pages blocks.

    It is not evaluated in a page that the browser still reads, whose elements are missing.
    """
    from playwright.async_api import Error

    in_read_page = f"""arg => {{
        if (document.readyState === "loading") return false;
        const condition = ({expression});
        return typeof condition === "function" ? condition(arg) : condition;
    }}"""

    async def is_met() -> bool:
        try:
            return bool(await page.evaluate(in_read_page, arg))
        except Error as error:
            if "context was destroyed" in str(error) or "navigat" in str(error):
                return False
            raise

    await until(is_met, seconds=DEADLINE)


def _note_blocked(page: Any, line: str) -> None:
    if "Content Security Policy" in line:
        page.failures.append(line)
