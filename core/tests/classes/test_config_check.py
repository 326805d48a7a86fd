from __future__ import annotations

import pytest
from traitlets import Bool, HasTraits, Integer, List, Unicode
from traitlets.config import Config, Configurable

from plughub.classes.config_check import known_sections, unknown_settings


class Limits(HasTraits):
    mem_limit = Integer().tag(config=True)


class Spawner(Configurable):
    cmd = List(Unicode()).tag(config=True)
    environment = List().tag(config=True)
    internal = Bool()


class DockerSpawner(Limits, Spawner):
    image = Unicode().tag(config=True)


class JupyterHub(Configurable):
    base_url = Unicode().tag(config=True)
    port = Integer().tag(config=True)


FOREIGN = {"KubeSpawner": "plugin 'kube'", "Spawner2": "plugin 'two'", "PamAuthenticator": "plugin 'pam'"}


def found(config: Config) -> list[str]:
    return unknown_settings(config, [JupyterHub, DockerSpawner], FOREIGN).errors


def test_settings_of_active_classes_are_accepted() -> None:
    config = Config()
    config.JupyterHub.port = 8000
    config.Spawner.cmd = ["a"]
    config.DockerSpawner.image = "lab"
    config.DockerSpawner.cmd = ["b"]
    assert found(config) == []


def test_settings_of_a_mixin_are_accepted() -> None:
    config = Config()
    config.DockerSpawner.mem_limit = 1
    assert found(config) == []


def test_a_base_section_may_set_what_the_active_class_has() -> None:
    config = Config()
    config.Spawner.image = "lab"
    assert found(config) == []
    assert DockerSpawner(config=config).image == "lab"


def test_empty_sections_are_accepted() -> None:
    config = Config()
    config.Unknown  # noqa: B018 - reading a section makes it
    assert found(config) == []


@pytest.mark.parametrize(
    ("section", "key", "message"),
    [
        (
            "JupyterHub",
            "prot",
            "c.JupyterHub.prot: JupyterHub has no such setting; did you mean c.JupyterHub.port?",
        ),
        ("Spawner", "port", "c.Spawner.port: Spawner has no such setting; did you mean c.JupyterHub.port?"),
        ("Spawner", "zzz", "c.Spawner.zzz: Spawner has no such setting"),
        ("Spawner", "internal", "c.Spawner.internal: Spawner has no such setting"),
        ("Spwaner", "cmd", "c.Spwaner (cmd): no active plugin has a class Spwaner; did you mean Spawner?"),
        ("Zzz", "cmd", "c.Zzz (cmd): no active plugin has a class Zzz; check that its plugin is installed"),
        (
            "Limits",
            "mem_limit",
            "c.Limits (mem_limit): no active plugin has a class Limits; check that its plugin is installed",
        ),
        (
            "PAMAuthenticator",
            "allowed_groups",
            (
                "c.PAMAuthenticator (allowed_groups) restricts logins, but belongs to plugin 'pam', which is not "
                "active: add it to --plugins, or remove these lines"
            ),
        ),
        (
            "KubeSpwaner",
            "cmd",
            "c.KubeSpwaner (cmd): no active plugin has a class KubeSpwaner; did you mean KubeSpawner?",
        ),
    ],
)
def test_an_unknown_setting_is_reported_with_a_suggestion(section: str, key: str, message: str) -> None:
    assert found(Config({section: {key: 1}})) == [message]


def test_a_list_that_is_extended_counts_as_a_setting() -> None:
    config = Config()
    config.Spawner.cmd.append("--debug")
    config.Spawner.cmds.append("--debug")
    assert found(config) == ["c.Spawner.cmds: Spawner has no such setting; did you mean c.Spawner.cmd?"]


def test_a_setting_without_a_class_is_reported() -> None:
    config = Config()
    config["port"] = 8000
    assert found(config) == ["c.port has no class: use c.JupyterHub.port, or the class of the setting"]


def test_a_section_inside_a_section_is_checked_too() -> None:
    config = Config()
    config.JupyterHub.DockerSpawner.image = "lab"
    config.JupyterHub.DockerSpawner.imgae = "lab"
    assert found(config) == [
        "c.JupyterHub.DockerSpawner.imgae: DockerSpawner has no such setting; did you mean c.DockerSpawner.image?"
    ]


def test_all_mistakes_are_reported_together_in_the_order_of_the_file() -> None:
    config = Config()
    config.Zzz.a = 1
    config.Zzz.b = 1
    config.JupyterHub.prot = 1
    assert [message.split(":")[0] for message in found(config)] == ["c.Zzz (a, b)", "c.JupyterHub.prot"]


def test_a_value_never_appears_in_a_message() -> None:
    config = Config({"Zzz": {"password": "hunter2"}, "JupyterHub": {"cookie_secert": "hunter2"}})
    assert "hunter2" not in " ".join(found(config))


def test_the_sections_of_a_class_are_those_that_it_inherits_from() -> None:
    assert set(known_sections([DockerSpawner])) == {"Configurable", "Spawner", "DockerSpawner"}


def test_a_setting_of_jupyterhub_is_reported_with_advice() -> None:
    instead = {"JupyterHub.admin_users": "set it there", "Spawner.old": "remove it"}
    config = Config()
    config.JupyterHub.admin_users = {"ada"}
    config.DockerSpawner.old = 1
    assert unknown_settings(config, [JupyterHub, DockerSpawner], FOREIGN, instead).errors == [
        "c.JupyterHub.admin_users is a setting of JupyterHub without effect in plughub: set it there",
        "c.DockerSpawner.old is a setting of JupyterHub without effect in plughub: remove it",
    ]


def test_a_setting_of_an_unknown_class_of_jupyterhub_is_reported_with_advice() -> None:
    config = Config()
    config.Application.log_level = 10
    instead = {"Application.log_level": "write it elsewhere"}
    [problem] = unknown_settings(config, [JupyterHub], {}, instead).errors
    assert problem.endswith("without effect in plughub: write it elsewhere")


def test_sections_of_inactive_plugins_and_other_programs_may_stay() -> None:
    config = Config()
    config.KubeSpawner.image = "lab"
    config.ServerApp.port = 1
    config.ServerApp.token = "geheim"
    config.PAMAuthenticator.service = "login"
    config.JupyterHub.KubeSpawner.image = "lab"
    findings = unknown_settings(config, [JupyterHub, DockerSpawner], FOREIGN)
    assert findings.errors == []
    assert findings.inactive == [
        "c.KubeSpawner (image; of plugin 'kube')",
        "c.ServerApp (port, token; of another program)",
        "c.PAMAuthenticator (service; of plugin 'pam')",
        "c.JupyterHub.KubeSpawner (image; of plugin 'kube')",
    ]


@pytest.mark.parametrize(
    "key",
    [
        "allowed_users",
        "allow_all",
        "blocked_users",
        "whitelist",
        "group_whitelist",
        "blacklist",
        "username_pattern",
    ],
)
def test_a_restriction_of_logins_by_an_inactive_authenticator_is_never_lost_silently(key: str) -> None:
    config = Config({"PAMAuthenticator": {key: {"ann"}}})
    findings = unknown_settings(config, [JupyterHub], FOREIGN)
    assert findings.inactive == []
    assert len(findings.errors) == 1
