"""Values of settings are shown without secrets, and everything else stays readable."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from plughub.domain.secret_values import shown_command, without_secrets
from plughub.domain.secrets import HIDDEN, is_secret_name

SECRET = "sesame"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("password", SECRET),
        ("api_tokens", {SECRET: "alice"}),
        ("service_tokens", {SECRET: "cull"}),
        ("cookie_secret", SECRET.encode()),
        ("keys", [SECRET.encode()]),
        ("cmd", ["lab", "--password", SECRET]),
        ("cmd", ["lab", "--IdentityProvider.token", SECRET]),
        ("cmd", ["lab", "-passwd", SECRET]),
        ("cmd", ["lab", "--auth", SECRET]),
        ("cmd", ["lab", f"--password={SECRET}"]),
        ("cmd", ["lab", f"--ServerApp.token={SECRET} with a space"]),
        ("cmd", ["env", f"PGPASS={SECRET} with a space", "psql"]),
        ("cmd", ["sh", "-c", f"PGPASS={SECRET} exec lab --password {SECRET}"]),
        ("cmd", ["curl", "-H", f"Authorization: token {SECRET}"]),
        ("environment", {"PGPASS": SECRET, "AUTH": SECRET, "PWD_X": SECRET, "PLAIN": SECRET, "N": 1}),
        ("environment", [f"PLAIN={SECRET}"]),
        ("extra_env", [{"name": "PLAIN", "value": SECRET}]),
        ("environment", lambda: SECRET),
        ("services", [{"name": "cull", "api_token": SECRET, "environment": {"PLAIN": SECRET}}]),
        ("services", [{"name": "cull", "command": ["cull", "--token", SECRET]}]),
        ("services", [{"name": "cull", "url": f"http://cull:{SECRET}@127.0.0.1:9000"}]),
        ("services", [{"name": "cull", "url": f"https://{SECRET}@127.0.0.1:9000/"}]),
        ("db_url", f"postgresql://hub:{SECRET}@db/hub"),
        ("db_url", f"postgresql://hub:with/slash@{SECRET}@db/hub"),
        ("db_url", f"redis://:{SECRET}@db/0"),
        ("db_kwargs", {"connect_args": {"password": SECRET, "passfile": "x", "pw": SECRET}}),
        ("tornado_settings", {"headers": {"Authorization": f"token {SECRET}"}, "xsrf_cookie": SECRET}),
        ("pre_spawn_hook", partial(print, SECRET)),
        ("anything", {f"https://x:{SECRET}@db/": 1}),
    ],
)  # fmt: skip
def test_no_secret_is_shown(name: str, value: Any) -> None:
    shown = json.dumps(without_secrets(value, name))
    assert SECRET not in shown
    assert HIDDEN in shown or name == "pre_spawn_hook"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ip", "127.0.0.1"),
        ("port", 8000),
        ("password", ""),
        ("api_tokens", {}),
        ("enable_auth_state", True),
        ("cookie_secret_file", "jupyterhub_cookie_secret"),
        ("cookie_max_age_days", 14),
        ("token_limit_per_user", 5),
        ("token_expires_in_max_seconds", 3600),
        ("db_url", "sqlite:///jupyterhub.sqlite"),
        ("bind_url", "http://127.0.0.1:8000/user/a@b"),
        ("authenticator_class", "pam"),
        ("keep_alive", "author=alice"),
        ("env_keep", ["PATH", "LANG"]),
        ("cmd", ["lab", "--port", "8888", "--log-level=10"]),
        ("load_roles", [{"name": "tutor", "scopes": ["tokens!user"], "users": ["ann"]}]),
    ],
)
def test_other_values_stay(name: str, value: Any) -> None:
    assert without_secrets(value, name) == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"b", "a"}, ["a", "b"]),
        (("a", 1), ["a", 1]),
        (Path("/srv"), "/srv"),
        (print, "<builtins.print>"),
        (dict, "<builtins.dict>"),
        (object(), "<builtins.object object>"),
    ],
)
def test_values_that_json_lacks_are_described(value: Any, shown: Any) -> None:
    assert without_secrets(value) == shown


def test_a_command_is_shown_as_one_line_without_secrets() -> None:
    command = ["sh", "-c", f"exec lab --password {SECRET}", f"--token={SECRET}", "a b"]
    assert shown_command(command) == (f"sh -c 'exec lab --password {HIDDEN}' '--token={HIDDEN}' 'a b'")


def test_names_of_variables_are_shown() -> None:
    assert without_secrets({"LANG": "C"}, "environment") == {"LANG": HIDDEN}
    assert without_secrets(["LANG=C", "HOME"], "environment") == [f"LANG={HIDDEN}", "HOME"]


@pytest.mark.parametrize("name", ["PGPASS", "AUTH", "PWD_X", "MYSQL_PWD", "apiKey", "userPassword2", "db-pw"])
def test_a_name_of_a_secret_is_recognised(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["author", "oauth_provider", "passive_mode", "ssl_key_file", "port", ""])
def test_another_name_is_not(name: str) -> None:
    assert not is_secret_name(name)
