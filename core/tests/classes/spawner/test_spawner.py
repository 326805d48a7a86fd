import asyncio
import json
from dataclasses import replace
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traitlets import Dict, TraitError, Unicode
from traitlets.config import Config
from traitlets.config.loader import KVArgParseConfigLoader

from plughub.classes.spawner.hooks import SpawnerHooks
from plughub.classes.spawner.hub_objects import ServerAddress
from plughub.classes.spawner.options import simplify
from plughub.classes.spawner.overrides import merged
from plughub.kinds import SpawnFailed, UserInfo
from plughub.spawner import Spawner
from plughub.testing.contracts.spawner import make_server


class RecordingSpawner(Spawner):
    """Records itself; starts nothing."""

    made: ClassVar[list] = []
    image = Unicode("plain").tag(config=True)
    profile = Dict({"a": {"b": 1, "c": 2}}).tag(config=True)  # type: ignore[assignment]

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.made.append(self)

    async def start(self):
        self.port = 4321
        return self.ip, self.port


@pytest.fixture
def launch():
    """Start a server with settings and return the spawner and the endpoint."""
    RecordingSpawner.made.clear()

    async def launch(server=None, **settings):
        hooks = SpawnerHooks("tested", RecordingSpawner, Config({"Spawner": settings}))
        endpoint = await hooks.hub_spawn(server or make_server("alice"))
        return RecordingSpawner.made[-1], endpoint

    yield launch
    RecordingSpawner.made.clear()


async def test_the_environment_of_the_protocol_is_complete(launch):
    server = make_server(
        "alice", "lab", environment={"JUPYTERHUB_API_TOKEN": "t", "JUPYTERHUB_USER": "alice"}
    )
    spawner, _ = await launch(server)

    assert spawner.get_env() == {
        "JUPYTERHUB_API_TOKEN": "t",
        "JPY_API_TOKEN": "t",
        "JUPYTERHUB_USER": "alice",
        "JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:4321/user/alice/lab/",
        "PLUGHUB_MARK": server.mark,
        "PLUGHUB_OPERATION": server.operation,
        "PLUGHUB_SERVER": "alice/lab",
    }


async def test_settings_reach_the_server_by_their_names_in_the_protocol(launch):
    spawner, _ = await launch(
        notebook_dir="/data/{username}",
        default_url="/lab/%U",
        debug=True,
        disable_user_config=True,
        mem_limit="1G",
        mem_guarantee=512,
        cpu_limit=0.5,
        cpu_guarantee=0.25,
        hub_connect_url="http://hub.internal:8081/",
    )

    environment = spawner.get_env()

    assert environment["JUPYTERHUB_ROOT_DIR"] == "/data/alice"
    assert environment["JUPYTERHUB_DEFAULT_URL"] == "/lab/alice"
    assert environment["JUPYTERHUB_DEBUG"] == environment["JUPYTERHUB_DISABLE_USER_CONFIG"] == "1"
    assert environment["MEM_LIMIT"] == str(2**30)
    assert environment["MEM_GUARANTEE"] == "512"
    assert environment["CPU_LIMIT"] == "0.5"
    assert environment["CPU_GUARANTEE"] == "0.25"
    assert environment["JUPYTERHUB_API_URL"] == "http://hub.internal:8081/hub/api"
    assert environment["JUPYTERHUB_ACTIVITY_URL"] == "http://hub.internal:8081/hub/api/users/alice/activity"


async def test_only_named_variables_are_inherited_and_the_configured_ones_win(launch, monkeypatch):
    monkeypatch.setenv("KEPT", "from the hub")
    monkeypatch.setenv("NOT_KEPT", "secret")
    spawner, _ = await launch(
        env_keep=["KEPT"],
        environment={
            "JUPYTERHUB_API_URL": "http://elsewhere",
            "WHO": lambda spawner: spawner.user.name.upper(),
            "NUMBER": 7,
            "KEPT": None,
            "PLUGHUB_MARK": "forged",
        },
    )

    environment = spawner.get_env()

    assert "NOT_KEPT" not in environment
    assert environment["JUPYTERHUB_API_URL"] == "http://elsewhere"
    assert environment["WHO"] == "ALICE"
    assert environment["NUMBER"] == "7"
    assert environment["KEPT"] == "from the hub"
    assert environment["PLUGHUB_MARK"] == spawner.mark


@pytest.mark.parametrize(
    ("ip", "bind"),
    [
        ("", "http://:4321"),
        ("0.0.0.0", "http://0.0.0.0:4321"),
        ("[::1]", "http://[::1]:4321"),
        ("::1", "http://[::1]:4321"),
    ],
)
async def test_the_address_to_bind_to_is_written_as_the_protocol_wants(launch, ip, bind):
    spawner, endpoint = await launch(ip=ip)

    assert spawner.get_env()["JUPYTERHUB_SERVICE_URL"] == f"{bind}/user/alice/"
    assert endpoint.url == ("http://[::1]:4321" if "1]" in bind else "http://127.0.0.1:4321")


async def test_a_spawner_sees_plain_objects(launch):
    server = make_server("bob@x.org", "lab")
    server = replace(
        server, user=UserInfo(name="bob@x.org", admin=True, groups=("staff",), auth_state={"k": 1})
    )

    spawner, _ = await launch(server)

    user = spawner.user
    assert (user.name, user.admin, user.url, user.escaped_name) == (
        "bob@x.org",
        True,
        "/user/bob@x.org/",
        "bob@x.org",
    )
    assert [group.name for group in user.groups] == user.groups == ["staff"]
    assert await user.get_auth_state() == {"k": 1}
    assert user.server is spawner.server
    assert (spawner.server.base_url, spawner.server.port) == ("/user/bob@x.org/lab/", 4321)
    assert (spawner.hub.api_url, spawner.hub.base_url) == ("http://127.0.0.1:9/hub/api", "/hub/")
    assert (spawner.name, spawner.operation, spawner.mark) == ("lab", server.operation, server.mark)
    assert spawner.handler is spawner.db is spawner.authenticator is None
    assert spawner.api_token == server.environment["JUPYTERHUB_API_TOKEN"]


async def test_group_overrides_are_merged_in_the_order_of_their_keys(launch):
    server = make_server("alice")
    server = replace(server, user=UserInfo(name="alice", groups=("a", "b")))
    overrides = {
        "2": {
            "groups": ["b"],
            "spawner_override": {"image": lambda s: f"for {s.user.name}", "profile": {"a": {"b": None}}},
        },
        "1": {"groups": ["a", "z"], "spawner_override": {"image": "first", "environment": {"A": "1"}}},
        "3": {"groups": ["c"], "spawner_override": {"image": "never"}},
    }

    for given_overrides in (overrides, lambda _: overrides):
        spawner, _ = await launch(server, group_overrides=given_overrides)

        assert spawner.image == "for alice"
        assert spawner.profile == {"a": {"c": 2}}
        assert spawner.get_env()["A"] == "1"


async def test_options_change_only_the_settings_that_the_administrator_names(launch):
    server = make_server("alice", options={"chosen": "tensor", "memory": "2G", "image": "forbidden"})

    spawner, _ = await launch(server, apply_user_options={"chosen": "image", "memory": "mem_limit"})

    assert (spawner.image, spawner.mem_limit) == ("tensor", 2 * 2**30)


@pytest.mark.parametrize("apply", [{"cores": "cpu_limit"}, {"cores": "no_such_setting"}])
async def test_invalid_options_are_a_client_error(launch, apply):
    with pytest.raises(SpawnFailed, match="the options are not valid") as caught:
        await launch(make_server("alice", options={"cores": "many"}), apply_user_options=apply)

    assert (caught.value.status, caught.value.retry) == (400, False)


async def test_the_hooks_of_the_config_file_are_called_in_order(launch):
    calls = []

    async def apply(spawner, options):
        calls.append(("options", options))

    server = make_server("alice", options={"a": 1})
    server = replace(server, user=UserInfo(name="alice", auth_state={"token": "x"}))
    await launch(
        server,
        auth_state_hook=lambda spawner, state: calls.append(("auth_state", state)),
        apply_user_options=apply,
        pre_spawn_hook=lambda spawner: calls.append(("pre_spawn", spawner.user.name)),
    )

    assert calls == [("auth_state", {"token": "x"}), ("options", {"a": 1}), ("pre_spawn", "alice")]


@pytest.mark.parametrize(
    ("reader", "expected"),
    [
        ("passthrough", {"image": ["x"], "box": ["on"], "many": ["a", "b"]}),
        ("simple", {"image": "x", "box": True, "many": ["a", "b"]}),
        (lambda form: {"n": len(form)}, {"n": 3}),
        (lambda form, spawner: {"for": spawner.user.name}, {"for": "alice"}),
        ("plughub.classes.spawner.options.simplify", {"image": "x", "box": True, "many": ["a", "b"]}),
    ],
    ids=["passthrough", "simple", "function", "function of the spawner", "dotted name"],
)
async def test_the_form_is_read_as_configured(reader, expected):
    hooks = SpawnerHooks("tested", RecordingSpawner, Config({"Spawner": {"options_from_form": reader}}))
    form = {"image": ["x"], "box": ["on"], "many": ["a", "b"]}

    for linked in (False, True):
        assert await hooks.hub_options_from_form(make_server("alice"), form, linked) == expected


async def test_a_spawner_can_read_the_query_of_a_link_in_its_own_way():
    class LinkSpawner(RecordingSpawner):
        def options_from_query(self, query):
            return {"link": super().options_from_query(query)}

    hooks = SpawnerHooks("tested", LinkSpawner, Config({"Spawner": {"options_from_form": "simple"}}))
    read = hooks.hub_options_from_form
    assert await read(make_server("alice"), {"size": ["7"]}, True) == {"link": {"size": "7"}}
    assert await read(make_server("alice"), {"size": ["7"]}, False) == {"size": "7"}


async def test_the_form_may_be_a_text_or_a_function_of_the_spawner():
    for form in ("<p>alice</p>", lambda spawner: f"<p>{spawner.user.name}</p>"):
        hooks = SpawnerHooks("tested", RecordingSpawner, Config({"Spawner": {"options_form": form}}))

        assert await hooks.hub_options_form(make_server("alice")) == "<p>alice</p>"


@pytest.mark.parametrize(
    ("setting", "value"),
    [("options_from_form", "sideways"), ("mem_limit", "lots"), ("poll_jitter", -1), ("cmd", [])],
)
def test_an_invalid_setting_is_found_at_the_start(setting, value):
    hooks = SpawnerHooks("tested", RecordingSpawner, Config({"Spawner": {setting: value}}))

    with pytest.raises(TraitError):
        hooks.hub_spawner_info()


@pytest.mark.parametrize(
    ("setting", "value"),
    [("oauth_roles", ["x"]), ("server_token_scopes", print), ("oauth_client_allowed_scopes", print)],
)
def test_an_unsupported_setting_is_refused(setting, value):
    hooks = SpawnerHooks("tested", RecordingSpawner, Config({"Spawner": {setting: value}}))

    with pytest.raises((ValueError, TypeError), match=f"Spawner.{setting}"):
        hooks.hub_spawner_info()


async def test_waiting_for_an_end_returns_the_exit_code_or_none():
    codes = iter([None, None, 5])
    spawner = RecordingSpawner()
    spawner.poll = lambda: next(codes)  # type: ignore[arg-type]

    assert await spawner.wait_for_death(5) == 5
    spawner.poll = lambda: None
    assert await spawner.wait_for_death(0) is None


async def test_a_subclass_without_its_methods_says_which_one_is_missing():
    class EmptySpawner(Spawner):
        pass

    for call in (EmptySpawner().start, EmptySpawner().stop, EmptySpawner().poll):
        with pytest.raises(NotImplementedError, match=f"EmptySpawner does not implement {call.__name__}"):
            await call()


async def test_blocking_work_of_a_spawner_runs_in_a_thread_of_its_plugin():
    import threading

    name = await RecordingSpawner(plugin="mine").in_thread(lambda: threading.current_thread().name)

    assert name.startswith("plughub-mine")


DICTS = st.recursive(
    st.integers(),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
).filter(lambda value: isinstance(value, dict))


@given(DICTS, DICTS)
def test_merging_keeps_both_sides_and_changes_neither(base, changes):
    before = json.dumps([base, changes])

    result = merged(base, changes)

    assert json.dumps([base, changes]) == before
    assert set(result) == set(base) | set(changes)
    assert merged(result, changes) == result
    assert merged(base, {}) == base


@given(st.dictionaries(st.text(), st.lists(st.text(), max_size=3)))
def test_a_simple_form_loses_no_field(form):
    assert set(simplify(form)) == set(form)


@given(st.ip_addresses().map(str), st.integers(1, 65535), st.sampled_from(["http", "https"]))
def test_an_address_is_read_back_from_its_url(ip, port, proto):
    address, copy = ServerAddress(ip=ip, port=port, proto=proto), ServerAddress()

    copy.move_to(address.url)

    assert copy.host == address.host


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://x", "//x:1"])
def test_a_url_that_is_not_that_of_a_server_is_refused(url):
    with pytest.raises(ValueError, match="is not the URL of a server"):
        ServerAddress().move_to(url)


async def test_progress_of_a_spawner_that_reports_nothing_of_its_own():
    assert [event async for event in RecordingSpawner().progress()] == [
        {"progress": 50, "message": "The server is starting"}
    ]


async def test_settings_of_one_server_do_not_reach_another(launch):
    def add(spawner):
        spawner.environment["ONLY"] = spawner.user.name
        spawner.args.append("--mine")

    shared = {"ONLY": "nobody"}
    first, second = await asyncio.gather(
        launch(make_server("alice"), environment=shared, pre_spawn_hook=add),
        launch(make_server("bob"), environment=shared),
    )

    assert shared == {"ONLY": "nobody"}
    assert {s.user.name: s.get_env()["ONLY"] for s in RecordingSpawner.made} == {
        "alice": "alice",
        "bob": "nobody",
    }
    assert first is not second


@pytest.mark.parametrize(("seconds", "believed"), [(None, 300), (7, 7)])
async def test_the_cache_time_is_an_argument_of_the_notebook_server(seconds, believed):
    auth = pytest.importorskip("jupyterhub.services.auth")
    spawner = RecordingSpawner(args=["--mine"], hub_auth_cache_seconds=seconds)
    assert spawner.get_args()[0] == "--mine"
    config = KVArgParseConfigLoader(
        spawner.get_args()[1:], classes=[auth.HubOAuth, auth.HubAuth]
    ).load_config()
    assert auth.HubOAuth(config=config, oauth_client_id="x").cache_max_age == believed
