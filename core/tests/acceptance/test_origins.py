"""Servers on another origin than the hub, in a real browser: attacks fail, and normal use works."""

import os
import shutil
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from plughub.testing.browser import arrive, log_in, run_notebook, write_notebook
from plughub.testing.client import client_of
from plughub.testing.hub import HubProcess
from plughub.testing.ports import free_port

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
SERVER = Path(__file__).with_name("hostile_server.py")
CHP = [
    pytest.mark.node,
    pytest.mark.skipif(
        shutil.which("configurable-http-proxy") is None, reason="configurable-http-proxy is missing"
    ),
]
CONFIG = dedent("""
    c.Authenticator.allow_all = True
    c.Authenticator.admin_users = {{"ada"}}
    c.Spawner.cmd = [{python!r}, {server!r}]
    c.Spawner.environment = {{"PATH": {path!r}}}
    c.Spawner.http_timeout = 60
    c.LocalProcessSpawner.interrupt_timeout = 5
    c.LocalProcessSpawner.term_timeout = 5
    c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/homes/{{username}}"
""")

BLANK = "<html><head></head><body></body></html>"
READ = """async ([where, options]) => {
    try {
        const answer = await fetch(where, {credentials: "include", ...options});
        return {status: answer.status, type: answer.type, text: await answer.text(), url: answer.url};
    } catch (error) { return {status: 0, type: "refused", text: "", url: ""}; }
}"""
LOOK = """async (where) => {
    const opened = window.open(where);
    const frame = document.createElement("iframe");
    frame.src = where;
    document.body.append(frame);
    await new Promise((done) => { frame.onload = done; frame.onerror = done; setTimeout(done, 3000); });
    const read = (look) => { try { return look() ?? ""; } catch { return ""; } };
    const seen = [
        read(() => opened.document.documentElement.outerHTML),
        read(() => opened.jhdata.xsrf_token),
        read(() => frame.contentDocument.documentElement.outerHTML),
        read(() => frame.contentWindow.jhdata.xsrf_token),
    ];
    opened?.close();
    frame.remove();
    return seen.join("");
}"""
COOKIES = """(paths) => {
    const before = location.href;
    const seen = paths.map((path) => { history.pushState(null, "", path); return document.cookie; });
    history.pushState(null, "", before);
    return seen.join("; ");
}"""
SEND = """([where, fields, target]) => {
    const form = document.createElement("form");
    Object.assign(form, {method: "POST", action: where, target});
    for (const [name, value] of Object.entries(fields)) {
        const field = document.createElement("input");
        Object.assign(field, {name, value});
        form.append(field);
    }
    document.body.append(form);
    form.submit();
}"""
REGISTER = """async ([script, scope]) => {
    if (!navigator.serviceWorker) return "no workers";
    try { await navigator.serviceWorker.register(script, {scope}); return "registered"; }
    catch (error) { return error.name; }
}"""


class Separation:
    """A way to keep servers off the hub's origin.

    Args:
        kind: of the separation.
        proxy: the plugin.
        port: of the hub.
        domain: name of the hub.
    """

    def __init__(self, kind: str, proxy: str, port: int, domain: str) -> None:
        self.proxy, self.port = proxy, port
        self.hub = f"http://{domain}:{port}"
        if kind == "shared":
            self.of, self.config = lambda _name: self.hub, ""
        elif kind == "subdomains":
            self.of = lambda name: f"http://{name}.{domain}:{port}"
            self.config = f"c.JupyterHub.subdomain_host = {self.hub!r}\n"
        else:
            second = f"http://{domain}:{free_port()}" if kind == "port" else f"http://servers.{domain}:{port}"
            self.of = lambda _name: second
            self.config = f"c.JupyterHub.public_url = {self.hub!r}\nc.JupyterHub.servers_url = {second!r}\n"
        if proxy == "chp":
            self.config += f"c.ConfigurableHTTPProxy.api_url = 'http://127.0.0.1:{free_port()}'\n"


SEPARATIONS = {
    "subdomains haproxy hub.test": (),
    "subdomains haproxy hub.localhost": (),
    "subdomains chp hub.localhost": CHP,
    "host chp hub.test": CHP,
    "port haproxy hub.test": (),
    "port haproxy localhost": (),
}
"""Browsers have service workers, and say where a request comes from, below ``localhost`` and by https alone."""


def separated(*names):
    return pytest.mark.parametrize(
        "separation", [pytest.param(name, marks=SEPARATIONS.get(name, ())) for name in names], indirect=True
    )


@pytest.fixture(scope="module")
def separation(request):
    kind, proxy, domain = request.param.split()
    return Separation(kind, proxy, free_port(), domain)


@pytest.fixture(scope="module")
def hub(separation, tmp_path_factory):
    """A hub for all tests with this separation; each of them has a browser context of its own."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    folder = tmp_path_factory.mktemp("hub")
    config = CONFIG.format(python=sys.executable, server=str(SERVER), folder=folder, path=path)
    arguments = ("--plugins", f"dummy,simple,{separation.proxy}", f"--JupyterHub.port={separation.port}")
    with HubProcess(folder, *arguments, config=config + separation.config) as hub:
        assert hub.url == f"{separation.hub}/"
        yield hub


def state_of(api) -> dict:
    """Return the state that an attack would change."""
    users = api("GET", "/users").body
    return {
        "users": {user["name"]: (user["admin"], sorted(user["servers"])) for user in users},
        "tokens": len(api("GET", "/users/ada/tokens").body["api_tokens"]),
    }


async def open_hostile(browser, hub, separation):
    """Start the server of mallory and open its page as ada, who is an admin."""
    api = client_of(hub, "ada", past_the_proxy=True)
    api("POST", "/users/mallory")
    api("POST", "/users/mallory/server")
    api.until("/users/mallory", lambda user: user["server"])
    context = await browser.new_context()
    page = await context.new_page()
    await log_in(page, hub.url, "ada", "any", then="/hub/home")
    await page.wait_for_url("**/hub/home")
    hostile = await context.new_page()
    await hostile.goto(f"{separation.of('mallory')}/user/mallory/page")
    assert await hostile.inner_text("h1") == "Hostile page"
    return api, hostile, page


@separated(*SEPARATIONS)
async def test_a_hostile_page_reads_nothing_of_the_hub_and_changes_nothing(browser, hub, separation):
    api, page, of_hub = await open_hostile(browser, hub, separation)
    before = state_of(api)
    cookies = await page.evaluate(COOKIES, ["/hub/", "/hub/home", "/"])
    assert "_xsrf" not in cookies
    assert "login" not in cookies
    # An attacker may know it although the page could not read it.
    token = await of_hub.evaluate("jhdata.xsrf_token")
    for where in (separation.hub, separation.of("mallory"), f"http://127.0.0.1:{separation.port}"):
        for query in ("", f"?_xsrf={token}"):
            await reads_nothing(page, where, query)
        await sends_nothing(page, where, token)
    await submits_nothing(page, separation.hub, token)
    assert state_of(api) == before
    assert await page.evaluate(LOOK, f"{separation.hub}/hub/home") in {"", 2 * BLANK, BLANK}
    await of_hub.reload()
    assert await of_hub.inner_text(".who") == "ada"
    await keeps_its_workers(page, separation)
    saw = hub.folder / "homes" / "mallory" / "mallory-saw.txt"
    assert "hub-login" not in saw.read_text()
    login = next(c for c in await of_hub.context.cookies() if c["name"].endswith("hub-login"))
    # From here on the page sends a login of its own, which its server may see.
    await tosses_no_login(browser, page, of_hub, separation)
    assert login["value"] not in saw.read_text()


async def reads_nothing(page, where, query):
    for path in ("/hub/api/user", "/hub/api/users", "/hub/api/users/ada/tokens", "/hub/home", "/hub/token"):
        for mode in ("cors", "no-cors", "same-origin"):
            found = await page.evaluate(READ, [f"{where}{path}{query}", {"mode": mode}])
            assert "ada" not in found["text"], (where, path, mode)
            assert found["status"] in {0, 403, 404}, (where, path, mode, found)


async def sends_nothing(page, where, token):
    for path, body in (
        ("/hub/api/users/ada/tokens", "{}"),
        ("/hub/api/users/eve", ""),
        ("/hub/api/users/mallory", '{"admin": true}'),
        ("/hub/spawn/ada", ""),
        ("/hub/logout", ""),
    ):
        for method, kind in (
            ("POST", "application/json"),
            ("POST", "text/plain"),
            ("POST", "application/x-www-form-urlencoded"),
            ("PATCH", "application/json"),
            ("DELETE", "application/json"),
        ):
            for mode in ("cors", "no-cors"):
                headers = {"Content-Type": kind, "X-XSRFToken": token}
                options = {"mode": mode, "method": method, "headers": headers, "body": body}
                found = await page.evaluate(READ, [f"{where}{path}?_xsrf={token}", options])
                assert not 200 <= found["status"] < 300, (where, path, method, kind, mode)


async def submits_nothing(page, where, token):
    for path in ("/hub/api/users/eve", "/hub/api/users/ada/tokens", "/hub/spawn/ada", "/hub/logout"):
        async with page.expect_popup() as opening:
            await page.evaluate(SEND, [f"{where}{path}", {"_xsrf": token}, "_blank"])
        opened = await opening.value
        await opened.wait_for_url(f"{where}/**")
        await opened.close()


async def tosses_no_login(browser, page, of_hub, separation):
    """Check that a page cannot log its visitor in to the attacker's account by setting cookies."""
    theirs = await (await browser.new_context()).new_page()
    await log_in(theirs, f"{separation.hub}/", "mallory", "any", then="/hub/home")
    await theirs.wait_for_url("**/hub/home")
    login = next(c for c in await theirs.context.cookies() if c["name"].endswith("hub-login"))
    await page.goto(f"{separation.of('mallory')}/user/mallory/page")
    domain = separation.hub.partition("://")[2].partition(":")[0]
    for where in ("/", "/hub/", "/hub/home"):
        for attribute in (f"; domain={domain}", ""):
            await page.evaluate("(cookie) => { document.cookie = cookie; }",
                                f"{login['name']}={login['value']}; path={where}{attribute}")  # fmt: skip
    await of_hub.goto(f"{separation.hub}/hub/home")
    assert "mallory" not in await of_hub.inner_text("nav")


async def keeps_its_workers(page, separation):
    """Check that a service worker controls pages below its own server only, and none of the hub."""
    worker = "/user/mallory/worker.js"
    if not await page.evaluate("isSecureContext"):
        assert await page.evaluate(REGISTER, [worker, "/user/mallory/"]) == "no workers"
        return
    assert await page.evaluate(REGISTER, [f"{separation.hub}{worker}", "/hub/"]) != "registered"
    assert await page.evaluate(REGISTER, [worker, "/"]) == "SecurityError"
    beside = await page.evaluate(REGISTER, ["/user/mallory?worker.js", "/user/"])
    assert beside != "registered", "that script is in the folder of all servers"
    assert await page.evaluate(REGISTER, [worker, "/user/mallory/"]) == "registered"
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await page.goto(f"{separation.of('mallory')}/user/mallory/page")
    assert await page.inner_text("h1") == "A worker answers"
    await page.goto(f"{separation.hub}/hub/home")
    assert await page.inner_text("h1") == "Home"


@separated("subdomains haproxy hub.test", "host chp hub.test", "port haproxy hub.test")
async def test_no_server_answers_on_the_host_of_the_hub_or_of_another_user(browser, hub, separation):
    _, page, _ = await open_hostile(browser, hub, separation)
    own = separation.of("mallory")
    for where in sorted({separation.hub, separation.of("bob")} - {own}):
        await page.goto(f"{where}/user/mallory/page?x=1")
        assert page.url.startswith(f"{own}/user/mallory/page?x=1"), "the hub led to the right host"
        sent = await page.evaluate(
            READ, [f"{where}/user/mallory/page", {"method": "POST", "mode": "no-cors"}]
        )
        assert sent["type"] in {"opaque", "refused"}
    await page.goto(f"{own}/hub/home")
    assert page.url == f"{separation.hub}/hub/home"


@separated("subdomains haproxy hub.localhost", "host chp hub.test", "port haproxy hub.test")
async def test_users_log_in_work_and_log_out(browser, hub, separation):
    page = await (await browser.new_context()).new_page()
    await log_in(page, hub.url, "ada", "any")
    await arrive(page, f"{separation.of('ada')}/user/ada/**")
    write_notebook(hub.folder / "homes" / "ada" / "sum.ipynb", "print(40 + 2)", os.geteuid())
    assert await run_notebook(page, hub.url, "ada", "sum.ipynb") == "42"
    assert page.url.startswith(separation.of("ada"))

    await page.goto(f"{hub.url}hub/home")
    await page.get_by_role("link", name="Open my server").click()
    await arrive(page, f"{separation.of('ada')}/user/ada/**")
    other = await page.context.new_page()
    await other.goto(f"{separation.hub}/hub/home")
    await other.click("#logout")
    await other.wait_for_url(f"{separation.hub}/hub/login**")
    if "servers." not in separation.of("ada"):  # the session cookie is not sent to another domain
        await page.goto(f"{separation.of('ada')}/user/ada/lab")
        assert page.url.startswith(f"{separation.hub}/hub/login"), "the server has noticed at once"
    await page.goto(f"{separation.of('ada')}/user/ada/logout")
    await page.wait_for_url(f"{separation.hub}/hub/login**")


@separated("shared haproxy 127.0.0.1")
async def test_on_one_origin_no_worker_of_a_server_reads_the_next_password(browser, hub, separation):
    api, page, _ = await open_hostile(browser, hub, separation)
    assert "share the hub's web address" in hub.stderr
    for scope in ("/", "/hub/", "/hub/login", "/user/", "/user/ada/"):
        assert await page.evaluate(REGISTER, ["/user/mallory/worker.js", scope]) == "SecurityError"
        # Without any header, a script outside the server's prefix has the scope of its own folder.
        assert await page.evaluate(REGISTER, ["/user/mallory?worker.js", scope]) != "registered", scope
    assert await page.evaluate(REGISTER, ["/user/mallory/worker.js", "/user/mallory/"]) == "registered"
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await page.goto(f"{hub.url}user/mallory/page")
    assert await page.inner_text("h1") == "A worker answers"

    api("DELETE", "/users/mallory/server")
    api.until("/users/mallory", lambda user: not user["servers"])
    await page.reload()
    assert await page.inner_text("h1") == "A worker answers", "it outlives its server"
    await page.goto(f"{hub.url}hub/logout")
    await page.get_by_role("button", name="Log out").click()
    await page.wait_for_url(f"{hub.url}hub/login")
    await page.goto(f"{hub.url}user/mallory/page")
    assert page.url == f"{hub.url}hub/login?next=%2Fhub%2Fuser%2Fmallory%2Fpage"
    assert await page.evaluate("navigator.serviceWorker.getRegistrations().then((all) => all.length)") == 0
