"""A plugin that adds a page, a template, a setting and a command to the hub."""

import subprocess
import urllib.error
import urllib.request

import pytest

from plughub.testing.hub import HubProcess


def test_a_plugin_adds_a_page_a_template_and_a_setting(installed, tmp_path):
    config = "c.NoticeBoard.text = 'closed on Friday'\n"
    plugins = "noticeboard,simple,dummy"
    with HubProcess(
        tmp_path, "--plugins", plugins, config=config, env=installed.env, python=installed.python
    ) as hub:
        with urllib.request.urlopen(f"{hub.url}hub/notices") as page:
            assert page.url.endswith("/hub/login?next=%2Fhub%2Fnotices")
        hub_command = [installed.python, "-m", "plughub", "token", "reader"]
        made = subprocess.run(hub_command, cwd=tmp_path, capture_output=True, text=True, check=True)
        asked = urllib.request.Request(
            f"{hub.url}hub/api/notices", headers={"Authorization": f"token {made.stdout.strip()}"}
        )
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(asked)
        with urllib.request.urlopen(f"{hub.url}hub/static/notices.css") as style:
            assert b"#notice" in style.read()
        with urllib.request.urlopen(f"{hub.url}hub/login") as page:
            assert b"notices" not in page.read()


def test_a_plugin_adds_a_command(installed, tmp_path):
    def hub(*arguments):
        return subprocess.run(
            [installed.python, "-m", "plughub", *arguments], cwd=tmp_path, capture_output=True, text=True
        )

    shown = hub("--plugins", "noticeboard", "--NoticeBoard.text=closed", "notices")
    assert (shown.returncode, shown.stdout) == (0, "closed\n")
    unknown = hub("--plugins", "noticeboard", "notice")
    assert unknown.returncode == 2
    assert "did you mean 'notices'?" in unknown.stderr
    assert list(tmp_path.iterdir()) == []
