"""Texts of the files that ``hub init`` writes."""

from __future__ import annotations

import importlib.resources
import os
import re
import socket
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from string import Template
from typing import Any, Final

import psutil

from plughub.cli.site_answers import COMPOSE, EVERYONE, LOGINS, SERVERS, SYSTEMD, SiteAnswers
from plughub.plugin.loader import distribution_of, installed_plugins
from plughub.services.users.login_links import PLUGIN as ONETIME

UNIT_FILE: Final = "plughub.service"
_PLUGINS: Final = {"link": "onetime", "local": "localprocess"}
_SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_BRIDGE: Final = "docker0"
_BRIDGE_ADDRESS: Final = "172.17.0.1"
"""Address of the engine's default bridge, unless it was configured otherwise."""


def plugins_of(answers: SiteAnswers) -> list[str]:
    """Return the names of the plugins that a hub with these answers needs."""
    chosen = [_plugin_of(answers.logins, LOGINS), _plugin_of(answers.servers, SERVERS)]
    return [*(["jupyterhub"] if None in chosen else []), *filter(None, chosen), "haproxy"]


def _plugin_of(name: str, known: Mapping[str, str]) -> str | None:
    """Return the plugin that an answer means; None if it names a class for JupyterHub."""
    if name in known or name in installed_plugins():
        return _PLUGINS.get(name, name)
    return None


def _about(name: str, known: Mapping[str, str]) -> str:
    kind = "a class written for JupyterHub" if _plugin_of(name, known) is None else f"the plugin {name}"
    return f"# {known.get(name, kind)}"


def config_text(answers: SiteAnswers, folder: Path, settings: Mapping[str, Any], command: str) -> str:
    """Return the text of a config file.

    Args:
        answers: what it is made from.
        folder: absolute path of the folder of the hub.
        settings: settings of `JupyterHub` from the command line, such as ``port``.
        command: what a person types for the command ``hub`` with this file.
    """
    parts = [
        _head(answers, command),
        _addresses(answers, settings),
        _logins(answers),
        _servers(answers, folder),
    ]
    if answers.machines == "many":
        parts.append(_several_hubs(answers))
    elif answers.database:
        parts.append(["# ---- Database", _line("JupyterHub.db_url", answers.database)])
    parts.append(_operation(answers))
    return "\n".join("\n".join(part) + "\n" for part in parts)


def service_files(config_file: Path, answers: SiteAnswers, command: str) -> dict[str, str]:
    """Return the texts of the files for a service manager or an engine, by name.

    Args:
        config_file: absolute path; the files belong into its folder.
        answers: what they are made from.
        command: absolute path of ``hub``.
    """
    if answers.service == SYSTEMD:
        return {UNIT_FILE: _unit(config_file, answers, command)}
    if answers.service == COMPOSE:
        packages = ["plughub", *(distribution_of(name) for name in plugins_of(answers) if name != ONETIME)]
        names = " ".join(dict.fromkeys(packages))
        return {
            "Dockerfile": _template("Dockerfile").substitute(packages=names),
            "compose.yaml": _template("compose.yaml").substitute(config=config_file.name),
        }
    return {}


def next_commands(answers: SiteAnswers, command: str) -> list[str]:
    """Return the commands that start the hub.

    Args:
        answers: what its files are made from.
        command: what a person types for the command ``hub`` with the config file.
    """
    if answers.service == COMPOSE:
        link = ["docker compose exec hub hub link NAME"] if answers.logins == "link" else []
        return ["docker compose up --build --detach", *link]
    commands = [f"{command} check", command]
    if answers.service == SYSTEMD:
        commands[1:] = [
            f"sudo install -m 0644 {UNIT_FILE} /etc/systemd/system/",
            "sudo systemctl daemon-reload",
            "sudo systemctl enable --now plughub",
        ]
    return commands


def _unit(config_file: Path, answers: SiteAnswers, command: str) -> str:
    needs_root = "pam" in plugins_of(answers) or answers.servers == "local"
    return _template(UNIT_FILE).substitute(
        # In this line, systemd also expands variables.
        command=f"{_word_of_unit(command)} -f {_word_of_unit(config_file)}".replace("$", "$$"),
        folder=_of_unit(config_file.parent),
        path=_word_of_unit(f"PATH={Path(command).parent}:{_SYSTEM_PATH}"),
        user="root" if needs_root else (os.environ.get("SUDO_USER") or _own_name()),
    )


def _template(name: str) -> Template:
    return Template(importlib.resources.files("plughub.cli").joinpath("templates", name).read_text())


def _head(answers: SiteAnswers, command: str) -> list[str]:
    return [
        "# Configuration of plughub, written by hub init. Change any line; nothing rewrites this file.",
        f"# Check it: {command} check",
        f"# All settings, with their help: {command} --help-all",
        "c = get_config()  # noqa: F821",
        "",
        "# Plugins that are active. All installed ones: hub plugins",
        _line("JupyterHub.plugins", plugins_of(answers)),
    ]


def _addresses(answers: SiteAnswers, settings: Mapping[str, Any]) -> list[str]:
    shown = {"ip": "127.0.0.1", "port": 8000} if not {"ip", "port", "bind_url"} & set(settings) else {}
    if answers.service == COMPOSE:
        shown = {"ip": "0.0.0.0"}  # noqa: S104 - inside the container
    shown |= {name: value for name, value in settings.items() if name not in {"db_url", "answer_yes"}}
    lines = ["# ---- Address"]
    if "bind_url" not in settings and shown.get("ip") == "127.0.0.1":
        lines += [
            "# Only this machine can connect. All addresses: an empty text, and TLS by the two lines below."
        ]
    lines += [_line(f"JupyterHub.{name}", value) for name, value in shown.items()]
    if "ssl_key" not in settings:
        lines += [
            '# c.JupyterHub.ssl_cert = "/etc/plughub/cert.pem"',
            '# c.JupyterHub.ssl_key = "/etc/plughub/key.pem"',
        ]
    if answers.service == COMPOSE:
        lines += [
            "# The name of the service in the compose file, which publishes the port.",
            _line("JupyterHub.hub_ip", "0.0.0.0"),  # noqa: S104 - inside the container
            _line("JupyterHub.hub_connect_ip", "hub"),
        ]
    elif answers.servers == "docker":
        lines += [
            "# Where containers reach this machine; 127.0.0.1 is the container itself.",
            _line("JupyterHub.hub_ip", bridge_address()),
        ]
    elif answers.servers not in {"local", "simple"} or answers.machines == "many":
        lines += [
            "# Other machines connect to port 8081 of this one: protect it by a firewall.",
            _line("JupyterHub.hub_ip", "0.0.0.0"),  # noqa: S104 - the purpose of this setting
            _line("JupyterHub.hub_connect_ip", socket.gethostname()),
        ]
    return lines


def _logins(answers: SiteAnswers) -> list[str]:
    lines = ["# ---- Who signs in", _about(answers.logins, LOGINS)]
    if _plugin_of(answers.logins, LOGINS) is None:
        lines += [_line("JupyterHub.authenticator_class", answers.logins), *_oauth(answers)]
    if answers.logins == "link":
        lines.append("# A link for a person, valid for one hour, in this folder: hub link NAME")
    lines += [
        "# Administrators see and manage everything.",
        _line("Authenticator.admin_users", set(answers.admins)),
    ]
    if answers.users == (EVERYONE,):
        lines += ["# Everyone who can sign in may use the hub.", _line("Authenticator.allow_all", True)]
    elif answers.logins != "link":
        lines += ["# Others who may use the hub.", _line("Authenticator.allowed_users", set(answers.users))]
    return lines


def _oauth(answers: SiteAnswers) -> Iterator[str]:
    """Yield settings of a class of oauthenticator; none for another class."""
    registered = {found.name: found.value for found in entry_points(group="jupyterhub.authenticators")}
    if registered.get(answers.logins, answers.logins).startswith("oauthenticator"):
        yield "# The provider issues both for the callback address https://HUB/hub/oauth_callback."
        yield "import os"
        yield ""
        yield 'c.OAuthenticator.client_id = os.environ.get("OAUTH_CLIENT_ID", "")'
        yield 'c.OAuthenticator.client_secret = os.environ.get("OAUTH_CLIENT_SECRET", "")'


def _servers(answers: SiteAnswers, folder: Path) -> list[str]:
    lines = ["# ---- Where servers run", _about(answers.servers, SERVERS)]
    if _plugin_of(answers.servers, SERVERS) is None:
        lines.append(_line("JupyterHub.spawner_class", answers.servers))
    if answers.servers == "simple":
        lines += [
            "# Folders of users.",
            _line("SimpleLocalProcessSpawner.home_dir_template", f"{folder}/homes/{{username}}"),
        ]
        if os.geteuid() == 0:
            lines += [
                "# Root runs no notebooks: run this hub as another user. To allow root:",
                '# c.SystemAccounts.allowed = {"root"}',
            ]
    if answers.servers in {"docker", "swarm"}:
        section = f"{answers.servers.capitalize()}Spawner"
        lines += [
            "# Pull it first: docker pull quay.io/jupyterhub/singleuser:6.1",
            _line(f"{section}.image", "quay.io/jupyterhub/singleuser:6.1"),
            "# Files of users outlive their containers.",
            _line(f"{section}.volumes", {"jupyter-{username}": "/home/jovyan/work"}),
            _line(f"{section}.remove", True),
        ][: 5 if answers.servers == "docker" else 4]
    if answers.service == COMPOSE:
        lines.append(_line("DockerSpawner.network_name", "jupyter"))
    return [*lines, '# c.Spawner.mem_limit = "2G"', "# c.Spawner.cpu_limit = 2"]


def _several_hubs(answers: SiteAnswers) -> list[str]:
    return [
        "# ---- Several hub processes",
        "# Each needs this file, the database, jupyterhub_cookie_secret, and its own host name.",
        "# On one machine, give each another port: hub --JupyterHub.hub_port=8082",
        _line("JupyterHub.db_url", answers.database),
    ]


def _operation(answers: SiteAnswers) -> list[str]:
    keeps = answers.service != "none"
    return [
        "# ---- Restarts",
        "# False: servers and proxy keep running while the hub restarts. True: Ctrl-C stops them, too.",
        _line("JupyterHub.cleanup_servers", not keeps),
        _line("JupyterHub.cleanup_proxy", not keeps),
    ]


def bridge_address() -> str:
    """Return the address of this machine on the default network of the Docker engine."""
    found = psutil.net_if_addrs().get(_BRIDGE, [])
    return next((str(one.address) for one in found if one.family is socket.AF_INET), _BRIDGE_ADDRESS)


def _line(name: str, value: object) -> str:
    return f"c.{name} = {_literal(value)}"


def _literal(value: object) -> str:
    """Write a value as Python code, with sets in order."""
    if isinstance(value, set):
        return "{" + ", ".join(map(_literal, sorted(value))) + "}" if value else "set()"
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(item)}" for key, item in value.items()) + "}"
    text = repr(value)
    return f'"{text[1:-1]}"' if isinstance(value, str) and text[0] == "'" and '"' not in text else text


def _of_unit(text: object) -> str:
    """Write a text as the value of a line of a unit, where systemd expands ``%``."""
    return str(text).replace("%", "%%")


def _word_of_unit(text: object) -> str:
    """Write a text as one word of a line that systemd splits at spaces."""
    plain = _of_unit(text).replace("\\", r"\\").replace('"', r"\"")
    return f'"{plain}"' if re.search(r"""[\s'"\\;]""", plain) else plain


def _own_name() -> str:
    return psutil.Process().username()
