"""Whatever value a setting has, HAProxy accepts haproxy.cfg, and the value keeps its literal meaning."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plughub.domain.paths import check_base_url
from plughub.errors import StartError
from plughub.testing.quick import starts
from plughub_haproxy.binary import find_haproxy
from plughub_haproxy.configuration import Listener, render
from plughub_haproxy.instance import CONFIGURATION_NAME
from plughub_haproxy.pages import PAGES_NAME, pages_file
from plughub_haproxy.quoting import in_format, word
from plughub_haproxy.route_file import MAP_NAME

MEANT = "/a \"b'#c$d\\e%f{g}/"
SETTINGS: dict[str, dict[str, Any]] = {
    "nothing special": {},
    **{
        f"base_url {path}": {"base_url": check_base_url(path)}
        for path in ("/jupyter/", "/a/b/c/", "/space word/", '/it\'s "100%"/', "/über/", "/$HOME/")
    },
    "error pages at any path": {"error_path": MEANT + "hub/error"},
    "two ports": {"servers_port": 2, "base_url": check_base_url("/it's 100%/")},
    "hosts": {"hub_spec": "/", "base_url": check_base_url("/it's 100%/")},
    "all addresses": {"ip": ""},
    "both families": {"ip": "", "dual_stack": True},
    "IPv6": {"ip": "::1"},
    "a hub at a Unix socket": {"hub_socket": "/a \"b'#c$d\\e%f{g}/hub.sock"},
    "no limits": {"connections_per_address": 0, "requests_per_address": 0},
    "limits": {"connections_per_address": 5, "requests_per_address": 6},
    "trusted": {"trusted": ("10.0.0.0/8", "::1")},
}


@starts
def check(folder: Path, listener: Listener) -> subprocess.CompletedProcess[str]:
    (folder / PAGES_NAME).write_text(pages_file())
    (folder / MAP_NAME).write_text("")
    (folder / CONFIGURATION_NAME).write_text(render(listener, {}))
    command = [*find_haproxy([]), "-c", "-C", str(folder), "-f", CONFIGURATION_NAME]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


@pytest.mark.parametrize("changes", SETTINGS.values(), ids=SETTINGS.keys())
def test_haproxy_accepts_every_configuration(tmp_path: Path, changes: dict[str, Any]) -> None:
    base = changes.get("base_url", "/")
    plain = Listener(ip="127.0.0.1", port=1, hub_spec=base, error_path=f"{base}hub/error")

    checked = check(tmp_path, replace(plain, **changes))

    assert checked.returncode == 0, checked.stderr
    assert "[WARNING]" not in checked.stderr


@pytest.mark.parametrize("field", ["ip", "user", "group", "error_path"])
def test_a_setting_cannot_add_words_or_lines(tmp_path: Path, field: str) -> None:
    """HAProxy refuses an unusable word, and quotes it in full."""
    value = "127.0.0.1 name x'y\"z"
    listener = replace(Listener(ip="127.0.0.1", port=1, user="root", group="root"), **{field: value})  # type: ignore[arg-type]

    assert f"{value} " not in render(listener, {})
    checked = check(tmp_path, listener)

    if field != "error_path":
        assert checked.returncode
        assert value in checked.stderr


@pytest.mark.parametrize("field", ["ip", "user", "error_path", "hub_socket"])
@pytest.mark.parametrize("sign", ["\n", "\0", "\r"])
def test_a_control_character_is_refused(field: str, sign: str) -> None:
    with pytest.raises(StartError, match="control character") as refused:
        render(replace(Listener(ip="127.0.0.1", port=1), **{field: f"x{sign}    daemon"}), {})  # type: ignore[arg-type]
    assert refused.value.exit_code == 2


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_a_word_is_plain_and_can_be_read_back(text: str) -> None:
    def read(written: str) -> str:
        parts = written.encode("ascii").split(b"\\x")
        return b"".join(
            [parts[0], *(bytes.fromhex(part[:2].decode()) + part[2:] for part in parts[1:])]
        ).decode()

    assert not set(word(text)) & set(" \t\"'#$")
    assert read(word(text)) == text
    assert in_format(text) == word(text).replace("%", "%%")
