"""Answers that ``hub init`` needs: from the command line, from questions on a terminal, or defaults."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from plughub.app.login_links import caller
from plughub.domain.errors import HubError, StartError
from plughub.domain.names import check_username, normalize_username

LOGINS: Final = {
    "link": "login links that you create for people: no passwords, for a trial or a few people",
    "pam": "the accounts of this machine, with their passwords (requires root)",
    "dummy": "any name, without a password: for tests on this machine only",
}
SERVERS: Final = {
    "local": "processes on this machine, as the system account of each user (requires root for others)",
    "simple": "processes on this machine, all as the hub's own user: no isolation",
    "docker": "containers on this machine",
    "swarm": "containers on the machines of a Docker Swarm",
}
MACHINES: Final = {
    "one": "a hub on this machine, with a SQLite file",
    "many": "several hub processes, with a PostgreSQL database that they share",
}
SYSTEMD: Final = "systemd"
COMPOSE: Final = "compose"
SERVICES: Final = {
    "none": "start the hub in a terminal",
    SYSTEMD: "also write a systemd unit",
    COMPOSE: "also write a Dockerfile and a compose file: the hub in a container, too (servers: docker)",
}
DATABASE: Final = "postgresql://hub@localhost/hub"
EVERYONE: Final = "all"
T = TypeVar("T")
_CLASS: Final = re.compile(r"[A-Za-z_][\w.-]*(?::[A-Za-z_]\w*)?")


@dataclass(frozen=True, slots=True)
class SiteAnswers:
    """What the config file of a new hub is made from.

    Attributes:
        logins: key of `LOGINS`, another plugin, or an authenticator written for JupyterHub.
        servers: key of `SERVERS`, another plugin, or a spawner written for JupyterHub.
        machines: key of `MACHINES`.
        database: URL of the database; empty for a SQLite file in the hub's folder.
        admins: usernames.
        users: usernames that may log in; ``all`` for everyone who can sign in; empty for administrators only.
        service: key of `SERVICES`.
    """

    logins: str
    servers: str
    machines: str
    database: str
    admins: tuple[str, ...]
    users: tuple[str, ...]
    service: str


def add_answers(parser: argparse.ArgumentParser) -> None:
    """Add an option for each answer."""
    names = "another plugin, or a class for JupyterHub"
    parser.add_argument("--logins", metavar="HOW", help=f"who signs in: {', '.join(LOGINS)}, {names}")
    parser.add_argument(
        "--servers", metavar="WHERE", help=f"where servers run: {', '.join(SERVERS)}, {names}"
    )
    parser.add_argument(
        "--machines", choices=MACHINES, help="one hub process, or many on PostgreSQL (--db URL)"
    )
    parser.add_argument("--admins", metavar="A,B", help="administrators; default: yourself")
    parser.add_argument(
        "--users", metavar="A,B", help="users who may log in; 'all': everyone who can sign in"
    )
    parser.add_argument("--service", choices=SERVICES, help="also write a file for a service manager")


def collect_answers(options: argparse.Namespace) -> SiteAnswers:
    """Take answers from options; ask for the others, or use defaults with ``--yes``.

    Raises:
        StartError: an answer is invalid, or there is no terminal to ask on.
    """
    ask = _Questions(accepts_defaults=options.yes)
    logins = ask.choice("Who signs in?", "--logins", options.logins, LOGINS, "link", is_open=True)
    is_root = os.geteuid() == 0
    here = "local" if is_root else "simple"
    servers = ask.choice("Where do servers run?", "--servers", options.servers, SERVERS, here, is_open=True)
    likely = "many" if servers == "swarm" or options.db else "one"
    machines = ask.choice("One hub process or several?", "--machines", options.machines, MACHINES, likely)
    database = options.db or ""
    if machines == "many":
        database = ask.text("Database URL", "--db", options.db, DATABASE)
    likely = "" if is_root and caller() == "root" and logins == "pam" else caller()  # root cannot log in
    admins = ask.names("Administrators, separated by commas", "--admins", options.admins, likely)
    users: tuple[str, ...] = ()
    if logins != "link":
        likely = EVERYONE if logins in LOGINS else ""
        question = "Users who may log in, separated by commas ('all': everyone who can sign in)"
        users = ask.names(question, "--users", options.users, likely)
    service = ask.choice("How is the hub started?", "--service", options.service, SERVICES, "none")
    if service == COMPOSE and (servers != "docker" or logins == "pam"):
        raise StartError(
            f"a hub in a container cannot use the servers {servers!r} with the logins {logins!r}",
            hint="with --service compose, use --servers docker, and other logins than pam",
        )
    return SiteAnswers(logins, servers, machines, database, admins, users, service)


class _Questions:
    """Questions on the terminal, for what the command line does not answer.

    Args:
        accepts_defaults: use defaults without a question.
    """

    def __init__(self, *, accepts_defaults: bool) -> None:
        self._accepts_defaults = accepts_defaults

    def choice(
        self,
        question: str,
        option: str,
        given: str | None,
        choices: Mapping[str, str],
        likely: str,
        *,
        is_open: bool = False,
    ) -> str:
        """Return one of the choices; if `is_open`, also the name of a class."""

        def check(answer: str) -> str:
            if answer.isdecimal() and 0 < int(answer) <= len(choices):
                return list(choices)[int(answer) - 1]
            if answer in choices or (is_open and _CLASS.fullmatch(answer)):
                return answer
            raise StartError(f"{option} {answer!r} is not one of {', '.join(choices)}")

        lines = [f"  {number}. {name:8}{text}" for number, (name, text) in enumerate(choices.items(), 1)]
        lines += [
            "  or the name of another plugin, or of a class for JupyterHub (with plughub-jupyterhub)"
        ] * is_open
        return self._ask("\n".join(["", question, *lines, "Choice"]), option, given, likely, check)

    def text(self, question: str, option: str, given: str | None, likely: str) -> str:
        """Return a text."""
        return self._ask(f"\n{question}", option, given, likely, str)

    def names(self, question: str, option: str, given: str | None, likely: str) -> tuple[str, ...]:
        """Return usernames; ``all`` alone is returned as it is."""
        return self._ask(f"\n{question}", option, given, likely, _names)

    def _ask(self, prompt: str, option: str, given: str | None, likely: str, check: Callable[[str], T]) -> T:
        if given is not None:
            return check(given)
        if self._accepts_defaults:
            return check(likely)
        if not sys.stdin.isatty():
            raise StartError(
                f"{option} is missing, and there is no terminal to ask on",
                hint="give it, or add -y for the defaults of all answers: hub init --help",
            )
        while True:
            try:
                answer = input(f"{prompt} [{likely}]: ").strip()
            except EOFError:
                raise StartError("no answer: nothing was written") from None
            try:
                return check(answer or likely)
            except HubError as error:
                print(error)


def _names(text: str) -> tuple[str, ...]:
    if text.strip() == EVERYONE:
        return (EVERYONE,)
    names = filter(None, map(str.strip, text.split(",")))
    return tuple(dict.fromkeys(check_username(normalize_username(name)) for name in names))
