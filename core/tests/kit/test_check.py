"""``hub plugins check`` finds what would otherwise fail when a hook is called."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import pytest

from plughub import hookspecs
from plughub.cli.main import main
from plughub.kit.record_uses import problems_in
from plughub.markers import CallMode
from plughub.plugin.manager import HOOKS
from plughub.testing.quick import starts

ROOT = Path(__file__).parents[3]
HEAD = "from plughub import hookimpl, kinds\nfrom plughub.kinds import Endpoint as E, Identity, Refusal\n"


@pytest.fixture
def check(tmp_path, monkeypatch, capfd):
    """Install a plugin and check it; return exit code and output."""
    monkeypatch.chdir(tmp_path)
    project = tmp_path / "project"
    source, about = project / "src", project / "src" / "plughub_tested-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: plughub-tested\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[plughub]\ntested = plughub_tested\n")
    monkeypatch.syspath_prepend(str(source))

    def check(text, *options, tests=""):
        (source / "plughub_tested.py").write_text(HEAD + text)
        if tests:
            (project / "tests").mkdir()
            (project / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
            (project / "tests" / "test_tested.py").write_text(tests)
        code = main(["plugins", "check", "tested", *options])
        shown = capfd.readouterr()
        return code, shown.out + shown.err

    yield check
    sys.modules.pop("plughub_tested", None)


GOOD = """
@hookimpl
def hub_authorize_spawn(server):
    return Refusal("no") if "guests" in server.user.groups else None
"""


def test_a_plugin_that_keeps_the_contract_is_told_so(check):
    code, said = check(GOOD)
    assert code == 0
    assert "plugin 'tested' (plughub-tested 1.0) keeps the contract" in said
    assert "tests: none found" in said


def only_problem(check, text):
    """Check a plugin with a hook; return what the command says of the only problem."""
    code, said = check(f"@hookimpl\n{text}\n")
    assert code == 1
    assert "1 problem\n" in said
    return said


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("def hub_autorize_spawn(server): ...", "did you mean hub_authorize_spawn?"),
        ("def hub_authorize_spawn(sever): ...", "unknown argument 'sever'; did you mean 'server'?"),
        ("def hub_authorize_spawn(everything): ...", "its arguments are server"),
        ("async def hub_spawner_info(): ...", "write def, not async def"),
        ("def hub_register_spawner(): return int", "int, which is not a plughub Spawner"),
        ("def hub_authorize_login(identity): return Refusal(message='no')", "did you mean 'reason'?"),
        (
            "def hub_authorize_login(identity): return kinds.Refusal('no', stauts=429)",
            "did you mean 'status'?",
        ),
        ("def hub_poll(server): return E('http://x')", "Endpoint takes its fields by name: Endpoint(url=…)"),
        ("def hub_authenticate(login): return Identity()", "Identity lacks name"),
        ("def hub_spawn(): ...\n\n@hookimpl\ndef hub_poll(): ...", "must also implement hub_stop"),
        ("def hub_authenticate(login): return Identity(name=login.user)", "Login has no field 'user'"),
        ("def hub_authorize_spawn(server): return server.user.nmae", "UserInfo has no field 'nmae'"),
    ],
)
def test_a_mistake_is_found_with_what_is_meant(check, text, problem):
    assert problem in only_problem(check, text)


REGISTER = sorted(name for name, terms in HOOKS.items() if terms.calling is CallMode.REGISTER)


@pytest.mark.parametrize("hook", REGISTER)
def test_every_hook_that_describes_a_plugin_is_called(check, tmp_path, hook):
    arguments = ", ".join(inspect.signature(getattr(hookspecs, hook)).parameters)
    said = only_problem(check, f"def {hook}({arguments}): raise LookupError('so it is')")
    line = f"{tmp_path}/project/src/plughub_tested.py:4"
    assert f"plugin 'tested' failed in {hook}: so it is ({line})\n" in said


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("def hub_register_pages(): return 3", "it must return a list of Page"),
        (
            "def hub_register_pages(): return [kinds.Page(path='/x(', handler=int)]",
            "not a regular expression",
        ),
        (
            "def hub_register_pages(): return [kinds.Page(path='/x', handler=int)]",
            "no class of request handl",
        ),
        (
            "def hub_register_pages(): return [kinds.Page(path='/(?P<x>.)(.)', handler=int)]",
            "groups with a name and without",
        ),
        ("def hub_register_static(): return '/tmp'", "it must return a list of str, not '/tmp'"),
        ("def hub_register_templates(): return ['/nowhere']", "hub_register_templates: '/nowhere' is not"),
        ("def hub_login_method(): return {'form': True}", "it must return LoginMethod or None, not dict"),
        ("def hub_register_commands(config): return [3]", "it must return a list of Command"),
        ("def hub_find_class(kind, name): return 'X'", "it must return type or None, not str"),
        ("def hub_spawner_info(): return 'X'", "it must return SpawnerInfo or None, not str"),
        ("def hub_proxy_info(): return 'X'", "it must return ProxyInfo or None, not str"),
        ("def hub_register_configurables(): return [3]", "it must return a list of MetaHasTraits"),
    ],
)
def test_what_a_plugin_registers_is_checked(check, text, problem):
    assert problem in only_problem(check, text)


def test_the_pages_of_a_class_are_checked(check):
    code, said = check("""
from plughub.auth import Authenticator
class Odd(Authenticator):
    def get_handlers(self, app): return [("/x(", int)]
@hookimpl
def hub_register_authenticator(): return Odd
""")
    assert code == 1
    assert "plugin 'tested': the path '/x(' of a page is not a regular expression" in said


def test_a_plugin_that_requires_settings_is_told_what_was_not_checked(check):
    code, said = check(
        "@hookimpl\ndef hub_configure(context): raise ValueError('the key is missing')\n"
        "@hookimpl\ndef hub_register_pages(): return 3\n"
    )
    assert code == 0
    assert "keeps the contract" in said
    assert "not all hooks were called: plugin 'tested' failed in hub_configure: the key is missing; " in said


def test_all_mistakes_are_reported_with_file_and_line(check, tmp_path):
    code, said = check(
        "@hookimpl\ndef hub_authenticate(login): return Identity(nam=login.user)\n"
        "@hookimpl\ndef hub_authorize_spwan(server): ...\n"
    )
    assert code == 1
    assert "3 problems" in said
    assert said.count(f"{tmp_path}/project/src/plughub_tested.py:4: ") == 2
    assert said.count(f"{tmp_path}/project/src/plughub_tested.py:5: ") == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", ": it has no hook, which is a function such as hub_event below @hookimpl"),
        (f"class Veto:{GOOD}".replace("\n", "\n    "), ": it has no hook; to use those of its class Veto, "),
        ("@hookimpl\ndef hub_usage(server): ...", ":3: the hub calls hub_usage of a spawner, "),
        (GOOD.replace("hub_", ""), ":4: authorize_spawn is marked with @hookimpl, but "),
    ],
)
def test_a_plugin_that_the_hub_never_calls_is_reported(check, tmp_path, text, problem):
    code, said = check(text)
    assert code == 1
    assert f"{tmp_path}/project/src/plughub_tested.py{problem}" in said
    assert "1 problem\n" in said


def test_a_class_of_a_wrong_base_is_reported_with_file_and_line(check, tmp_path):
    _, said = check("class Mine: ...\n@hookimpl\ndef hub_register_spawner(): return Mine\n")
    assert f"{tmp_path}/project/src/plughub_tested.py:3: hub_register_spawner returns Mine" in said


@pytest.mark.parametrize(
    "text",
    [
        "def hub_authenticate(login): return Identity(**vars(login))",
        "def hub_authenticate(login): login = {}; return login.anything",
        "def hub_spawn(server): return E(url='http://x', state={}) if server.full_name else None",
        "def hub_authorize_login(identity): return Refusal(*'no')",
        "def other(server): return server.anything",
    ],
)
def test_correct_uses_are_no_mistakes(tmp_path, text):
    file = tmp_path / "module.py"
    file.write_text(f"{HEAD}@hookimpl\n{text}\n")
    assert problems_in(file) == []


def test_a_file_that_cannot_be_parsed_is_named_with_the_line(tmp_path):
    file = tmp_path / "module.py"
    file.write_text("a = 1\ndef (")
    assert problems_in(file) == [f"{file}:2: invalid syntax"]


def test_our_own_plugins_and_examples_have_no_mistakes():
    files = [*ROOT.glob("plugins/*/src/**/*.py"), *ROOT.glob("examples/**/*.py")]
    assert len(files) > 50
    assert [problem for file in files for problem in problems_in(file)] == []


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        (
            '"1.99"',
            "it is written for version 1.99 of the plugin contract, and this hub has 1.0: upgrade plughub",
        ),
        ('"0.9"', "this hub supports 1.0 to 1.0: upgrade the plugin"),
        ("1.0", 'hub_contract must be a text such as "1.0", not 1.0'),
    ],
)
def test_a_plugin_for_another_contract_is_refused(check, stated, reason):
    code, said = check(f"hub_contract = {stated}\n{GOOD}")
    assert code == 1
    assert reason in said


@starts
def test_its_quick_tests_run(check):
    tests = "def test_right(): ...\ndef test_wrong(): assert False, 'as expected'\n"
    code, said = check(GOOD, tests=tests)
    assert code == 1
    assert "1 failed, 1 passed" in said


def test_its_tests_can_be_left_out(check):
    code, said = check(GOOD, "--no-tests", tests="def test_wrong(): assert False")
    assert code == 0
    assert "failed" not in said


def test_a_plugin_that_is_not_installed_is_reported(check, capfd):
    assert main(["plugins", "check", "tessted"]) == 2
    assert "did you mean 'tested'?" in capfd.readouterr().err
