"""Start page: profiles with their options, what a start stores, and links that start what was chosen."""

from __future__ import annotations

import asyncio
import html
import json
import re
from urllib.parse import urlencode

import pytest

from plughub.domain.servers import profile_of
from plughub.kinds import Profile
from plughub.services.servers import spawner_checks
from plughub.testing.doubles import TinyServers

FOREIGN = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
OPTIONS = {
    "properties": {
        "hours": {"type": "integer", "title": "Hours", "minimum": 1, "maximum": 8, "default": 2},
        "mail": {"type": "boolean", "title": "Send mail"},
        "image": {
            "title": "Image",
            "default": "base",
            "anyOf": [
                {"oneOf": [{"const": "base", "title": "Base"}, {"const": "r", "title": "With R"}]},
                {"type": "string", "title": "Other…", "pattern": "own/.+"},
            ],
        },
    }
}
PROFILES = (
    Profile(slug="small", title="Small <1>", description="For <b>exercises</b>", memory_limit=2 * 1024**3),
    Profile(slug="large", title="Large", description_html="For <b>theses</b>", cpu_limit=2, options=OPTIONS),
    Profile(slug="gpu", title="GPU", groups=("staff",)),
)


@pytest.fixture
async def hub(make_hub):
    hub = await make_hub(allow_named_servers=True)
    hub.tiny.profiles = PROFILES
    return hub


async def join(hub, group, name="alice"):
    await hub.user(name)
    await hub.store.write(lambda tx: (tx.groups.create([group]), tx.groups.add_users(group, [name])))


def fields(page, name):
    return re.findall(rf'<(?:input|select|option)[^>]*name="{name}"[^>]*>', page)


async def start(browser, **form):
    await browser.get("/hub/spawn")
    return await browser.post("/hub/spawn", form={**form, "_xsrf": browser.xsrf})


async def test_the_page_shows_the_profiles_that_the_user_may_choose(hub) -> None:
    page = (await (await hub.logged_in()).get("/hub/spawn")).body.decode()
    assert "Small &lt;1&gt;" in page
    assert "For &lt;b&gt;exercises&lt;/b&gt;" in page
    assert "For <b>theses</b>" in page
    assert "2 GB memory" in page
    assert "2 CPU" in page
    assert 'value="gpu"' not in page
    await join(hub, "staff")
    page = (await (await hub.logged_in()).get("/hub/spawn")).body.decode()
    assert 'value="gpu"' in page
    chosen = [field for field in fields(page, "profile") if "checked" in field]
    assert ['value="small"' in field for field in chosen] == [True]


async def test_a_start_stores_typed_options_and_the_title_and_suggests_them_again(hub) -> None:
    browser = await hub.logged_in()
    prefix = "profile-option-large--"
    form = {"profile": "large", f"{prefix}hours": "4", f"{prefix}mail": "true", f"{prefix}image": "r"}
    assert (await start(browser, **form)).code == 302
    assert hub.tiny.started[0].options == {"profile": "large", "hours": 4, "mail": True, "image": "r"}
    server = await hub.servers.get("alice", "")
    assert profile_of(server) == "Large"
    await hub.servers.wait(await hub.servers.stop(server), 20)
    page = (await browser.get("/hub/spawn")).body.decode()
    assert [f for f in fields(page, "profile") if "checked" in f and 'value="large"' in f]
    assert 'value="4"' in fields(page, f"{prefix}hours")[0]
    assert "checked" in fields(page, f"{prefix}mail")[0]
    assert '<option value="r" selected>' in page


async def test_a_refused_value_is_marked_and_kept(hub) -> None:
    browser = await hub.logged_in()
    prefix = "profile-option-large--"
    other = {f"{prefix}image": "--unlisted-choice", f"{prefix}image--unlisted-choice": "evil"}
    answer = await start(browser, **{"profile": "large", f"{prefix}hours": "4", **other})
    page = answer.body.decode()
    assert (answer.code, "Image: does not have the required form" in page) == (400, True)
    assert 'value="evil"' in fields(page, f"{prefix}image--unlisted-choice")[0]
    assert "aria-invalid" in fields(page, f"{prefix}image")[0]
    assert 'value="4"' in fields(page, f"{prefix}hours")[0]
    assert not hub.tiny.started
    answer = await start(browser, **{"profile": "large", f"{prefix}image": "--unlisted-choice"})
    assert (answer.code, b"Image: enter a value" in answer.body) == (400, True)


@pytest.mark.parametrize(
    ("body", "options"),
    [
        ({}, {"profile": "small"}),
        ({"note": "x"}, {"profile": "small", "note": "x"}),
        ({"profile": "large"}, {"profile": "large", "hours": 2, "image": "base"}),
        ({"profile": "large", "image--unlisted-choice": "own/1"}, {"image": "own/1"}),
    ],
)
async def test_a_start_by_the_api_uses_the_defaults(hub, body, options) -> None:
    client = await hub.program()
    answer = await client.post("/hub/api/users/alice/servers/lab", model=body)
    assert answer.code == 201, answer.body
    assert options.items() <= hub.tiny.started[0].options.items()
    assert "image--unlisted-choice" not in hub.tiny.started[0].options


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"profile": "gpu"}, "there is no profile 'gpu' for you; available: small, large"),
        ({"profile": ["small"]}, "there is no profile"),
        ({"profile": "large", "hours": 9}, "Hours: must be at most 8"),
        ({"profile": "large", "hours": "4"}, "Hours: must be a whole number"),
        ({"profile": "large", "image": "evil"}, "Image: does not have the required form"),
    ],
)
async def test_a_start_by_the_api_is_checked(hub, body, message) -> None:
    client = await hub.program()
    answer = await client.post("/hub/api/users/alice/servers/lab", model=body)
    assert (answer.code, message in answer.body.decode()) == (400, True), answer.body
    assert not hub.tiny.started


async def test_a_profile_is_lost_with_its_group(hub) -> None:
    await join(hub, "staff")
    client = await hub.program()
    assert (await client.post("/hub/api/users/alice/server", model={"profile": "gpu"})).code == 201
    await hub.servers.wait(await hub.servers.stop(await hub.servers.get("alice", "")), 20)
    await hub.store.write(lambda tx: tx.groups.remove_users("staff", ["alice"]))
    assert (await client.post("/hub/api/users/alice/server")).code == 400
    page = (await (await hub.logged_in()).get("/hub/spawn")).body.decode()
    assert 'value="gpu"' not in page
    assert len(hub.tiny.started) == 1


async def test_another_spawner_does_not_get_the_profile_of_the_last_start(make_hub) -> None:
    hub = await make_hub(spawners={"large": TinyServers(label="Large")})
    hub.tiny.profiles = PROFILES
    client = await hub.program()
    assert (await client.post("/hub/api/users/alice/server", model={"profile": "large"})).code == 201
    await hub.servers.wait(await hub.servers.stop(await hub.servers.get("alice", "")), 20)
    for backend, options in (("large", {}), ("tiny", {"profile": "small"})):
        body = {"user_options": None, "backend": backend}
        assert (await client.post("/hub/api/users/alice/server", model=body)).code == 201
        server = await hub.servers.get("alice", "")
        assert (server.backend, server.options, profile_of(server)) == (
            backend, options, "Small <1>" if options else "",
        )  # fmt: skip
        await hub.servers.wait(await hub.servers.stop(server), 20)


async def test_a_user_without_any_profile_starts_nothing(hub) -> None:
    hub.tiny.profiles = PROFILES[2:]
    browser, client = await hub.logged_in(), await hub.program()
    for body in ({}, {"profile": "gpu"}):
        answer = await client.post("/hub/api/users/alice/server", model=body)
        assert (answer.code, b"There is no profile that you may use" in answer.body) == (403, True)
    answer = await browser.get("/hub/spawn")
    assert (answer.code, b"Ask your administrator" in answer.body) == (403, True)
    (choice,) = json.loads((await client.get("/hub/api/users/alice/start-choices")).body)["spawners"]
    assert (choice["problem"], choice["profiles"]) == ("There is no profile that you may use.", [])
    assert not hub.tiny.started


async def test_a_link_from_another_site_says_what_it_starts_and_asks_once(hub) -> None:
    browser = await hub.logged_in()
    link = "/hub/spawn?opt-profile=large&opt-hours=3&opt-image=own/1&opt-mail=true&opt-note=x"
    page = (await browser.get(link, headers=FOREIGN)).body.decode()
    assert "Start this server?" in page
    assert "Profile: <b>Large</b>" in page
    assert "For <b>theses</b>" in page
    shown = re.findall(r'<li>([^<]*): <b class="exact">([^<]*)</b>', page)
    assert shown == [
        ("Hours", "3"),
        ("Send mail", "yes"),
        ("Image", "own/1"),
        ("note", "x"),
    ]
    action = html.unescape(re.search(r'action="([^"]*)"', page.partition("start_form")[2])[1])
    assert (await browser.post(action, form={"_linked": "yes", "_xsrf": browser.xsrf})).code == 302
    options = {"profile": "large", "hours": 3, "mail": True, "image": "own/1", "note": ["x"]}
    assert hub.tiny.started[0].options == options


@pytest.mark.parametrize("query", ["opt-profile=gpu", "opt-profile=large&opt-hours=99"])
async def test_a_link_with_invalid_options_starts_nothing(hub, query) -> None:
    answer = await (await hub.logged_in()).get(f"/hub/spawn?{query}", headers=FOREIGN)
    assert answer.code == 400
    assert not hub.tiny.started


async def test_fields_of_the_spawner_follow_the_profiles(hub) -> None:
    hub.tiny.form = '<input name="size">'
    browser = await hub.logged_in()
    assert '<input name="size">' in (await browser.get("/hub/spawn")).body.decode()
    assert (await start(browser, profile="small", size="3")).code == 302
    assert hub.tiny.started[0].options == {"size": ["3"], "profile": "small"}


async def test_a_single_profile_without_options_needs_no_form(make_hub) -> None:
    hub = await make_hub(spawners={"large": TinyServers(label="Large")})
    hub.tiny.profiles = (Profile(slug="only", title="Only"),)
    browser = await hub.logged_in()
    referer = {"Referer": f"{hub.address}/hub/spawn"}
    assert (await browser.get("/hub/spawn?backend=tiny", headers=referer)).code == 302
    assert hub.tiny.started[0].options == {"profile": "only"}


async def test_the_run_of_a_server_has_the_title_of_its_profile(hub) -> None:
    client = await hub.admin()
    await hub.user("alice")
    assert (await client.post("/hub/api/users/alice/server", model={"profile": "large"})).code == 201
    answer = await client.get("/hub/api/usage?by=profile")
    assert '"Large"' in answer.body.decode(), answer.body


async def test_the_choice_of_a_spawner_describes_each_and_says_which_are_unavailable(make_hub) -> None:
    down = TinyServers(label="Down")
    down.description, down.problem = "With <i>GPU</i>", "The engine is <b>off</b>."
    hub = await make_hub(spawners={"down": down, "broken": TinyServers(label="Broken")})
    hub.spawners["broken"].problem = OSError("secret path")
    browser = await hub.logged_in()
    page = (await browser.get("/hub/spawn")).body.decode()
    cards = dict(re.findall(r'<li class="start-card([^"]*)" id="spawner-(\w+)">', page))
    assert cards == {"": "tiny", " unavailable": "broken"}
    assert len(re.findall("unavailable", page)) == 2
    for text in (
        "With &lt;i&gt;GPU&lt;/i&gt;",
        "The engine is &lt;b&gt;off&lt;/b&gt;.",
        "It does not answer",
    ):
        assert text in page, text
    assert "secret path" not in page
    assert "secret path" in (await (await hub.logged_in("root")).get("/hub/spawn")).body.decode()


async def test_a_slow_check_does_not_hold_the_page_and_many_pages_share_it(hub, monkeypatch) -> None:
    asked, answer = [], asyncio.Event()

    async def check_spawner(plugin):
        asked.append(plugin)
        await answer.wait()

    monkeypatch.setattr(hub.services.hooks, "check_spawner", check_spawner)
    monkeypatch.setattr(spawner_checks, "SPAWNER_CHECK_WAIT_SECONDS", 0.05)
    browsers = [await hub.logged_in() for _ in range(2)]
    async with asyncio.timeout(4):
        pages = await asyncio.gather(*(browser.get("/hub/spawn") for browser in browsers))
    assert all(b"It does not answer at present" in page.body for page in pages)
    assert asked == ["tiny"]
    answer.set()
    page = await browsers[0].get("/hub/spawn")
    assert b"It does not answer" not in page.body
    assert asked == ["tiny"]


EVIL = '"><script>evil()</script>{{ 7*7 }}'


async def test_texts_of_profiles_are_escaped_wherever_they_are_shown(hub) -> None:
    choices = {"oneOf": [{"const": EVIL, "title": EVIL}, {"const": "b", "title": EVIL}]}
    properties = {
        EVIL: {"type": "string", "title": EVIL, "description": EVIL, "default": EVIL},
        "long": {"type": "string", "format": "textarea", "title": EVIL, "default": EVIL},
        "radio": {"title": EVIL, **choices},
        "boxes": {"type": "array", "title": EVIL, "items": choices},
        "list": {"title": EVIL, "default": EVIL, "anyOf": [choices, {"title": EVIL}]},
        "number": {"type": "integer", "title": EVIL},
        "check": {"type": "boolean", "title": EVIL},
    }
    texts = {"slug": EVIL, "title": EVIL, "description": EVIL, "icon": f"/{EVIL}"}
    hub.tiny.profiles = (Profile(**texts, options={"properties": properties}), Profile(slug="b", title=EVIL))  # type: ignore[arg-type]
    hub.tiny.problem = EVIL
    browser = await hub.logged_in()
    query = urlencode({"opt-profile": EVIL, f"opt-{EVIL}": EVIL, "opt-radio": EVIL, "opt-boxes": EVIL})
    pages = [await browser.get("/hub/spawn"), await browser.get(f"/hub/spawn?{query}", headers=FOREIGN)]
    pages.append(await start(browser, **{"profile": EVIL, f"profile-option-{EVIL}--number": EVIL}))
    assert [page.code for page in pages] == [200, 200, 400]
    for page in pages:
        text = page.body.decode()
        assert "<script>evil" not in text
        assert '"><script' not in text
        assert "evil()" in text
        assert "{{ 7*7 }}" in text


@pytest.mark.parametrize(
    "profiles",
    [[{"slug": "a"}], [Profile(slug="a", title="A", options={"properties": {"x": {"type": "x"}}})]],
)
async def test_an_invalid_answer_of_a_plugin_is_reported_to_administrators(hub, profiles, caplog) -> None:
    hub.tiny.profiles = profiles
    answer = await (await hub.logged_in()).get("/hub/spawn")
    assert (answer.code, b"hub_profiles" in answer.body) == (500, False)
    assert "plugin 'tiny' failed in hub_profiles" in caplog.text


async def test_programs_read_the_choices_of_a_start(make_hub) -> None:
    hub = await make_hub(spawners={"large": TinyServers(label="Large")})
    hub.tiny.profiles, hub.spawners["large"].problem = PROFILES, "It is down."
    client = await hub.program()
    answer = await client.get("/hub/api/users/alice/start-choices")
    tiny, large = json.loads(answer.body)["spawners"]
    assert (tiny["name"], tiny["default"], tiny["problem"]) == ("tiny", True, "")
    assert [(one["slug"], one["memory_limit"]) for one in tiny["profiles"]] == [
        ("small", 2 * 1024**3),
        ("large", None),
    ]
    assert tiny["profiles"][1]["options"] == OPTIONS
    assert (large["display_name"], large["problem"], large["profiles"]) == ("Large", "It is down.", [])
    assert (await client.post("/hub/api/users/alice/server", model={"profile": "large"})).code == 201
    model = json.loads((await client.get("/hub/api/users/alice/server")).body)
    assert (model["profile"], model["user_options"]["hours"]) == ("Large", 2)
