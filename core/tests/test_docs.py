"""The documentation is correct: generated parts are current, links work, examples run."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import types
from functools import cache
from pathlib import Path

import pytest

from plughub.app.addresses import addresses
from plughub.app.config import JupyterHub
from plughub.app.config_files import load_config
from plughub.app.named_plugins import plugin_names
from plughub.app.plugins import PluginChooser
from plughub.app.unread_settings import check_settings
from plughub.cli.main import main
from plughub.kinds import Refusal
from plughub.plugin.manager import ActivePlugins
from plughub.storage.database import Database
from plughub.storage.store import Store
from plughub.testing.documents import blocks_of, commands_of
from plughub.testing.quick import starts

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SERVICE = DOCS / "plughub.service"
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"<!-- file: (?P<name>\S+) -->\n```\w*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
TEXT = {
    ".cfg",
    ".css",
    ".html",
    ".ini",
    ".js",
    ".md",
    ".mako",
    ".py",
    ".service",
    ".svg",
    ".toml",
    ".txt",
    "",
}
HOSTS = ("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "registry" + ".npm", "npmjs" + ".com")
PLACES = (*("/work" + place for place in ("/main", "/shared", "/tmp", "/venv")), "/root" + "/", ".py" + "env")
OF_MACHINES = re.compile(rf"(?<![\w.}}/~-])(?:{'|'.join(map(re.escape, PLACES))})")
ROW = re.compile(r"^\| `([^`]+)`.*\|$", re.MULTILINE)


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("this is no git clone")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def pages() -> list[Path]:
    hidden = (".venv", "build", "node_modules", ".tox", ".pytest_cache")
    return sorted(path for path in ROOT.rglob("*.md") if not {*path.relative_to(ROOT).parts} & {*hidden})


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def prose(page: Path) -> str:
    """Return the page without its code."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_generated_documentation_is_current():
    done = subprocess.run(
        [sys.executable, DOCS / "generate.py", "--check"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_hook_has_a_heading_with_its_signature():
    source = (ROOT / "core/src/plughub/hookspecs.py").read_text()
    page = (DOCS / "plugins.md").read_text()
    functions = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("hub_")
    ]
    assert functions
    for function in functions:
        begin = "async def" if isinstance(function, ast.AsyncFunctionDef) else "def"
        signature = (
            f"{begin} {function.name}({ast.unparse(function.args)}) -> {ast.unparse(function.returns)}"
        )
        assert f"#### {function.name}\n\n```python\n{signature}\n```" in page


@pytest.mark.parametrize("page", pages(), ids=named)
def test_links_and_pictures_have_targets(page):
    for target in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


def test_no_text_names_a_registry_or_a_path_of_a_machine():
    found = []
    for path in tracked():
        if path.suffix in TEXT:
            lines = enumerate(path.read_text(errors="replace").splitlines(), 1)
            found += [
                f"{named(path)}:{number}: {line.strip()[:120]}"
                for number, line in lines
                if any(host in line for host in HOSTS) or OF_MACHINES.search(line)
            ]
    assert not found, "\n".join(found)


@starts
def test_the_examples_of_the_page_about_plugins_install_and_pass_their_own_tests(tmp_path):
    pytest.importorskip("hatchling", reason="hatchling, which builds the examples, is not installed")
    blocks = {match["name"]: match["text"] for match in BLOCK.finditer((DOCS / "plugins.md").read_text())}
    for name, text in blocks.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    site = tmp_path / "site"
    packages = [tmp_path / "plughub-noguests", tmp_path / "plughub-codeword", ROOT / "examples/classspawner"]
    offline = ["--quiet", "--no-deps", "--no-build-isolation", "--target", site]
    install = [sys.executable, "-m", "pip", "install", *offline, *packages]
    subprocess.run(install, check=True, cwd="/", env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"})
    env = {**os.environ, "PYTHONPATH": str(site)}

    listed = subprocess.run(
        [sys.executable, "-m", "plughub", "plugins"], env=env, cwd=tmp_path, capture_output=True, text=True
    )
    assert {"noguests", "codeword", "classspawner"} <= {
        line.split()[0] for line in listed.stdout.splitlines() if line
    }, listed.stderr
    config = tmp_path / "plughub-codeword" / "pyproject.toml"
    options = ["-q", "-p", "no:cacheprovider", "-c", config, "--import-mode=importlib"]
    tests = [str(tmp_path / name) for name in blocks if "/tests/" in name]
    assert len(tests) == 2
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@cache
def modules_of_tests() -> list[str]:
    """Return the texts of all test modules."""
    folders = (ROOT / "core" / "tests", *ROOT.glob("plugins/*/tests"))
    return [file.read_text() for folder in folders for file in folder.rglob("test_*.py")]


@pytest.mark.parametrize("page", sorted((DOCS / "how-to").glob("*.md")), ids=named)
def test_every_block_of_a_guide_is_run_by_a_test(page):
    text, blocks = page.read_text(), blocks_of(page)
    assert text.count("```") == 2 * len(blocks), "a block has no mark"
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert not re.search(r"^\n    \S", outside, re.MULTILINE), "an indented block cannot be marked"
    used = [test for test in modules_of_tests() if f'"{page.name}"' in test]
    missing = [[name for name in blocks if f'"{name}"' not in test] for test in used]
    assert [] in missing, f"no test uses all blocks: {missing}"


def with_commands() -> list[Path]:
    """Return the pages whose commands run one by one: no guides or tutorials, which are run as a whole, and no benchmarks."""
    whole = {DOCS / "how-to", DOCS / "tutorials"}
    folders = [ROOT, ROOT / "core", *ROOT.glob("plugins/*"), ROOT / "examples"]
    own = [folder / name for folder in folders for name in ("README.md", "CONTRIBUTING.md")]
    return [page for page in [*own, *DOCS.rglob("*.md")] if page.exists() and page.parent not in whole]


@pytest.mark.parametrize("page", with_commands(), ids=named)
def test_every_command_of_a_page_is_run_by_a_test_or_says_why_not(page):
    tests = {path: path.read_text() for path in (ROOT / "core" / "tests").rglob("test_*.py")}
    names = {path.name for path in [*tests, *ROOT.glob("plugins/*/tests/**/test_*.py")]}
    for text, mark in commands_of(page):
        kind, _, detail = mark.partition(": ")
        assert kind, f"no mark: {text}"
        if kind == "not run":
            assert {*re.findall(r"\btest_\w+\.py", detail)} <= names, mark
        else:
            used = [test for test in tests.values() if f'"{page.name}"' in test]
            assert any(kind == "file" or f'"{detail}"' in test for test in used), mark
    outside = re.sub(r"^( *)```.*?^\1```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    commands = r"^\n {4,}(?:sudo |hub |pip |curl |python3 |docker(?= \S)|systemctl |\.venv/)"
    assert not re.search(commands, outside, re.MULTILINE), "an indented block cannot be marked"


def said() -> str:
    """Return all texts in the source of the hub and its plugins, with … for placeholders."""
    texts = []
    for path in [*ROOT.glob("core/src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
                texts.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(re.sub(r"%[srd]", "…", node.value))
    return "\n".join(texts)


def test_every_message_that_the_page_explains_exists():
    page = (DOCS / "administration/troubleshooting.md").read_text()
    messages = ROW.findall(page)
    assert len(messages) > 20
    known = said()
    for message in messages:
        for piece in filter(None, map(str.strip, message.split("…"))):
            assert piece in known, message


def test_every_page_that_the_code_names_exists():
    named_pages = set(re.findall(r"(?<![\w/.])docs/[\w/-]+\.(?:md|toml|service)\b", said()))
    assert len(named_pages) > 1
    assert [page for page in sorted(named_pages) if not (ROOT / page).is_file()] == []


def test_every_plugin_of_the_repository_is_listed_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    for file in ROOT.glob("plugins/*/pyproject.toml"):
        for plugin in tomllib.loads(file.read_text())["project"]["entry-points"]["plughub"]:
            assert f"`{plugin}`" in readme, plugin


def blocks_of_readme(language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )


@pytest.mark.parametrize("text", [block for block in blocks_of_readme("python") if block.startswith("c.")])
def test_a_hub_accepts_the_configurations_of_the_readme(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jupyterhub_config.py").write_text(text)
    config = load_config(None, {})
    hub = JupyterHub(config=config)
    chooser = PluginChooser(hub, config, Store(Database("sqlite://")))
    selection = chooser.choose(plugin_names(None, hub))
    assert set(hub.plugins) <= set(selection.active.names)
    check_settings(config, hub, selection, chooser.installed)
    for authenticator in selection.authenticators.values():
        assert authenticator.any_allow_config, "nobody could log in"
    if "docker" in hub.plugins:
        assert not addresses(hub).connect_url.startswith(("http://127.", "http://localhost")), (
            "not for containers"
        )


def test_the_plugin_of_the_readme_works():
    [text] = [block for block in blocks_of_readme("python") if "hookimpl" in block]
    plugin = types.ModuleType("of_the_readme")
    exec(text, vars(plugin))
    active = ActivePlugins()
    active.add("readme", plugin)
    server = types.SimpleNamespace(user=types.SimpleNamespace(groups=("guests",)))
    assert isinstance(plugin.hub_authorize_spawn(server), Refusal)
    assert active.implementations("hub_authorize_spawn")


def test_every_command_of_the_readme_exists():
    blocks = [text for text, _ in commands_of(ROOT / "README.md")]
    commands = "".join(blocks).splitlines()
    assert len(commands) >= 4
    known = r"(sudo )?(python3 dev\.py (hub|test|check)|docker pull \S+|pip (wheel|install))( .*)?|hub"
    assert [command for command in commands if not re.fullmatch(known, command)] == []
    wheels = [command for command in commands if "pip wheel" in command]
    assert len(wheels) == 1
    assert all((ROOT / path).is_dir() for path in re.findall(r"\./(\w+)", wheels[0]))
    installs = re.findall(r"\bpip install\b.*", (ROOT / "README.md").read_text())
    assert installs, "the README says how to install a hub"
    assert all("--find-links wheels" in command for command in installs), "nothing is published yet"


@pytest.mark.parametrize("name", ["README.md", "docs/administration/install.md", "docs/moving.md"])
def test_the_check_of_a_page_finds_no_mistake_in_a_valid_file(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jupyterhub_config.py").write_text(
        "c.JupyterHub.plugins = ['dummy', 'simple']\nc.DummyAuthenticator.allow_all = True\n"
    )
    [command] = re.findall(
        r"^ *(?:sudo python3 dev\.py )?hub (.*check)$", (ROOT / name).read_text(), re.MULTILINE
    )
    arguments = [re.sub(r".*/", "", word) for word in command.split()]
    assert main(arguments) == 0, capsys.readouterr().err
    assert "the configuration is valid" in capsys.readouterr().out


def test_the_unit_lets_servers_and_proxy_outlive_a_restart():
    lines = dict(line.split("=", 1) for line in SERVICE.read_text().splitlines() if "=" in line)
    assert lines["KillMode"] == "process"
    assert lines["OOMPolicy"] == "continue"
    assert int(lines["TimeoutStopSec"]) > 150


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_accepts_the_unit(tmp_path):
    unit = tmp_path / SERVICE.name
    unit.write_text(
        re.sub(r"^(ExecStart)=\S+", rf"\1={sys.executable}", SERVICE.read_text(), flags=re.MULTILINE)
    )
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
