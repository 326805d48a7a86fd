"""The contract of a proxy for paths with any characters, in every spelling."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import unquote_to_bytes

import pytest

from plughub.domain.paths import check_base_url, former_path
from plughub.domain.routes import Route
from plughub.domain.urls import user_url
from plughub.testing.backends import Backend, ask
from plughub.testing.contracts.proxy_under_test import ProxyFixtures, ProxyUnderTest
from plughub.testing.odd_names import ODD_NAMES

BASES: Final = ("/@/space word/", "/über/100%/", "/it's (a) $HOME/", "/a+b;c,d=e&f*!/", '/a"b{c}|^`[d]<e>/')

ANN: Final = "/user/ann%2Blab@x.org/"

HOSTILE: Final = {
    "/user/ann+lab@x.org/..%2f..%2fuser%2fbob%2f": "ann",
    "/user/ann+lab@x.org%2f..%2f..%2fbob/": "ann",
    "/user%2Fann+lab@x.org/x/y/z": "ann",
    "/user/ann+lab@x.org%2F%00x/b/%00q": "ann",
    "/user/ann+lab@x.org%252flab/": "hub",
    "/user/ann%252Blab@x.org/": "hub",
    "/user/%2561nn/": "hub",
    "/user/bob%2520/": "hub",
    "/user/bob%00/": "hub",
    "/user/bob%0a/": "hub",
    "/user/BOB/": "hub",
    "/user/bo%62b/": "hub",
    "/user/bob;/": "hub",
    "/user/bob;x=/user/ann/": "hub",
    "/user/bob%3f/": "hub",
    "/user/bob%23/": "hub",
    "/user/bob%c0%af/": "hub",
    "/user/ann lab@x.org/": "",
    "/user/b%6fb/../ann+lab@x.org/x": None,
    "/hub/..%2fuser%2fbob/": "hub",
    "/hub/%2e%2e%2fuser%2fbob/": "hub",
    "/user/o%27neil/lab/100%.txt": "ann",
    "/user/o%27neil/%zz": "ann",
    "/user/o%27neil/lab%": "ann",
    "/user/o%27neil/%2": "ann",
}
"""Which route a request for a path may take; None for whichever proxies choose, as no browser sends it."""


class ProxySpellingContract(ProxyFixtures):
    """Every spelling of a path finds its route, and never another one."""

    respells = True
    """It spells the prefix of a request as the route does. Servers answer 404 to other spellings."""

    async def test_every_odd_name_is_found_in_each_spelling(
        self, proxy: ProxyUnderTest, hub: Backend, alice: Backend, bob: Backend
    ) -> None:
        targets = {name: (alice, bob)[number % 2] for number, name in enumerate(ODD_NAMES)}
        specs = {name: user_url("/", name, "lab") for name in ODD_NAMES}
        await proxy.add("/", hub.url, hub=True)
        for name, spec in specs.items():
            await proxy.add(spec, targets[name].url, user=name)

        assert {spec: route.data for spec, route in (await proxy.routes()).items() if spec != "/"} == {
            spec: {"user": name} for name, spec in specs.items()
        }
        for name, spec in specs.items():
            escaped = "".join(f"%{byte:02x}" for byte in name.encode())
            for sent in (spec, former_path(spec), f"/user/{escaped}/l%61b/"):
                answer = await ask(proxy.port, f"{sent}tree/a%2Fb;c?q=%2F+x")
                assert answer.name == targets[name].name, (name, sent)
                arrived = spec if self.respells else sent
                assert answer.json["uri"] == f"{arrived}tree/a%2Fb;c?q=%2F+x", (name, sent)
            assert await proxy.name_at(f"{spec[:-1]}x/") == "hub"
        for spec in specs.values():
            await proxy.delete(spec)
        assert set(await proxy.routes()) == {"/"}

    async def test_a_server_that_goes_by_an_older_spelling_keeps_it(
        self, proxy: ProxyUnderTest, hub: Backend, alice: Backend
    ) -> None:
        known = user_url("/", "a;b'c $(d)")
        recorded = former_path(known)
        await proxy.add("/", hub.url, hub=True)
        await proxy.add(recorded, alice.url)

        for sent in (recorded, known):
            answer = await ask(proxy.port, f"{sent}lab")
            assert answer.name == "alice"
            assert answer.json["uri"] == f"{recorded if self.respells else sent}lab"
        assert set(await proxy.routes()) == {"/", recorded}

    @pytest.mark.parametrize(("recorded", "sent"), [("a%40b", "a@b"), ("a@b", "a%40b"), ("a@b", "a@b")])
    async def test_a_prefix_is_spelled_like_its_route_with_and_without_escapes(
        self, proxy: ProxyUnderTest, hub: Backend, alice: Backend, recorded: str, sent: str
    ) -> None:
        await proxy.add("/", hub.url, hub=True)
        await proxy.add(f"/user/{recorded}/", alice.url)
        answer = await ask(proxy.port, f"/user/{sent}/lab")
        assert answer.name == "alice"
        assert answer.json["uri"] == f"/user/{recorded if self.respells else sent}/lab"

    @pytest.mark.parametrize("configured", BASES)
    async def test_the_application_may_have_any_path(
        self, proxy: ProxyUnderTest, hub: Backend, alice: Backend, configured: str
    ) -> None:
        base = check_base_url(configured)
        await proxy.stop()
        proxy.settings = replace(
            proxy.settings, hub_url=hub.url, base_url=base, error_url=f"{hub.url}{base}hub/error"
        )
        await proxy.start()
        await proxy.replace(
            Route(routespec=base, target=hub.url, data={"hub": True}),
            Route(routespec=f"{base}user/alice/", target=alice.url),
            Route(routespec=f"{base}user/dead/", target="http://127.0.0.1:9"),
        )

        for spelling in (base, former_path(base)):
            assert await proxy.name_at(f"{spelling}hub/home") == "hub"
            assert await proxy.name_at(f"{spelling}user/bob/") == "hub"
            answer = await ask(proxy.port, f"{spelling}user/alice/lab?a=%2F")
            assert answer.name == "alice"
            assert answer.json["uri"] == f"{base if self.respells else spelling}user/alice/lab?a=%2F"
        for path, status in (("/hub/home", 404), (f"{base}user/dead/lab", 503)):
            answer = await ask(proxy.port, path)
            assert answer.status == status
            assert answer.json["uri"].startswith(f"{base}hub/error/{status}?url=")

    async def test_no_spelling_leads_to_the_server_of_another_user(
        self, proxy: ProxyUnderTest, hub: Backend, alice: Backend, bob: Backend
    ) -> None:
        await proxy.add("/", hub.url, hub=True)
        await proxy.add(ANN, alice.url)
        await proxy.add("/user/bob/", bob.url)
        await proxy.add(user_url("/", "o'neil"), alice.url)
        await proxy.add(user_url("/", "o%27neil"), bob.url)
        names = {"ann": "alice", "hub": "hub", "": ""}

        for path, wanted in HOSTILE.items():
            answer = await ask(proxy.port, path)
            if wanted is not None:
                assert answer.name in {names[wanted], ""}, (path, answer)
                assert answer.name or answer.status in {400, 404, 500}, (path, answer)
            if wanted is not None and answer.name:
                assert unquote_to_bytes(answer.json["uri"]) == unquote_to_bytes(path), (path, answer)
