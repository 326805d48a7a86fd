"""Proxy classes with synchronous and asynchronous methods."""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
from tornado import gen
from traitlets.config import Config

from plughub.classes.proxy.hooks import ProxyHooks
from plughub.classes.proxy.routed_objects import ProxyService, ProxySpawner, ProxyUser
from plughub.domain.routes import Route
from plughub.kinds import HubContext, ProxySettings
from plughub.plugin.manager import ActivePlugins
from plughub.proxy import Proxy

WHEN = datetime(2026, 1, 2, tzinfo=UTC)
SETTINGS = ProxySettings(
    ip="127.0.0.1", port=8000, hub_url="http://127.0.0.1:8081", trusted_downstream_ips=("10.0.0.1",)
)


class InMemoryProxy(Proxy):
    """Keeps its routes in a dictionary; plain methods record their thread."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.table: dict[str, dict[str, Any]] = {}
        self.threads: set[str] = set()
        self.calls: list[str] = []

    def start(self) -> None:
        self.calls.append("start")

    def stop(self) -> None:
        self.calls.append("stop")

    def add_route(self, routespec: str, target: str, data: Mapping[str, Any]) -> None:
        self.threads.add(threading.current_thread().name)
        self.table[routespec] = {"routespec": routespec, "target": target, "data": dict(data)}

    def delete_route(self, routespec: str) -> None:
        self.table.pop(routespec, None)

    def get_all_routes(self) -> dict[str, dict[str, Any]]:
        return dict(self.table)


class CoroutineProxy(InMemoryProxy):
    @gen.coroutine
    def add_route(self, routespec, target, data):
        yield gen.moment
        super().add_route(routespec, target, data)


class TableProxy(InMemoryProxy):
    async def add_route(self, routespec, target, data, more_targets=()):
        InMemoryProxy.add_route(self, routespec, target, data)
        self.table[routespec]["more_targets"] = tuple(more_targets)

    async def replace_routes(self, routes):
        self.calls.append("replace")
        self.table = {spec: dict(route) for spec, route in routes.items()}


def hooks_of(proxy: Proxy) -> ProxyHooks:
    return ProxyHooks("mine", proxy)


def route(spec: str, port: int = 1, **more: Any) -> Route:
    return Route(routespec=spec, target=f"http://127.0.0.1:{port}", **more)


def test_the_hooks_satisfy_the_contract():
    plugins = ActivePlugins()
    plugins.add("mine", object())
    plugins.add_part("mine", "proxy", hooks_of(InMemoryProxy()))

    assert plugins.owners("proxy") == ("mine",)


async def test_plain_methods_run_in_a_thread_of_the_plugin():
    proxy = InMemoryProxy()
    await hooks_of(proxy).hub_route_add(route("/a/"))

    assert all(name.startswith("plughub-mine") for name in proxy.threads)


async def test_methods_of_tornado_run_on_the_loop():
    proxy = CoroutineProxy()
    await hooks_of(proxy).hub_route_add(route("/a/"))

    assert proxy.threads == {threading.current_thread().name}
    assert set(proxy.table) == {"/a/"}


async def test_start_passes_settings_and_state():
    class StatefulProxy(InMemoryProxy):
        def load_state(self, state):
            self.loaded = state

        def get_state(self):
            return {"pid": 2}

    proxy = StatefulProxy()
    state = await hooks_of(proxy).hub_proxy_start(
        ProxySettings(ip="::1", port=9, hub_url="http://hub", base_url="/x/", state={"pid": 1})
    )

    assert (proxy.loaded, state) == ({"pid": 1}, {"pid": 2})
    assert (proxy.ip, proxy.port, proxy.public_url) == ("::1", 9, "http://[::1]:9/x/")
    assert proxy.calls == ["start"]


async def test_a_proxy_that_the_hub_does_not_manage_is_neither_started_nor_stopped():
    proxy = InMemoryProxy(config=Config({"InMemoryProxy": {"should_start": False}}))
    hooks = hooks_of(proxy)
    await hooks.hub_proxy_start(SETTINGS)
    await hooks.hub_proxy_stop()

    assert proxy.calls == []


def test_the_folder_of_the_plugin_is_below_that_of_the_hub(tmp_path):
    proxy = InMemoryProxy()
    hooks_of(proxy).hub_configure(
        HubContext(mark="m", plugin="mine", base_url="/", api_url="", runtime_dir=tmp_path)
    )

    assert proxy.runtime_dir == tmp_path / "mine"


async def test_routes_come_back_with_their_last_activity():
    proxy = InMemoryProxy()
    proxy.table = {"/a/": {"routespec": "/a/", "target": "http://a", "data": {}, "last_activity": WHEN}}

    assert [found.last_activity for found in await hooks_of(proxy).hub_routes(activity=True)] == [WHEN]


@pytest.mark.parametrize("proxy_class", [InMemoryProxy, TableProxy])
async def test_further_targets_come_back_even_when_the_class_cannot_use_them(proxy_class):
    hooks = hooks_of(proxy_class())
    several = route("/", more_targets=("http://127.0.0.1:2", "http://127.0.0.1:3"), data={"hub": True})
    await hooks.hub_route_add(several)

    assert await hooks.hub_routes(activity=True) == [several]

    await hooks.hub_routes_replace([several, route("/a/")])
    assert await hooks.hub_routes(activity=True) == [several, route("/a/")]


async def test_a_class_without_replace_routes_changes_only_what_differs():
    proxy = InMemoryProxy()
    hooks = hooks_of(proxy)
    for spec in ("/same/", "/old/", "/moved/"):
        await hooks.hub_route_add(route(spec))
    same = proxy.table["/same/"]

    await hooks.hub_routes_replace([route("/same/"), route("/moved/", 2), route("/new/")])

    assert {spec: entry["target"][-1] for spec, entry in proxy.table.items()} == {
        "/same/": "1",
        "/moved/": "2",
        "/new/": "1",
    }
    assert proxy.table["/same/"] is same


async def test_a_class_with_replace_routes_gets_the_whole_table():
    proxy = TableProxy()
    await hooks_of(proxy).hub_routes_replace([route("/a/"), route("/b/")])

    assert proxy.calls == ["replace"]
    assert set(proxy.table) == {"/a/", "/b/"}


# ---- extra routes


def with_extra(**routes: str) -> InMemoryProxy:
    extra = {f"/{name}/": target for name, target in routes.items()}
    return InMemoryProxy(config=Config({"Proxy": {"extra_routes": extra}}))


async def test_extra_routes_exist_after_a_start_and_are_hidden_from_the_hub():
    proxy = with_extra(docs="http://docs:80/")
    hooks = hooks_of(proxy)
    await hooks.hub_proxy_start(SETTINGS)

    assert proxy.table["/docs/"]["target"] == "http://docs:80"
    assert await hooks.hub_routes(activity=True) == []


async def test_extra_routes_are_repaired_whenever_routes_are_listed():
    proxy = with_extra(docs="http://docs:80")
    hooks = hooks_of(proxy)
    proxy.table["/gone/"] = {"target": "http://x", "data": {"extra": True}}
    await hooks.hub_routes(activity=True)

    assert {spec: entry["target"] for spec, entry in proxy.table.items()} == {"/docs/": "http://docs:80"}


async def test_an_extra_route_that_a_class_does_not_list_is_not_added_each_time(monkeypatch):
    class Forgetful(InMemoryProxy):
        def add_route(self, routespec, target, data):
            self.calls.append(routespec)

    now = [100.0]
    monkeypatch.setattr("plughub.classes.proxy.hooks.time.monotonic", lambda: now[0])
    proxy = Forgetful(config=Config({"Proxy": {"extra_routes": {"/docs/": "http://docs"}}}))
    hooks = hooks_of(proxy)
    for _ in range(100):
        await hooks.hub_routes(activity=False)
        now[0] += 1
    assert 5 <= proxy.calls.count("/docs/") <= 9


async def test_extra_routes_are_part_of_every_whole_table():
    proxy = with_extra(docs="http://docs:80")
    await hooks_of(proxy).hub_routes_replace([route("/a/")])

    assert set(proxy.table) == {"/a/", "/docs/"}


async def test_an_extra_route_overrides_one_of_the_hub_which_the_hub_still_sees():
    proxy = InMemoryProxy(config=Config({"Proxy": {"extra_routes": {"/": "http://front:80"}}}))
    hooks = hooks_of(proxy)
    await hooks.hub_proxy_start(SETTINGS)
    own = route("/", data={"hub": True})
    await hooks.hub_route_add(own)

    assert proxy.table["/"]["target"] == "http://front:80"
    assert await hooks.hub_routes(activity=True) == [own]

    await hooks.hub_route_delete("/", {"hub": True})
    assert await hooks.hub_routes(activity=True) == []
    assert set(proxy.table) == {"/"}


async def test_an_extra_route_with_a_host_needs_host_routing():
    proxy = InMemoryProxy(config=Config({"Proxy": {"extra_routes": {"docs.example/": "http://docs"}}}))

    with pytest.raises(ValueError, match="subdomain_host is not set"):
        await hooks_of(proxy).hub_proxy_start(SETTINGS)


async def test_a_proxy_that_can_omit_the_activity_receives_whether_it_is_needed():
    class ActivityProxy(InMemoryProxy):
        def get_all_routes(self, *, activity=True):
            return {"/a/": {"target": "http://a", "last_activity": WHEN if activity else None}}

    hooks = hooks_of(ActivityProxy())

    assert [found.last_activity for found in await hooks.hub_routes(activity=True)] == [WHEN]
    assert [found.last_activity for found in await hooks.hub_routes(activity=False)] == [None]


async def test_one_route_can_be_looked_up():
    class AsyncProxy(InMemoryProxy):
        async def get_all_routes(self):
            return self.table

    proxy = AsyncProxy()
    proxy.table = {"/a/": {"target": "http://a"}}

    assert await proxy.get_route("/a") == {"target": "http://a"}
    assert await proxy.get_route("/b/") is None


# ---- methods for hub, users and services

HUB = route("/", data={"hub": True})
ADA = route("/user/ada/", 2, data={"user": "ada", "server_name": ""})
GPU = route("/user/ada/gpu%20run/", 3, data={"user": "ada", "server_name": "gpu run"})
BOARD = route("/services/board/", 4, data={"service": "board"})


class RecordingProxy(InMemoryProxy):
    """Records the calls of the methods for hub, users and services."""

    def add_hub_route(self, hub):
        self.calls.append(f"hub {hub.routespec} {hub.host} {hub.url}")
        return super().add_hub_route(hub)

    async def add_user(self, user, server_name="", client=None):
        spawner = user.spawners[server_name]
        self.calls.append(f"add {user.name}/{server_name} {user.proxy_spec} {spawner.server.url}")
        await super().add_user(user, server_name, client)

    @gen.coroutine
    def delete_user(self, user, server_name=""):
        self.calls.append(f"delete {user.name}/{server_name} {user.spawners[server_name].proxy_spec}")
        yield super().delete_user(user, server_name)

    async def add_service(self, service, client=None):
        self.calls.append(f"add {service.name} {service.server.host}")
        await super().add_service(service, client)

    async def delete_service(self, service, client=None):
        self.calls.append(f"delete {service.name} {service.proxy_spec}")
        await super().delete_service(service, client)

    async def add_all_users(self, user_dict):
        self.calls.append(f"all {sorted(user_dict)} {sorted(user_dict['ada'].spawners)}")
        await super().add_all_users(user_dict)

    async def add_all_services(self, service_dict):
        self.calls.append(f"all {sorted(service_dict)}")
        await super().add_all_services(service_dict)


async def test_the_methods_for_hub_users_and_services_add_and_delete_routes():
    proxy = RecordingProxy()
    hooks = hooks_of(proxy)
    for each in (HUB, ADA, GPU, BOARD, route("/other/", 5)):
        await hooks.hub_route_add(each)
    assert proxy.calls == [
        "hub / http://127.0.0.1:1 http://127.0.0.1:1/hub/",
        "add ada/ /user/ada/ http://127.0.0.1:2/user/ada/",
        "add ada/gpu run /user/ada/ http://127.0.0.1:3/user/ada/gpu%20run/",
        "add board http://127.0.0.1:4",
    ]
    assert await hooks.hub_routes(activity=False) == [HUB, ADA, GPU, BOARD, route("/other/", 5)]
    proxy.calls.clear()
    for each in (ADA, GPU, BOARD, route("/other/")):
        await hooks.hub_route_delete(each.routespec, each.data)
    assert proxy.calls == [
        "delete ada/ /user/ada/",
        "delete ada/gpu run /user/ada/gpu%20run/",
        "delete board /services/board/",
    ]
    assert await hooks.hub_routes(activity=False) == [HUB]


async def test_many_missing_routes_are_added_by_the_methods_for_all():
    proxy = RecordingProxy()
    hooks = hooks_of(proxy)
    await hooks.hub_route_add(ADA)
    await hooks.hub_route_add(route("/user/bob/", data={"user": "bob", "server_name": ""}))
    proxy.calls.clear()
    await hooks.hub_routes_replace([HUB, ADA, GPU, BOARD])
    assert proxy.calls[:2] == ["delete bob/ /user/bob/", "hub / http://127.0.0.1:1 http://127.0.0.1:1/hub/"]
    assert "all ['ada'] ['gpu run']" in proxy.calls
    assert "all ['board']" in proxy.calls
    assert set(proxy.table) == {"/", "/user/ada/", "/user/ada/gpu%20run/", "/services/board/"}


async def test_a_class_that_overrides_a_method_gets_its_call_in_place_of_the_whole_table():
    class FilteringProxy(TableProxy):
        async def add_user(self, user, server_name="", client=None):
            if user.name != "ada":
                await super().add_user(user, server_name)

    proxy = FilteringProxy()
    await hooks_of(proxy).hub_routes_replace([HUB, ADA, BOARD])

    assert proxy.calls == []
    assert set(proxy.table) == {"/", "/services/board/"}


async def test_the_route_of_the_hub_keeps_its_further_targets():
    proxy = RecordingProxy()
    hooks = hooks_of(proxy)
    several = route("/", data={"hub": True}, more_targets=("http://127.0.0.1:9",))
    await hooks.hub_route_add(several)
    assert await hooks.hub_routes(activity=False) == [several]
    assert proxy.hub.more_targets == ("http://127.0.0.1:9",)


async def test_data_of_other_kinds_is_added_as_a_plain_route():
    proxy = RecordingProxy()
    hooks = hooks_of(proxy)
    odd = [
        route("/a/", data={"hub": False}),
        route("/b/", data={"user": 7, "server_name": ""}),
        route("/c/", data={"user": "ada"}),
        route("/d/", data={"service": None}),
    ]
    for each in odd:
        await hooks.hub_route_add(each)
        await hooks.hub_route_delete(each.routespec, each.data)
    assert (proxy.calls, proxy.table) == ([], {})


async def test_a_server_or_service_without_an_address_is_refused():
    user = ProxyUser("ada", {"": ProxySpawner("", "/user/ada/")})
    with pytest.raises(RuntimeError, match="of ada has no address"):
        await InMemoryProxy().add_user(user)
    with pytest.raises(RuntimeError, match="board has no address"):
        await InMemoryProxy().add_service(ProxyService("board", "/services/board/"))


async def test_an_overridden_check_routes_gets_users_and_services_and_their_pending_servers():
    class Checking(InMemoryProxy):
        async def check_routes(self, user_dict, service_dict, routes=None):
            for user in user_dict.values():
                self.calls += [f"{user.name}/{one.name}:{one.ready}" for one in user.spawners.values()]
            self.calls += [f"service {name}" for name in service_dict]
            self.calls.append(self.hub.host)
            await super().check_routes(user_dict, service_dict, routes)

    proxy = Checking()
    proxy.table["/stray/"] = {"target": "http://x", "data": {}}
    proxy.table[GPU.routespec] = {"target": "http://starting", "data": dict(GPU.data)}
    await hooks_of(proxy).hub_routes_check([HUB, ADA, BOARD], [GPU])

    assert proxy.calls == ["ada/:True", "ada/gpu run:False", "service board", HUB.target]
    assert set(proxy.table) == {HUB.routespec, ADA.routespec, BOARD.routespec, GPU.routespec}
    assert proxy.table[GPU.routespec]["target"] == "http://starting"


async def test_check_routes_of_the_base_class_is_left_to_the_hub():
    proxy = InMemoryProxy()
    await hooks_of(proxy).hub_routes_check([HUB], [])
    assert proxy.table == {}


async def test_a_table_of_read_only_entries_is_converted_once():
    proxy = InMemoryProxy()
    entry = {"routespec": "/a/", "target": "http://a", "data": {}}
    proxy.table = {"/a/": MappingProxyType(entry)}
    hooks = hooks_of(proxy)
    first = await hooks.hub_routes(activity=False)
    assert await hooks.hub_routes(activity=False) is first
    proxy.table = {"/a/": MappingProxyType({**entry, "target": "http://b"})}
    assert [found.target for found in await hooks.hub_routes(activity=False)] == ["http://b"]


async def test_entries_that_a_class_changes_later_are_read_each_time():
    proxy = InMemoryProxy()
    proxy.table = {"/a/": {"routespec": "/a/", "target": "http://a", "data": {}}}
    hooks = hooks_of(proxy)
    await hooks.hub_routes(activity=False)
    proxy.table["/a/"]["target"] = "http://b"
    assert [found.target for found in await hooks.hub_routes(activity=False)] == ["http://b"]
